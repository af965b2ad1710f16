"""Near duplicates: rows whose nearest neighbour is far closer than is usual in the set.

Blind to duplicates that the embedder itself tells apart (crops, mirror images).
"""

from __future__ import annotations

import math

import numpy as np

from ..types import Evidence, Float32, Inspection
from .score import EDGE, Score, times


def near_duplicate(evidence: Evidence) -> Float32:
    """exp(−d / median d), d the Euclidean distance to the nearest row: 1 for an exact copy, e⁻¹ for the usual row.

    float32 (n,) in 0…1; higher = more alike another row; labels unused.
    """
    if evidence.similarity.shape[1] == 0:
        return np.full(len(evidence), np.nan, dtype=np.float32)
    distance = np.sqrt(np.maximum(2.0 - 2.0 * evidence.similarity[:, 0].astype(np.float64), 0.0))
    # float32 cosines of equal vectors miss 1 by a few ulp, which the root would blow up
    distance[distance < 1e-3] = 0.0
    typical = float(np.median(distance))
    if typical == 0.0:  # most rows have an exact copy
        return np.asarray(distance == 0.0, dtype=np.float32)
    return np.asarray(np.exp(-distance / typical), dtype=np.float32)


def _copies(inspection: Inspection, row: int, value: float, usual: float, high: bool) -> str:
    if value >= 1 - EDGE:
        return "Another image looks exactly like it."
    if value <= 0:
        return "No other image is anywhere near it."
    # the score is exp(−distance ÷ usual distance)
    distance = -math.log(value)
    if 1 / 1.05 < distance < 1.05:
        return "The image most like it is about as near as is usual."
    if distance >= 1:
        return f"The image most like it is {times(distance)} as far away as is usual: no copy."
    return f"The image most like it is {times(1 / distance)} as near as is usual."


NEAR_DUPLICATE = Score(
    name="near_duplicate",
    title="near duplicate",
    question="Is there an image that is far more alike than usual?",
    blind_to="copies that the embedder tells apart, such as crops",
    family="oddity",
    needs="evidence",
    function=near_duplicate,
    explain=_copies,
)
