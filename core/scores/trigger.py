"""The pattern that a row carries, in units of its finding's threshold.

The patterns are those that core/triggers found. Blind to patterns on very few images, and to triggers made of ordinary content.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ..types import UNLABELLED, UNSEEN, Finding, Float32, Inspection, Int64
from .score import Score


def trigger(findings: Sequence[Finding], labels: Int64) -> Float32:
    """Largest row score over the findings of the row's label, in units of the finding's threshold; 0 where there is none.

    float32 (n,) ≥ 0, NaN unlabelled; 1 = just carries it.
    """
    found = np.zeros(len(labels), np.float32)
    for finding in findings:
        own = (labels == finding.label) if finding.label >= 0 else np.isin(np.arange(len(labels)), finding.rows)
        np.maximum(found, np.where(own, finding.row_scores / max(finding.threshold, 1e-6), 0), out=found)
    found[labels == UNLABELLED] = np.nan
    return found


def _carries_pattern(inspection: Inspection, row: int, value: float, usual: float, high: bool) -> str:
    if not inspection.findings:
        return "No pattern was found in this set, so there is none that it could carry."
    carried = [found for found in inspection.findings if row in found.rows or found.row_scores[row] >= found.threshold]
    if not carried:
        return f"It carries none of the patterns found in this set ({len(inspection.findings):,} found)."
    best = max(carried, key=lambda found: float(found.row_scores[row]))
    label = "many labels" if best.label == UNLABELLED else f"the label “{inspection.dataset.classes[best.label]}”"
    explains = "" if best.label in (UNLABELLED, inspection.dataset.labels[row]) else ", which is not its own label"
    if best.kind == UNSEEN:
        return f"It belongs to the group {best.trigger_id} of {len(best.rows):,} images that stand apart from the others of {label}."
    strength = math.floor(best.row_scores[row])
    return f"It carries the pattern {best.trigger_id}, which goes with {label}{explains}; {strength:,} deviations above images without the pattern."


TRIGGER = Score(
    name="trigger",
    title="carries a pattern",
    question="How strongly does the image carry a pattern that predicts its label?",
    blind_to="patterns on very few images, and triggers made of ordinary content",
    family="artifact",
    needs="findings",
    function=trigger,
    explain=_carries_pattern,
)
