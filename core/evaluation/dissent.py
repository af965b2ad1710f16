"""Where a trained network sees something that the verdict does not hold against anybody: said on the pages' first lines.

By SCAn's own rule a class is contaminated where two groups explain its activations so much better than one that its index passes
e² (core/scores/scan.py). The rule knows nothing of content, so two honest kinds of one class (cars and their toys) pass it
too: this is no verdict, but what the verdict leaves unexplained.
Blind to: sets of one or two classes, attacks on all classes at once, small shares of a class.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..types import Inspection, Int64

# the weight of a class at SCAn's threshold: log(1 + e⁰)
CONTAMINATED = float(np.log(2.0))
FEWEST_ROWS = 8
EXPLAINED = 0.5


@dataclass(frozen=True, eq=False)
class Dissent:
    """label: whose images fall into two kinds.  rows: int64 (m,), the smaller kind."""

    label: int
    rows: Int64


def dissent(inspection: Inspection) -> list[Dissent]:
    """Classes in which a trained network sees a second kind of images most of which the verdict calls fine, the largest kind first."""
    score = inspection.scores.get("scan")
    if score is None or inspection.suspicion is None:
        return []
    known = np.array(inspection.is_suspicious)
    for finding in (*inspection.findings, *inspection.shortcuts):
        known[finding.rows] = True
    labels, found = inspection.dataset.labels, []
    for label in range(len(inspection.dataset.classes)):
        own = np.flatnonzero((labels == label) & np.isfinite(score))
        # a class's weight is what its surest row has
        weight = float(score[own].max()) if len(own) else 0.0
        rows = own[score[own] > weight / 2]
        if weight >= CONTAMINATED and len(rows) >= FEWEST_ROWS and known[rows].mean() < EXPLAINED:
            found.append(Dissent(label, rows))
    return sorted(found, key=lambda one: -len(one.rows))
