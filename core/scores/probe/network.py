"""The small network behind the probe: a fixed high pass, four convolutions, one linear layer."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import nn

from ...types import Int64, UInt8

WIDTH = 16
FEATURES = 4 * WIDTH
# what the high pass leaves is small; ×8 brings it to about unit size
GAIN = 8.0
EVALUATION_ROWS = 1024
PIECE = 4096
# of the device's free memory; the rest is for activations
SHARE_OF_DEVICE = 0.5


class Network(nn.Module):
    """High-passed images (b, 3, h, w) -> logits (b, classes), of any height and width.

    Average and maximum are both pooled: a pattern over the whole image moves the one, a small patch the other.
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *_block(3, WIDTH, 2), *_block(WIDTH, 2 * WIDTH, 1), *_block(2 * WIDTH, 2 * WIDTH, 2), *_block(2 * WIDTH, 2 * WIDTH, 2)
        )
        self.head = nn.Linear(FEATURES, classes)

    def features(self, x: torch.Tensor) -> torch.Tensor:
        """Penultimate activations (b, 64)."""
        maps = self.body(x)
        return torch.cat([maps.mean((2, 3)), maps.amax((2, 3))], dim=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.features(x))  # type: ignore[no-any-return]


def _block(inward: int, outward: int, stride: int) -> list[nn.Module]:
    return [nn.Conv2d(inward, outward, 3, stride, padding=1, bias=False), nn.BatchNorm2d(outward), nn.ReLU(inplace=True)]


def build(classes: int, generator: torch.Generator, device: str) -> Network:
    """A network whose weights depend on `generator` (on the CPU) alone; the global generators are not touched."""
    # on the "meta" device a layer's own initialisation draws nothing
    with torch.device("meta"):
        network = Network(classes)
    network = network.to_empty(device="cpu")
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.reset_running_stats()
            nn.init.ones_(layer.weight)
            nn.init.zeros_(layer.bias)
        elif isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu", generator=generator)
        elif isinstance(layer, nn.Linear):
            bound = 1 / math.sqrt(layer.in_features)
            nn.init.uniform_(layer.weight, -bound, bound, generator=generator)
            nn.init.zeros_(layer.bias)
    return network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


class HighPass:
    """uint8 (b, h, w, 3) -> float32 (b, 3, h, w), channels last: image minus its 5×5 binomial blur, ×8, 1 = full scale.

    Edges are repeated outward. On plain images a short probe learns content instead of the trigger. The blur is two
    matrix products, which is 13 times faster on a CPU than pooling or a convolution.
    """

    def __init__(self, height: int, width: int, device: torch.device) -> None:
        self.down = _blur_matrix(height).to(device)
        # colours lie innermost in memory: one product blurs the rows of all three
        self.across = torch.kron(_blur_matrix(width), torch.eye(3)).T.contiguous().to(device)

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        b, h, w, c = images.shape
        x = images.float().mul_(GAIN / 255)  # (b, h, w, 3)
        blurred = torch.matmul(self.down, (x.view(b * h, w * c) @ self.across).view(b, h, w * c))
        return x.sub_(blurred.view(b, h, w, c)).permute(0, 3, 1, 2)


def _blur_matrix(length: int) -> torch.Tensor:
    """(length, length): each row holds 1 4 6 4 1 (over 16) about the diagonal; what falls off an edge stays on it."""
    matrix = torch.zeros(length, length)
    at = torch.arange(length)
    for offset, weight in zip(range(-2, 3), (1, 4, 6, 4, 1), strict=True):
        matrix.index_put_((at, (at + offset).clamp(0, length - 1)), torch.tensor(weight / 16), accumulate=True)
    return matrix


class Images:
    """The set's pixels, uint8 (n, h, w, 3), on the device where they fit there, else batch by batch from the host."""

    def __init__(self, pixels: UInt8, device: str) -> None:
        self.device, self.pixels = torch.device(device), pixels
        self.high_pass = HighPass(pixels.shape[1], pixels.shape[2], self.device)
        self.held: torch.Tensor | None = None
        if self.device.type == "cuda" and pixels.nbytes < SHARE_OF_DEVICE * torch.cuda.mem_get_info(self.device)[0]:
            # piece by piece: the host never holds a second copy of the set
            self.held = torch.empty(pixels.shape, dtype=torch.uint8, device=self.device)
            for start in range(0, len(pixels), PIECE):
                self.held[start : start + PIECE] = torch.from_numpy(pixels[start : start + PIECE].copy())

    def batch(self, rows: torch.Tensor) -> torch.Tensor:
        """High-passed images of `rows` (int64, on the CPU): (b, 3, h, w) on the device."""
        if self.held is not None:
            return self.high_pass(self.held[rows.to(self.device, non_blocking=True)])
        chosen = torch.from_numpy(self.pixels[rows.numpy()])
        if self.device.type == "cuda":
            chosen = chosen.pin_memory().to(self.device, non_blocking=True)
        return self.high_pass(chosen)


def half_precision(device: str) -> torch.dtype | None:
    """What to compute in on this device: bfloat16 or float16 on CUDA, None (float32) on the CPU."""
    if torch.device(device).type != "cuda":
        return None
    return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16


def blocks(rows: Int64, size: int) -> Iterator[torch.Tensor]:
    """`rows` in order, `size` at a time."""
    for start in range(0, len(rows), size):
        yield torch.from_numpy(rows[start : start + size])
