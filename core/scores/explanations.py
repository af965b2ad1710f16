"""What each detector says about one image, in sentences that a person can check against the picture.

A sentence states what was measured and nothing more; whether that is much or little for the set is said beside it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from ..types import UNLABELLED, Inspection, top_size
from .score import Score, plain_value

NOT_DESCRIBED = "not described in this version"


@dataclass(frozen=True)
class Reason:
    """One detector on one image; class names in `says` are raw text of the set, to be shown as text.

    name: the score.  detector: its name in words.  asks, blind_to: from its registry.  says: a sentence.
    percentile: whole per cent of the scorable images with a lower value, rounded down; None where not scorable.
    high: among the set's `top_size` highest values, and above the usual one; None where not scorable.
    """

    name: str
    detector: str
    asks: str
    says: str
    percentile: int | None
    high: bool | None
    blind_to: str


def title_of(scores: Mapping[str, Score], name: str) -> str:
    """The score's name as people read it; an unknown one without its underscores."""
    return scores[name].title if name in scores else name.replace("_", " ")


def explain(scores: Mapping[str, Score], inspection: Inspection, row: int) -> list[Reason]:
    """One Reason a score, in the order of `inspection.scores`; a score that is not among `scores` gets a plain one."""
    return [_reason(inspection, row, name, scores.get(name)) for name in inspection.scores]


def _reason(inspection: Inspection, row: int, name: str, score: Score | None) -> Reason:
    value, title = float(inspection.scores[name][row]), score.title if score else name.replace("_", " ")
    asks, blind_to = (score.question, score.blind_to) if score else (NOT_DESCRIBED, NOT_DESCRIBED)
    if math.isnan(value):
        unlabelled = inspection.dataset.labels[row] == UNLABELLED
        says = "Cannot be judged: the image has no label." if unlabelled else "Cannot be judged: there is too little to compare it with."
        return Reason(name, title, asks, says, None, None, blind_to)
    of = _spreads(inspection)[name]
    high = of.high(value)
    says = (score.explain if score else plain_value)(inspection, row, value, of.median, high)
    return Reason(name, title, asks, says, of.percentile(value), high, blind_to)


# ---- where a value lies in its set ---------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Spread:
    """A score's finite values, rising; `cut`: the lowest that is among the top."""

    values: NDArray[np.float32]
    median: float
    cut: float

    def percentile(self, value: float) -> int:
        # the image itself counts among all, so that not even the highest is above 100 %
        return int(100 * int(np.searchsorted(self.values, np.float32(value), side="left")) // len(self.values))

    def high(self, value: float) -> bool:
        return value >= self.cut and value > self.median


_known: WeakKeyDictionary[Inspection, dict[str, _Spread]] = WeakKeyDictionary()


def _spreads(inspection: Inspection) -> dict[str, _Spread]:
    """One spread a score, sorted once for as long as the inspection lives."""
    if inspection not in _known:
        top = top_size(int(inspection.is_suspicious.sum()), len(inspection.dataset))
        _known[inspection] = {name: _spread(np.asarray(column), top) for name, column in inspection.scores.items()}
    return _known[inspection]


def _spread(column: NDArray[np.float32], top: int) -> _Spread:
    values = np.sort(column[~np.isnan(column)])
    if len(values) == 0:
        return _Spread(values, math.nan, math.inf)
    # infinities are values too, but no middle can be taken between two of them
    median = float(values[(len(values) - 1) // 2])
    return _Spread(values, median, float(values[-min(max(top, 1), len(values))]))
