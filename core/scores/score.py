"""What a score is to the rest of Taster: one record, made beside the function, put into the registry by one line."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from ..types import Float32, Inspection

# an explanation: (inspection, row, value, usual value, high) -> what was measured, in a sentence
Explain = Callable[[Inspection, int, float, float, bool], str]
# a value this near to 0 or 1 is one of them: float32 cosines miss by a few ulp
EDGE = 1e-5


def plain_value(inspection: Inspection, row: int, value: float, usual: float, high: bool) -> str:
    """The explanation of a score that has no better one."""
    return f"Its value is {value:.3g}; the usual value here is {usual:.3g}."


def either(high: str, low: str) -> Explain:
    """The explanation of a score without a unit that means something to people: one sentence where it is high, one elsewhere."""
    return lambda inspection, row, value, usual, is_high: high if is_high else low


@dataclass(frozen=True)
class Score:
    """An entry of the registry. A score is float32 (n,), **higher = more suspicious, always**; NaN = not scorable.

    name: column `<name>_score` in tables.  title: its name on screen.  question: what it asks of an image, one sentence with "?".
    blind_to: what it cannot see.  family: content (is the label contradicted?), artifact (does something that is no content
    predict the label?) or oddity (is the image out of place?).
    needs: what `function` is given: "evidence" (Evidence), "probe" (Probed, labels, classes), "halftone" (features of the images,
    features of their halftones), "findings" (findings, labels).
    version: raised when the function gives other values, so that scans are made again.  source: the paper behind it.
    """

    name: str
    title: str
    question: str
    blind_to: str
    family: Literal["content", "artifact", "oddity"]
    needs: Literal["evidence", "probe", "halftone", "findings"]
    function: Callable[..., Float32]
    explain: Explain = plain_value
    version: int = 1
    source: str = ""


def registry(*scores: Score) -> dict[str, Score]:
    """The scores by name, in the order given, which is that of tables and pages."""
    return {score.name: score for score in scores}


def percent(chance: float) -> str:
    """A chance as whole per cent, rounded down."""
    return f"{math.floor(100 * min(max(chance, 0), 1) + EDGE)} %"


def times(ratio: float) -> str:
    """A ratio as words."""
    return "more than 100 times" if ratio > 100 else f"{ratio:.1f} times"


def by_need(scores: dict[str, Score], need: str) -> dict[str, Score]:
    """The scores that are given `need`."""
    return {name: score for name, score in scores.items() if score.needs == need}
