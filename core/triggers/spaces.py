"""Where a planted pattern is loud and content is quiet: five ways to look at an image, each a vector a row.

All vectors have length √D, so one coordinate is about one unit and a row's projection on a unit direction about one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from ..types import UInt8
from .grain import grain

# images at a time: on a CPU few enough that what lies between two steps stays in its cache
CPU_BATCH, BATCH = 256, 2048
WINDOW = 7
ENERGY_CELLS = 16
CONTRAST_FLOOR = 0.02  # of full scale: flat regions keep their noise small
CLIP = 8.0
SHRINK = 0.02
# a hundred numbers are known better than a thousand from the same images
GRAIN_SHRINK = 0.002
FARTHEST = 6.0

Tensor = torch.Tensor
T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Space:
    """name: "plain", "calm", "fine", "energy" or "window".  vectors: images float32 (m, 3, s, s) in 0…1 -> (m, D).

    places: (images, direction) -> int64 (m, 2), middle of the window that is most like the direction, row and column,
    where the space moves; else None.
    """

    name: str
    device: torch.device
    vectors: Callable[[Tensor], Tensor]
    places: Callable[[Tensor, Tensor], Tensor] | None = None

    def of(self, pixels: UInt8, rows: NDArray[np.int64]) -> Tensor:
        """Vectors of `rows`, float32 (m, D), on the space's device."""
        return torch.cat(each_batch(self.vectors, pixels, rows, self.device))


def batches(pixels: UInt8, rows: NDArray[np.int64], device: torch.device) -> Iterator[Tensor]:
    """Images of `rows` one batch after the other, float32 (m, 3, s, s) in 0…1."""
    size = CPU_BATCH if device.type == "cpu" else BATCH
    for start in range(0, len(rows), size):
        yield _images(pixels[rows[start : start + size]], device)


def each_batch(work: Callable[[Tensor], T], pixels: UInt8, rows: NDArray[np.int64], device: torch.device) -> list[T]:
    """What `work` makes of each batch of images, in order.

    On a CPU batches run side by side, each on one thread: to wake all threads for every small step takes longer than the steps.
    """
    if device.type != "cpu":
        return [work(images) for images in batches(pixels, rows, device)]
    inference, threads = torch.is_inference_mode_enabled(), torch.get_num_threads()

    def one(start: int) -> T:
        with torch.inference_mode(inference):
            return work(_images(pixels[rows[start : start + CPU_BATCH]], device))

    torch.set_num_threads(1)
    try:
        with ThreadPoolExecutor(threads) as pool:
            return list(pool.map(one, range(0, len(rows), CPU_BATCH)))
    finally:
        torch.set_num_threads(threads)


def _images(block: UInt8, device: torch.device) -> Tensor:
    # the bytes cross to the device before they become floats
    return torch.from_numpy(np.ascontiguousarray(block)).to(device).permute(0, 3, 1, 2).float().div_(255.0)


# ---- building blocks -----------------------------------------------------------------------------------------


def high_pass(x: Tensor) -> Tensor:
    """x minus its 5×5 binomial blur; (m, c, s, s)."""
    blur = _band((1, 4, 6, 4, 1), x.shape[-1], x.device)
    return x - blur @ x @ blur.T


@lru_cache(maxsize=16)
def _band(weights: tuple[int, ...], side: int, device: torch.device) -> Tensor:
    """(side, side): the matrix that averages each pixel of a line with its neighbours, mirrored at the ends."""
    half, last = len(weights) // 2, max(side - 1, 1)
    band = torch.zeros(side, side)
    for i in range(side):
        for step, weight in enumerate(weights, start=-half):
            at = abs(i + step) % (2 * last)
            band[i, min(at, 2 * last - at)] += weight / sum(weights)
    return band.to(device)


def equal_contrast(h: Tensor) -> Tensor:
    """h divided by the root mean square of its 9×9 surroundings, so that textured places do not shout."""
    return h / (local_power(h) + CONTRAST_FLOOR**2).sqrt()


def local_power(h: Tensor) -> Tensor:
    """Mean square of the 9×9 surroundings over all channels, (m, 1, s, s)."""
    mean = _band((1,) * 9, h.shape[-1], h.device)
    return mean @ h.square().mean(1, keepdim=True) @ mean.T


def opponent(x: Tensor) -> Tensor:
    """Red, green, blue -> grey and two colour differences, orthonormal; (m, 3, s, s)."""
    axes = torch.tensor([[1.0, 1.0, 1.0], [1.0, -1.0, 0.0], [1.0, 1.0, -2.0]], device=x.device)
    return torch.einsum("oc,mchw->mohw", axes / axes.norm(dim=1, keepdim=True), x)


def cosine_basis(side: int, device: torch.device) -> Tensor:
    """Orthonormal DCT-II, (side, side): row k is the cosine of k half periods."""
    k = torch.arange(side, device=device, dtype=torch.float32)[:, None]
    i = torch.arange(side, device=device, dtype=torch.float32)[None]
    basis = torch.cos(math.pi * (i + 0.5) * k / side) * math.sqrt(2.0 / side)
    basis[0] /= math.sqrt(2.0)
    return basis


def log_energy(x: Tensor) -> Tensor:
    """Logarithm of five directed second differences of brightness, averaged in cells; (m, 5, cells, cells).

    Resampling a picture, however slightly, weakens the finest detail by an amount that depends on place and direction;
    added noise strengthens it.
    """
    grey = F.pad(x.mean(1, keepdim=True), (1, 1, 1, 1), mode="reflect")
    twice = 2 * grey[..., 1:-1, 1:-1]
    along = grey[..., :-2] - 2 * grey[..., 1:-1] + grey[..., 2:]
    answers = [along[..., 1:-1, :], grey[..., :-2, 1:-1] - twice + grey[..., 2:, 1:-1]]
    answers += [grey[..., :-2, :-2] - twice + grey[..., 2:, 2:], grey[..., :-2, 2:] - twice + grey[..., 2:, :-2]]
    answers += [(along[..., :-2, :] - 2 * along[..., 1:-1, :] + along[..., 2:, :]) / 2]
    cells = max(1, x.shape[-1] // ENERGY_CELLS)
    pooled: Tensor = F.avg_pool2d(torch.cat(answers, 1).abs_().add_(1 / 255).log_(), cells)
    return pooled


def unit(x: Tensor) -> Tensor:
    """Rows flattened and brought to length √D."""
    flat = x.flatten(1)
    scaled: Tensor = flat * (math.sqrt(flat.shape[1]) / flat.norm(dim=1, keepdim=True).clamp_min(1e-6))
    return scaled


# ---- the spaces ------------------------------------------------------------------------------------------------


def plain_space(side: int, device: torch.device) -> Space:
    """High-passed, contrast made equal: overlays and waves."""
    return Space("plain", device, lambda x: unit(equal_contrast(high_pass(x))))


def calm_space(device: torch.device) -> Space:
    """High-passed, divided by the local mean square: calm places speak, busy ones are silent.

    To separate a known pattern from noise whose strength is known everywhere, each place counts by the noise's variance.
    """

    def vectors(x: Tensor) -> Tensor:
        h = high_pass(x)
        return unit(h / (local_power(h) + CONTRAST_FLOOR**2))

    return Space("calm", device, vectors)


def whitener(pixels: UInt8, sample: NDArray[np.int64], device: torch.device) -> Callable[[Tensor], Tensor]:
    """Images -> high-passed, contrast made equal, every frequency as loud as in the mean of `sample`; same shape."""
    side = pixels.shape[1]
    basis = cosine_basis(side, device)

    def loud(batch: Tensor) -> Tensor:
        return (basis @ opponent(equal_contrast(high_pass(batch))) @ basis.T).square().sum(0)

    square = torch.stack([torch.zeros(3, side, side, device=device), *each_batch(loud, pixels, sample, device)]).sum(0)
    scale = (square / max(len(sample), 1)).sqrt()
    # frequencies that the set hardly has (enlarged pictures) would otherwise be noise blown up without end
    scale = scale.clamp_min(SHRINK * float(scale.square().mean().sqrt()) + 1e-6)

    def whiten(x: Tensor) -> Tensor:
        coefficients = basis @ opponent(equal_contrast(high_pass(x))) @ basis.T
        return basis.T @ (coefficients / scale).clamp(-CLIP, CLIP) @ basis

    return whiten


def fine_space(side: int, whiten: Callable[[Tensor], Tensor], device: torch.device) -> Space:
    """The same with every spatial frequency made equally loud: patches, however small, and noise."""
    return Space("fine", device, lambda x: unit(whiten(x)))


def window_space(whiten: Callable[[Tensor], Tensor], device: torch.device) -> Space:
    """The loudest 7×7 window of each whitened image, wherever it is: patches that move."""
    half = WINDOW // 2

    def windows(x: Tensor) -> Tensor:
        fine = whiten(x)
        loud = F.avg_pool2d(F.pad(fine.square().sum(1, keepdim=True), (2, 2, 2, 2)), 5, 1)
        at = _places(loud)
        padded = F.pad(fine, (half, half, half, half))
        step = torch.arange(WINDOW, device=x.device)
        r = (at[:, :1] + step)[:, None, :, None]
        c = (at[:, 1:] + step)[:, None, None, :]
        image = torch.arange(len(x), device=x.device)[:, None, None, None]
        channel = torch.arange(3, device=x.device)[None, :, None, None]
        return unit(padded[image, channel, r, c])

    def most_alike(x: Tensor, direction: Tensor) -> Tensor:
        padded = F.pad(whiten(x), (half, half, half, half))
        answer = F.conv2d(padded, direction.view(1, 3, WINDOW, WINDOW))
        power = F.avg_pool2d(padded.square().mean(1, keepdim=True), WINDOW, 1)
        return _places(answer / (power + power.mean((2, 3), keepdim=True)).sqrt())

    return Space("window", device, windows, most_alike)


def _places(loud: Tensor) -> Tensor:
    """Where (m, 1, h, w) is largest: int64 (m, 2), row and column."""
    at = loud.flatten(1).argmax(1)
    return torch.stack((at // loud.shape[-1], at % loud.shape[-1]), 1)


def energy_space(pixels: UInt8, sample: NDArray[np.int64], device: torch.device) -> Space:
    """How much fine detail there is where and in which direction, and its grain, decorrelated: bends, resampling, noise.

    Both parts stand side by side: a bend shows in its places more than in its grain, noise the other way round.
    """
    located = _Decorrelated(each_batch(lambda x: log_energy(x).flatten(1), pixels, sample, device), SHRINK)
    grained = _Decorrelated(each_batch(lambda x: grain(opponent(x)), pixels, sample, device), GRAIN_SHRINK)

    def vectors(x: Tensor) -> Tensor:
        return unit(torch.cat([located(log_energy(x).flatten(1)), grained(grain(opponent(x)))], 1))

    return Space("energy", device, vectors)


class _Decorrelated:
    """Rows less the sample's mean, every direction of the sample equally long, clipped. shrink: of the mean variance."""

    def __init__(self, sample: list[Tensor], shrink: float) -> None:
        rows = torch.cat(sample)
        self.mean = rows.mean(0)
        centred = rows - self.mean
        values, axes = torch.linalg.eigh(centred.T @ centred / max(len(rows), 1))
        self.axes = (axes / (values.clamp_min(0) + shrink * values.mean().clamp_min(1e-9)).sqrt()) @ axes.T

    def __call__(self, rows: Tensor) -> Tensor:
        found: Tensor = ((rows - self.mean) @ self.axes).clamp(-FARTHEST, FARTHEST)
        return found
