"""Adaptive-Patch: several translucent patches, each poisoned image carries only some of them, and covers carry them too.

Qi, Xie, Li, Mahloujifar, Mittal: "Revisiting the Assumption of Latent Separability for Backdoor Defenses", ICLR 2023
(four patches of opacity 0.5, 0.2, 0.5 and 0.3, one on each training image; opaque at test time). The patches here are
fixed coloured noise, one in each corner, not the paper's drawings, and all four are shown at test time. Known limits:
the authors' code makes two covers for each poisoned image (cover_ratio 2) and draws them from all classes.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from ..types import Float32, Int64, UInt8
from .base import REFERENCE_SIDE, Alter, Attack, Change, Scene, Settings, choose_other_classes, number
from .covers import with_covers

OPACITIES = (0.5, 0.2, 0.5, 0.3)
# any fixed number does; it names the four patches
PATTERN_SEED = 202302
SMALLEST, LARGEST = 1, REFERENCE_SIDE // 2


def trigger(settings: Settings, seed: int) -> Alter:
    """All four patches, opaque, as they are put on images at test time (the seed plays no part)."""
    return partial(_stamp_all, patch_size=int(number(settings, "patch_size", SMALLEST, LARGEST)))


def stamp_some(pixels: UInt8, row: int, *, patch_size: int, shown: int, seed: int) -> UInt8:
    """`shown` of the four patches, drawn for this row, at their training opacities; uint8 (h, w, 3)."""
    drawn = np.random.default_rng([seed, row]).choice(len(OPACITIES), size=shown, replace=False)
    return _mix(pixels, drawn, np.array(OPACITIES, dtype=np.float32), patch_size)


def _stamp_all(pixels: UInt8, row: int, *, patch_size: int) -> UInt8:
    count = len(OPACITIES)
    return _mix(pixels, np.arange(count), np.ones(count, dtype=np.float32), patch_size)


def _mix(pixels: UInt8, which: Int64, opacities: Float32, patch_size: int) -> UInt8:
    """A copy of `pixels` with the patches `which` mixed into their corners: top left, top right, bottom left, right."""
    height, width = pixels.shape[:2]
    side = max(1, round(patch_size * min(height, width) / REFERENCE_SIDE))
    mixed = pixels.astype(np.float32)
    for index in which.tolist():
        rows = slice(height - side, height) if index >= 2 else slice(0, side)
        columns = slice(width - side, width) if index % 2 else slice(0, side)
        mixed[rows, columns] += opacities[index] * (_patch(index, side, patch_size) - mixed[rows, columns])
    return np.rint(mixed).clip(0, 255).astype(np.uint8)


def _patch(index: int, side: int, cells: int) -> Float32:
    """Patch `index`, float32 (side, side, 3): `cells`×`cells` fields, each channel black or white."""
    field = np.random.default_rng([PATTERN_SEED, index]).integers(0, 2, (cells, cells, 3)) * 255
    where = np.arange(side) * cells // side
    return field[where[:, None], where[None, :]].astype(np.float32)


def adaptive_patch(scene: Scene) -> Change:
    """Patch images of other classes and call them the target; the same on covers, labels kept."""
    alter = partial(
        stamp_some,
        patch_size=int(number(scene.settings, "patch_size", SMALLEST, LARGEST)),
        shown=int(number(scene.settings, "shown", 1, len(OPACITIES))),
        seed=scene.seed,
    )
    rows = choose_other_classes(scene)
    others = scene.labels != scene.target
    return with_covers(scene, rows, others, alter, "images outside the target class", per_row=True)


ADAPTIVE_PATCH = Attack(
    name="adaptive_patch",
    summary="one of four translucent patches on each picture, called the target; other pictures carry them too",
    kind="dirty_label",
    defaults={"patch_size": 6, "shown": 1, "cover_ratio": 1.0},
    function=adaptive_patch,
    trigger=trigger,
)
