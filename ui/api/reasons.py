"""What each detector says about one image, in sentences that a person can check against the picture.

A sentence states what was measured and nothing more; whether that is much or little for the set is said beside it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from core.evaluation import top_size
from core.scores import ARTIFACT_SCORES, OTHER_SCORES, SCORES
from core.types import UNLABELLED, Inspection
from ui.words import SCORE_WORDS

NOT_DESCRIBED = "not described in this version"
# a value this near to 0 or 1 is one of them: float32 cosines miss by a few ulp
_EDGE = 1e-5


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


def described() -> dict[str, tuple[str, str]]:
    """Every registered score, in the registries' order: name -> (what it asks, what it cannot see)."""
    entries = {**SCORES, **ARTIFACT_SCORES}
    return {**{name: (str(entry.question), str(entry.blind_to)) for name, entry in entries.items()}, **OTHER_SCORES}


def detector_words(name: str) -> str:
    """The score's name as people read it; an unknown one without its underscores."""
    return SCORE_WORDS.get(name, name.replace("_", " "))


def reasons(inspection: Inspection, row: int) -> list[Reason]:
    """One Reason a score, in the order of `inspection.scores`; a score this version does not know gets a plain one."""
    known = described()
    return [_reason(inspection, row, name, *known.get(name, (NOT_DESCRIBED, NOT_DESCRIBED))) for name in inspection.scores]


def _reason(inspection: Inspection, row: int, name: str, asks: str, blind_to: str) -> Reason:
    value = float(inspection.scores[name][row])
    words = detector_words(name)
    if math.isnan(value):
        unlabelled = inspection.dataset.labels[row] == UNLABELLED
        says = "Cannot be judged: the image has no label." if unlabelled else "Cannot be judged: there is too little to compare it with."
        return Reason(name, words, asks, says, None, None, blind_to)
    of = _spreads(inspection)[name]
    high = of.high(value)
    sentence = _SENTENCES.get(name)
    if sentence is not None:
        says = sentence(inspection, row, value, of.median)
    elif name in _HIGH_OR_NOT:
        says = _HIGH_OR_NOT[name][0 if high else 1]
    else:
        says = f"Its value is {value:.3g}; the usual value here is {of.median:.3g}."
    return Reason(name, words, asks, says, of.percentile(value), high, blind_to)


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


# ---- sentences: (inspection, row, value, usual value) -> what was measured -----------------------


def _neighbours_disagree(inspection: Inspection, row: int, value: float, usual: float) -> str:
    against = f"{math.floor(100 * value + _EDGE)} % of its neighbours' vote goes against its label"
    evidence = inspection.evidence
    given = int(inspection.dataset.labels[row])
    if evidence is None or evidence.neighbours.shape[1] == 0 or given == UNLABELLED:
        return f"{against}."
    around = evidence.labels[evidence.neighbours[row]]
    counts = np.bincount(around[around != UNLABELLED], minlength=len(evidence.classes))
    leader = int(counts.argmax())
    own = f"{counts[given]} of the {len(around)} nearest images share its label “{evidence.classes[given]}”"
    other = f", {counts[leader]} are called “{evidence.classes[leader]}”" if leader != given else ""
    return f"{own}{other}; weighed by nearness, {against}."


def _another_label_nearer(inspection: Inspection, row: int, value: float, usual: float) -> str:
    if value >= 1 - _EDGE:
        return "An image that looks just like it has another label."
    if value <= _EDGE:
        return "An image that looks just like it has the same label."
    ratio = math.sqrt(value / (1 - value))
    if 1 / 1.05 < ratio < 1.05:
        return "The nearest image of its own label and the nearest of another are about equally far away."
    near, far = ("another label", "its own label") if ratio > 1 else ("its own label", "another label")
    return f"The nearest image of {far} is {_times(max(ratio, 1 / ratio))} as far away as the nearest of {near}."


def _out_of_place(inspection: Inspection, row: int, value: float, usual: float) -> str:
    if usual <= _EDGE:
        return f"Its ten nearest images lie {value:.2f} away (0 is the same, 2 the opposite); most images here have exact copies."
    if 1 / 1.05 < value / usual < 1.05:
        return "Its ten nearest images are about as far away as is usual in this set."
    return f"Its ten nearest images are {_times(value / usual)} as far away as is usual in this set."


def _copies(inspection: Inspection, row: int, value: float, usual: float) -> str:
    if value >= 1 - _EDGE:
        return "Another image looks exactly like it."
    if value <= 0:
        return "No other image is anywhere near it."
    # the score is exp(−distance ÷ usual distance)
    distance = -math.log(value)
    if 1 / 1.05 < distance < 1.05:
        return "The image most like it is about as near as is usual."
    if distance >= 1:
        return f"The image most like it is {_times(distance)} as far away as is usual: no copy."
    return f"The image most like it is {_times(1 / distance)} as near as is usual."


def _carries_pattern(inspection: Inspection, row: int, value: float, usual: float) -> str:
    if not inspection.findings:
        return "No pattern was found in this set, so there is none that it could carry."
    carried = [found for found in inspection.findings if row in found.rows or found.row_scores[row] >= found.threshold]
    if not carried:
        return f"It carries none of the patterns found in this set ({len(inspection.findings):,} found)."
    best = max(carried, key=lambda found: float(found.row_scores[row]))
    label = "many labels" if best.label == UNLABELLED else f"the label “{inspection.dataset.classes[best.label]}”"
    explains = "" if best.label in (UNLABELLED, inspection.dataset.labels[row]) else ", which is not its own label"
    strength = math.floor(best.row_scores[row])
    return f"It carries the pattern {best.trigger_id}, which goes with {label}{explains}; {strength:,} deviations above images without the pattern."


def _believed_early(inspection: Inspection, row: int, value: float, usual: float) -> str:
    # the score is −loss in nats, and loss = −log(chance)
    return f"After one short round of training, a small network gave its label a chance of {_percent(math.exp(min(value, 0)))}; usual here is {_percent(math.exp(min(usual, 0)))}."


def _guessed(inspection: Inspection, row: int, value: float, usual: float) -> str:
    return f"A small network that had never seen this image gave its label a chance of {_percent(value)}; usual here is {_percent(usual)}."


def _far_out_in_class(inspection: Inspection, row: int, value: float, usual: float) -> str:
    # the score is a square in units of the class's median
    return f"It stands {_times(math.sqrt(max(value, 0)))} as far out as is usual, in the direction in which the images of its label differ most."


def _far_out_whitened(inspection: Inspection, row: int, value: float, usual: float) -> str:
    return f"With the usual differences among its label's images evened out, its strangeness is {max(value, 0):.1f}; about 1 is usual."


def _percent(chance: float) -> str:
    return f"{math.floor(100 * min(max(chance, 0), 1) + _EDGE)} %"


def _times(ratio: float) -> str:
    return "more than 100 times" if ratio > 100 else f"{ratio:.1f} times"


_SENTENCES: dict[str, Callable[[Inspection, int, float, float], str]] = {
    "knn_disagreement": _neighbours_disagree,
    "label_distance_ratio": _another_label_nearer,
    "outlier": _out_of_place,
    "near_duplicate": _copies,
    "trigger": _carries_pattern,
    "early_learning": _believed_early,
    "learnability": _guessed,
    "spectral_signature": _far_out_in_class,
    "spectre": _far_out_whitened,
}
# scores without a unit that means something to people: (said where high, said elsewhere)
_HIGH_OR_NOT = {
    "activation_clustering": (
        "Where the images of its label are split into two groups, it falls clearly into the smaller one.",
        "It does not lie in a small group set apart from the other images of its label.",
    ),
    "scan": (
        "Where two kinds of images are mixed under its label, it belongs to the kind that does not fit.",
        "Nothing says that it belongs to a second kind mixed into its label.",
    ),
    "halftone_shift": (
        "Redrawn in coarse dots it looks like another image: what it was judged by sits in its finest detail.",
        "Redrawn in coarse dots it still looks like the same image.",
    ),
}
