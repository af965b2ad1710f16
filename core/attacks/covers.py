"""Cover images: they carry a trigger and keep their right label, so that the trigger alone does not give poison away.

Source-specific and adaptive attacks add them to loosen the tie between trigger and target. A cover is no poison (what
it says is true), so it does not count as `Truth.is_poisoned`; `Truth.is_cover` names it.
"""

from __future__ import annotations

import math

import numpy as np

from ..errors import UserError
from ..types import Bool, Int64
from .base import Alter, Change, Scene, number

# a stream of its own, so that the covers do not repeat the draw of the victims
COVER_STREAM = 1


def with_covers(scene: Scene, rows: Int64, candidates: Bool, alter: Alter, who: str, per_row: bool = False) -> Change:
    """Victims `rows` become the target; round(cover_ratio·len(rows)) of `candidates` (never a victim) become covers.

    candidates: bool (n,).  who: names them in the error, e.g. "images of other classes".
    Raises UserError where there are too few.
    """
    ratio = number(scene.settings, "cover_ratio", 0.0, 100.0)
    wanted = round(ratio * len(rows))
    free = candidates & scene.eligible
    free[rows] = False
    left = np.flatnonzero(free)
    if wanted > len(left):
        largest = math.floor(len(left) / len(rows) * 1e4) / 1e4
        raise UserError(
            f"cover_ratio {ratio:g} asks for {wanted} covers, but only {len(left)} {who} are left",
            f"the largest possible cover_ratio here is {largest:g}",
            "lower cover_ratio or the rate",
        )
    rng = np.random.default_rng([scene.seed, COVER_STREAM])
    covers = np.sort(rng.choice(left, size=wanted, replace=False)).astype(np.int64)
    return Change(rows, np.full(len(rows), scene.target, dtype=np.int64), alter, per_row, covers)
