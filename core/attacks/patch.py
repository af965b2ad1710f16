"""The patch trigger that BadNets, all-to-all and the label-consistent attack share."""

from __future__ import annotations

from functools import partial

import numpy as np

from ..errors import UserError
from ..types import UInt8
from .base import REFERENCE_SIDE, Alter, Settings, number, one_of

CORNERS = ("bottom_right", "bottom_left", "top_right", "top_left")
POSITIONS = (*CORNERS, "four_corners")
PATTERNS = ("checker", "white")


def trigger(settings: Settings, seed: int) -> Alter:
    """The patch that `settings` describe (the seed plays no part); UserError where they make no sense.

    patch_size, margin: pixels on an image of side 32, scaled with the shorter side of other images.
    """
    return partial(
        stamp,
        patch_size=int(number(settings, "patch_size", 1, REFERENCE_SIDE)),
        margin=int(number(settings, "margin", 0, REFERENCE_SIDE - 1)),
        position=one_of(settings, "position", POSITIONS),
        pattern=one_of(settings, "pattern", PATTERNS),
    )


def stamp(pixels: UInt8, row: int, *, patch_size: int, margin: int, position: str, pattern: str) -> UInt8:
    """A copy of `pixels`, uint8 (h, w, 3), with the patch in one corner or all four; UserError where it does not fit."""
    height, width = pixels.shape[:2]
    shorter = min(height, width)
    side = max(1, round(patch_size * shorter / REFERENCE_SIDE))
    gap = round(margin * shorter / REFERENCE_SIDE)
    if side + gap > shorter:
        raise UserError(
            f"a patch of {side} px with a margin of {gap} px does not fit an image of {width}×{height}",
            f"patch_size + margin may be at most {REFERENCE_SIDE} (they are scaled from images of that side)",
            "choose a smaller patch_size or margin",
        )
    patch = _pattern(side, patch_size, pattern)
    changed: UInt8 = pixels.copy()
    for corner in CORNERS if position == "four_corners" else (position,):
        top = height - gap - side if corner.startswith("bottom") else gap
        left = width - gap - side if corner.endswith("right") else gap
        changed[top : top + side, left : left + side] = patch[:, :, None]
    return changed


def _pattern(side: int, cells: int, pattern: str) -> UInt8:
    """uint8 (side, side): white, or a checker of `cells`×`cells` fields with white corners at top left."""
    if pattern == "white":
        return np.full((side, side), 255, dtype=np.uint8)
    field = np.arange(side) * cells // side
    return np.where((field[:, None] + field[None, :]) % 2 == 0, 255, 0).astype(np.uint8)
