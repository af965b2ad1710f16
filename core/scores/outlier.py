"""kNN-distance outlier score (Ramaswamy, Rastogi & Shim, SIGMOD 2000; for images Sun et al., ICML 2022).

Blind to poison that looks like its neighbours.
"""

from __future__ import annotations

import numpy as np

from ..types import Evidence, Float32, Inspection
from .score import EDGE, Score, times

RANK = 10


def outlier(evidence: Evidence) -> Float32:
    """Mean cosine distance to the 10 nearest rows, float32 (n,) in 0…2; higher = more out of place; labels unused."""
    if evidence.similarity.shape[1] == 0:
        return np.full(len(evidence), np.nan, dtype=np.float32)
    return np.asarray(1.0 - evidence.similarity[:, :RANK].mean(axis=1), dtype=np.float32)


def _out_of_place(inspection: Inspection, row: int, value: float, usual: float, high: bool) -> str:
    if usual <= EDGE:
        return f"Its ten nearest images lie {value:.2f} away (0 is the same, 2 the opposite); most images here have exact copies."
    if 1 / 1.05 < value / usual < 1.05:
        return "Its ten nearest images are about as far away as is usual in this set."
    return f"Its ten nearest images are {times(value / usual)} as far away as is usual in this set."


OUTLIER = Score(
    name="outlier",
    title="out of place",
    question="How far away are the ten nearest images?",
    blind_to="poison that looks like its neighbours",
    family="oddity",
    needs="evidence",
    function=outlier,
    explain=_out_of_place,
    source="Sun et al., Out-of-distribution detection with deep nearest neighbours, ICML 2022",
)
