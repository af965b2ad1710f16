"""Halftones: images told by the density of dots instead of by intensity, one bit a channel.

Input re-characterisation by halftoning is due to Huang, Liao & Huang, ICPR 2020. Which halftone they use could not be
read; ours is the ordered dither of Bayer (1973), an 8×8 matrix of thresholds, and no claim of theirs is made for it.
It is deterministic, each pixel by itself, so a set takes well under a second.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..types import UInt8

CELL = 8
CHUNK = 4096


def halftone(pixels: UInt8) -> UInt8:
    """uint8 (m, h, w, 3) -> uint8 of the same shape, every value 0 or 255.

    Over an 8×8 cell of one intensity v, v/255 of the dots are white, to within one dot in 64. Raises ValueError for
    other types and shapes.
    """
    if pixels.dtype != np.uint8 or pixels.ndim != 4:
        raise ValueError(f"pixels are {pixels.dtype} {pixels.shape}; they must be uint8 (m, h, w, 3)")
    height, width = pixels.shape[1:3]
    tiles = np.tile(thresholds(), (-(-height // CELL), -(-width // CELL)))[:height, :width, None]  # (h, w, 1)
    dots = np.empty(pixels.shape, dtype=np.uint8)
    for start in range(0, len(pixels), CHUNK):
        part = slice(start, start + CHUNK)
        np.multiply(pixels[part] > tiles, np.uint8(255), out=dots[part])
    return dots


def thresholds() -> NDArray[np.uint8]:
    """Bayer's matrix, uint8 (8, 8): a pixel above its threshold becomes white. 0 stays black, 255 stays white."""
    order = np.zeros((1, 1), dtype=np.int64)
    while len(order) < CELL:
        order = np.block([[4 * order, 4 * order + 2], [4 * order + 3, 4 * order + 1]])
    return ((order + 0.5) * 255 / CELL**2).astype(np.uint8)
