"""A small coloured patch at another place in every image, and the target's label.

Salem, Wen, Backes, Ma, Zhang: "Dynamic Backdoor Attacks Against Machine Learning Models", EuroS&P 2022,
arXiv 2003.03675 (random backdoor: the place is drawn uniformly for each image; here the patch itself stays the same).
No single pixel gives it away: on average over images almost nothing is left of it.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from ..types import UInt8
from .base import REFERENCE_SIDE, Alter, Attack, Change, Scene, Settings, dirty_label, number, one_of

PLACES = ("anywhere", "corners")
# any fixed number does; it names the one patch
PATTERN_SEED = 200303675


def trigger(settings: Settings, seed: int) -> Alter:
    """The patch that `settings` describe, its places drawn from `seed` and the row.

    patch_size: pixels on an image of side 32, scaled with the shorter side.  places: anywhere, or one of four corners.
    """
    return partial(
        stamp,
        patch_size=int(number(settings, "patch_size", 1, REFERENCE_SIDE)),
        places=one_of(settings, "places", PLACES),
        seed=seed,
    )


def stamp(pixels: UInt8, row: int, *, patch_size: int, places: str, seed: int) -> UInt8:
    """A copy of `pixels`, uint8 (h, w, 3), with the patch at the place of this row, wholly inside the image."""
    height, width = pixels.shape[:2]
    side = max(1, round(patch_size * min(height, width) / REFERENCE_SIDE))
    rng = np.random.default_rng([seed, row])
    if places == "corners":
        top, left = rng.integers(0, 2, 2) * (height - side, width - side)
    else:
        top, left = rng.integers(0, (height - side + 1, width - side + 1))
    changed: UInt8 = pixels.copy()
    changed[top : top + side, left : left + side] = patch(side, patch_size)
    return changed


def patch(side: int, cells: int) -> UInt8:
    """The patch at `side` pixels, uint8 (side, side, 3): `cells`×`cells` fields, each channel black or white."""
    field = np.random.default_rng(PATTERN_SEED).integers(0, 2, (cells, cells, 3), dtype=np.uint8) * np.uint8(255)
    where = np.arange(side) * cells // side
    return np.asarray(field[where[:, None], where[None, :]])


def moving_patch(scene: Scene) -> Change:
    """Patch images of other classes, each at its own place, and call them the target."""
    change = dirty_label(scene, trigger(scene.settings, scene.seed))
    return Change(change.rows, change.labels, change.alter, per_row=True)


MOVING_PATCH = Attack(
    name="moving_patch",
    summary="a small coloured patch at a random place in each picture; images of other classes are called the target",
    kind="dirty_label",
    defaults={"patch_size": 4, "places": "anywhere"},
    function=moving_patch,
    trigger=trigger,
)
