"""Where a trained network sees something that the verdict does not hold against anybody: said on the pages' first lines.

SCAn divides a class's activations in two (core/scores/scan.py). The division counts where either
- its index passes e², which by the authors' rule makes the class contaminated; or
- the network is much surer of the label of the smaller part than of the others', though it saw none of them in training: by a median
  chance of 0.9. Clean photographs, mixed objects and traffic signs: at most 0.8 between the parts of any class; planted patches on 20 of
  400 or 60 of 1,200 photographs: 0.95 and more.
Neither knows anything of content, so two honest kinds of one class pass too: this is no verdict, but what the verdict leaves
unexplained. Blind to: sets of one class, attacks on all classes at once, small shares of a class.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..types import Float32, Inspection, Int64

# the weight of a class at SCAn's threshold: log(1 + e⁰)
CONTAMINATED = float(np.log(2.0))
FEWEST_ROWS = 8
SURER = 0.9
EXPLAINED = 0.5


@dataclass(frozen=True, eq=False)
class Dissent:
    """label: whose images fall into two kinds.  rows: int64 (m,), the smaller kind."""

    label: int
    rows: Int64


def dissent(inspection: Inspection) -> list[Dissent]:
    """Classes in which a trained network sees a second kind of images most of which the verdict calls fine, the largest kind first."""
    score, sure = inspection.scores.get("scan"), inspection.scores.get("learnability")
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
        small = score[own] > weight / 2
        rows, others = own[small], own[~small]
        if len(rows) < FEWEST_ROWS or not len(others) or known[rows].mean() >= EXPLAINED:
            continue
        if weight >= CONTAMINATED or (sure is not None and _median(sure[rows]) - _median(sure[others]) >= SURER):
            found.append(Dissent(label, rows))
    return sorted(found, key=lambda one: -len(one.rows))


def _median(values: Float32) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else 0.0
