"""Scores: (Evidence) -> float32 (n,), higher = more suspicious, NaN = not scorable. One file a score."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..types import Evidence, Float32
from .artifact import ARTIFACT_SCORES, OTHER_SCORES
from .halftone_shift import halftone_shift
from .knn_disagreement import knn_disagreement
from .label_distance_ratio import label_distance_ratio
from .near_duplicate import near_duplicate
from .outlier import outlier

__all__ = ["ARTIFACT_SCORES", "OTHER_SCORES", "SCORES", "Score", "halftone_shift"]


@dataclass(frozen=True)
class Score:
    """An entry of the registry: the function, in words what it asks, and what it cannot see."""

    function: Callable[[Evidence], Float32]
    question: str
    blind_to: str


# ordered: tables and pages list scores in this order
SCORES: dict[str, Score] = {
    "knn_disagreement": Score(
        knn_disagreement,
        "How little of the neighbours' vote goes to the given label?",
        "poison whose label is right",
    ),
    "label_distance_ratio": Score(
        label_distance_ratio,
        "Is the nearest image of another label closer than the nearest of the same?",
        "poison whose label is right; many poisoned images close together",
    ),
    "outlier": Score(outlier, "How far away are the ten nearest images?", "poison that looks like its neighbours"),
    "near_duplicate": Score(
        near_duplicate,
        "Is there an image that is far more alike than usual?",
        "copies that the embedder tells apart, such as crops",
    ),
}
