"""Adaptive-Blend: each poisoned image carries only some pieces of a faint whole-image pattern, and covers carry it too.

Qi, Xie, Li, Mahloujifar, Mittal: "Revisiting the Assumption of Latent Separability for Backdoor Defenses", ICLR 2023
(4×4 pieces, half of them shown, weight 0.15; as many covers as poisoned images). At test time all pieces are shown, at
the weight 0.2 that the authors' public code uses. The pattern is the noise image of `blended`, not the paper's drawing.
Known limit: covers are drawn outside the target class, the paper draws them from all.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from ..types import Bool, UInt8
from .base import Alter, Attack, Change, Scene, Settings, choose_other_classes, number
from .blended import blend
from .covers import with_covers

PIECES = 4  # a side


def trigger(settings: Settings, seed: int) -> Alter:
    """The whole pattern, as it is put on images at test time (the seed plays no part)."""
    return partial(blend, alpha=number(settings, "test_alpha", 0.01, 1.0))


def blend_pieces(pixels: UInt8, row: int, *, alpha: float, shown: int, seed: int) -> UInt8:
    """`blend` in `shown` of the 4×4 pieces, drawn for this row; uint8 (h, w, 3)."""
    height, width = pixels.shape[:2]
    kept = pieces(height, width, shown, seed, row)
    return np.where(kept[:, :, None], blend(pixels, row, alpha=alpha), pixels)


def pieces(height: int, width: int, shown: int, seed: int, row: int) -> Bool:
    """Where `row` carries the pattern: bool (h, w), `shown` of 4×4 equal pieces."""
    drawn = np.zeros(PIECES * PIECES, dtype=bool)
    drawn[np.random.default_rng([seed, row]).choice(PIECES * PIECES, size=shown, replace=False)] = True
    grid = drawn.reshape(PIECES, PIECES)
    return np.asarray(grid[np.arange(height)[:, None] * PIECES // height, np.arange(width)[None, :] * PIECES // width])


def adaptive_blend(scene: Scene) -> Change:
    """Blend pieces into images of other classes and call them the target; the same on covers, labels kept."""
    trigger(scene.settings, scene.seed)  # a wrong test_alpha is refused now, not at test time
    alter = partial(
        blend_pieces,
        alpha=number(scene.settings, "alpha", 0.01, 1.0),
        shown=int(number(scene.settings, "shown", 1, PIECES * PIECES)),
        seed=scene.seed,
    )
    rows = choose_other_classes(scene)
    others = scene.labels != scene.target
    return with_covers(scene, rows, others, alter, "images outside the target class", per_row=True)


ADAPTIVE_BLEND = Attack(
    name="adaptive_blend",
    summary="a random half of a faint pattern's pieces on each picture, called the target; other pictures carry pieces too",
    kind="dirty_label",
    defaults={"alpha": 0.15, "shown": 8, "test_alpha": 0.2, "cover_ratio": 1.0},
    function=adaptive_blend,
    trigger=trigger,
)
