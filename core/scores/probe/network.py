"""The small network behind the probe: a fixed high pass, four convolutions, one linear layer."""

from __future__ import annotations

import math

import torch
from torch import nn

WIDTH = 16
FEATURES = 4 * WIDTH
# what the high pass leaves is small; ×8 brings it to about unit size
GAIN = 8.0


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
