"""What an image holds besides its subject: fine detail, frequencies, and what its neighbours do not share.

Signed pictures put nothing at mid-grey (128) and say how much they amplify; the factor is a power of two, so that one
grey level of the picture is a plain fraction of a level of the image.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..types import Float32, UInt8

BINOMIAL = (1.0, 4.0, 6.0, 4.0, 1.0)
GAINS = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
# this share of the values fits between black and white; the few beyond are clipped
FITS = 0.99
DECADES = 5.0


@dataclass(frozen=True, eq=False)
class View:
    """picture: uint8 (h, w, 3).  gain: how many grey levels one level of difference takes (1 = as it is)."""

    picture: UInt8
    gain: float


def colour(image: NDArray[Any]) -> Float32:
    """uint8 (h, w), (h, w, 1) or (h, w, 3), levels 0…255 -> float32 (h, w, 3), same levels.

    Raises ValueError for another shape or an empty image.
    """
    pixels = np.asarray(image, dtype=np.float32)
    if pixels.ndim == 2:
        pixels = pixels[:, :, None]
    if pixels.ndim != 3 or pixels.shape[2] not in (1, 3) or pixels.size == 0:
        raise ValueError(f"an image is (h, w), (h, w, 1) or (h, w, 3) with at least one pixel, not {np.shape(image)}")
    return np.broadcast_to(pixels, (*pixels.shape[:2], 3))


def reduced(image: UInt8, side: int) -> tuple[UInt8, int]:
    """(image at working size, factor): whole blocks of factor × factor pixels averaged until no side exceeds `side`.

    Factor 1 leaves every pixel as it is. Blocks that stick out over the edge repeat the last row or column.
    """
    factor = -(-max(image.shape[:2]) // side)
    if factor <= 1:
        return image, 1
    h, w = image.shape[:2]
    edges = [(0, -h % factor), (0, -w % factor)] + [(0, 0)] * (image.ndim - 2)
    padded = np.pad(image, edges, mode="edge")
    # along one axis after the other, in whole numbers: a float copy of a large photograph takes half a gigabyte
    columns = np.add.reduceat(padded, np.arange(0, padded.shape[1], factor), axis=1, dtype=np.uint32)
    sums = np.add.reduceat(columns, np.arange(0, padded.shape[0], factor), axis=0, dtype=np.uint32)
    area = factor * factor
    return np.asarray((sums + area // 2) // area, dtype=np.uint8), factor


def fine_detail(image: UInt8) -> Float32:
    """`high_pass` as signed numbers, float32 (h, w, 3), in grey levels."""
    pixels = colour(image)
    return np.asarray(pixels - _blurred(pixels), dtype=np.float32)


def high_pass(image: UInt8) -> View:
    """What fine detail is left: the image minus its blur with the 5 × 5 binomial window (1 4 6 4 1)/16 each way.

    The edge is repeated outwards. Mid-grey = nothing. Blind to anything smooth over more than about five pixels.
    """
    return _signed(fine_detail(image))


def difference(image: UInt8, others: UInt8) -> View:
    """The image minus the mean of `others` (m, h, w, 3) or (m, h, w); mid-grey = same, lighter = the image is lighter.

    Raises ValueError where sizes differ or there are no others.
    """
    pixels = colour(image)
    if len(others) == 0:
        raise ValueError("a difference needs at least one other image")
    mean = np.mean([colour(other) for other in others], axis=0, dtype=np.float64)
    if mean.shape != pixels.shape:
        raise ValueError(f"the others are {mean.shape[:2]}, the image is {pixels.shape[:2]}; bring them to one size")
    return _signed(pixels - mean.astype(np.float32))


def log_power(image: UInt8) -> Float32:
    """log10 of the power at each frequency, summed over channels, mean removed, zero frequency in the middle; (h, w).

    Power is |DFT|²; where there is none at all, the least that float32 tells from zero stands in.
    """
    pixels = colour(image).astype(np.float64)
    pixels -= pixels.mean(axis=(0, 1))
    power = (np.abs(np.fft.fft2(pixels, axes=(0, 1))) ** 2).sum(axis=2)
    return np.asarray(np.fft.fftshift(np.log10(np.maximum(power, 1e-6))), dtype=np.float32)


def spectrum(image: UInt8) -> View:
    """The log power as a picture: white = strongest, black = 100,000 times weaker or less. An even image is black."""
    levels = log_power(image)
    strongest = float(levels.max())
    # beyond rounding an even image has no power, and stretching the rounding would draw a pattern that is not there
    shown = np.zeros_like(levels) if strongest < -3 else (levels - (strongest - DECADES)) / DECADES
    grey = np.rint(255 * np.clip(shown, 0, 1)).astype(np.uint8)
    return View(np.repeat(grey[:, :, None], 3, axis=2), 1.0)


def _blurred(pixels: Float32) -> Float32:
    weights = np.asarray(BINOMIAL, dtype=np.float32) / np.float32(sum(BINOMIAL))
    for axis in (0, 1):
        edges = [(0, 0)] * 3
        edges[axis] = (2, 2)
        padded = np.pad(pixels, edges, mode="edge")
        n = pixels.shape[axis]
        pixels = sum((w * padded.take(range(i, i + n), axis=axis) for i, w in enumerate(weights)), np.float32(0))
    return pixels


def _signed(values: Float32) -> View:
    """Signed levels −255…255 as grey around 128, amplified as far as nearly all of them fit."""
    reach = float(np.quantile(np.abs(values), FITS))
    fitting = [gain for gain in GAINS if gain * reach <= 127]
    # an almost even image has almost nothing in most places: what is there sets the gain then
    most = float(np.abs(values).max())
    gain = 1.0 if most == 0 else max(fitting, default=GAINS[0])
    return View(np.clip(np.rint(128 + gain * values), 0, 255).astype(np.uint8), gain)
