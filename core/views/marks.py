"""Marks on an image: heat laid over it, and lines around places. The pixels between the lines stay as they are."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..types import Bool, Float32, UInt8
from .detail import colour

# told apart by people who see no red or no green, and by lightness on the dimmed image
WARM, COLD = (255, 176, 0), (92, 160, 255)
DIMMED = 0.45
GREY = np.array([0.299, 0.587, 0.114], dtype=np.float32)


def heat_over(image: UInt8, heat: Float32, *, most: float) -> UInt8:
    """The image dimmed and grey, with heat (h, w) over it, uint8 (h, w, 3).

    0 shows the image, `most` the full colour: amber for positive, blue for negative. Raises ValueError where sizes differ.
    """
    pixels = colour(image)
    if heat.shape != pixels.shape[:2]:
        raise ValueError(f"the heat is {heat.shape}, the image is {pixels.shape[:2]}; bring them to one size")
    share = np.clip(heat / most if most > 0 else np.zeros_like(heat), -1, 1)[:, :, None]
    base = np.repeat((pixels @ GREY)[:, :, None] * DIMMED, 3, axis=2)
    paint = np.where(share >= 0, np.array(WARM, dtype=np.float32), np.array(COLD, dtype=np.float32))
    # a little of the image shows through the strongest heat, so that one sees what is there
    opacity = 0.88 * np.abs(share)
    return np.asarray(np.rint(base * (1 - opacity) + paint * opacity), dtype=np.uint8)


def outlined(image: UInt8, region: Bool, factor: int) -> UInt8:
    """The image enlarged by the whole `factor`, with a white-on-black line just outside the region (h', w').

    The region may be of another size; it is spread over the image by nearest pixels. Pixels inside it are untouched.
    Where the region meets the picture's edge, the line stays open.
    """
    pixels = colour(image).astype(np.uint8)
    h, w = pixels.shape[:2]
    at_rows = np.arange(h) * region.shape[0] // h
    at_columns = np.arange(w) * region.shape[1] // w
    inside = _enlarged(region[np.ix_(at_rows, at_columns)], factor)
    drawn: UInt8 = np.array(_enlarged(pixels, factor), dtype=np.uint8)
    white = _grown(inside, 2) & ~inside
    drawn[_grown(inside, 4) & ~inside] = 0
    drawn[white] = 255
    return drawn


def boxes(shape: tuple[int, int], middles: NDArray[np.integer[Any]], side: tuple[int, int]) -> Bool:
    """bool (h, w): rectangles of `side` (rows, columns) around each of `middles` (m, 2), cut at the edge."""
    region = np.zeros(shape, dtype=bool)
    for row, column in np.asarray(middles, dtype=np.int64).reshape(-1, 2):
        top, left = max(0, int(row) - side[0] // 2), max(0, int(column) - side[1] // 2)
        bottom, right = int(row) - side[0] // 2 + side[0], int(column) - side[1] // 2 + side[1]
        region[top : max(top, bottom), left : max(left, right)] = True
    return region


def _enlarged(array: NDArray[Any], factor: int) -> NDArray[Any]:
    return np.repeat(np.repeat(array, factor, axis=0), factor, axis=1)


def _grown(region: Bool, by: int) -> Bool:
    """The region and all within `by` pixels of it, along rows, columns and diagonals."""
    for axis in (0, 1):
        edges = [(0, 0), (0, 0)]
        edges[axis] = (by, by)
        padded = np.pad(region, edges)
        n = region.shape[axis]
        shifted = [padded.take(range(i, i + n), axis=axis) for i in range(2 * by + 1)]
        region = np.asarray(np.logical_or.reduce(shifted), dtype=bool)
    return region
