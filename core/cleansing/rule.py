"""What should become of every row: keep it, call it something else, or leave it out; from an inspection, no truth.

The rule, in the spirit of filtering and re-labelling by a label-blind embedding (Wang et al., ICASSP 2023):
1. rows below the suspicion threshold are kept;
2. a suspicious row whose content names another class is relabelled where that name is sure enough;
3. every other suspicious row is excluded: poison whose label is right, and rows that resemble no class clearly.
How sure is sure enough comes from the set: relabelled rows together shall be no less trustworthy than the rows that are
kept. Rows are taken by falling confidence as long as the mean confidence of those taken stays at or above the mean
chance (1 − suspicion) of kept rows to be right, or MOST_ASKED where that is lower.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..types import UNLABELLED, VERDICTS, Bool, Decision, Float32, Inspection, Int64, read_only

KEEP, RELABEL, EXCLUDE = range(3)
PROPOSALS = ("keep", "relabel", "exclude")
MOST_ASKED = 0.9
LEAST_SURE = 0.5
BY_RULE = "Taster (automatic)"


@dataclass(frozen=True, eq=False)
class Proposals:
    """One proposal a row.

    actions: int8 (n,), index into PROPOSALS.  labels: int64 (n,), the label after the proposal, −1 for none.
    confidence: float32 (n,) in 0…1: chance that the label is right (keep, relabel) or that the row is bad (exclude).
    least: the confidence that a relabelled row has at least.
    """

    actions: NDArray[np.int8]
    labels: Int64
    confidence: Float32
    least: float

    def __post_init__(self) -> None:
        if not len(self.actions) == len(self.labels) == len(self.confidence):
            raise ValueError("proposal columns differ in length")
        for array in (self.actions, self.labels, self.confidence):
            read_only(array)

    def counts(self) -> dict[str, int]:
        """How many rows are kept, relabelled and excluded."""
        found = np.bincount(self.actions, minlength=len(PROPOSALS))
        return {name: int(n) for name, n in zip(PROPOSALS, found, strict=True)}


def propose(inspection: Inspection) -> Proposals:
    """A proposal for every row of a scan that has been scored; raises ValueError before that."""
    suspicion, suggested = inspection.suspicion, inspection.suggestions
    if suspicion is None or suggested is None or inspection.verdicts is None:
        raise ValueError("the scan has no verdicts yet")
    given = inspection.dataset.labels
    suspicious = inspection.is_suspicious & (given != UNLABELLED)
    other = suspicious & (suggested.labels != given) & (suggested.labels != UNLABELLED)
    # the label of clean-label poison is right: another one would only make it worse
    other &= inspection.verdicts != VERDICTS.index("clean_label_poison")
    sure = np.nan_to_num(suggested.confidence, nan=0.0)
    least = sure_enough(sure[other], 1.0 - suspicion[~suspicious])
    relabelled = other & (sure >= least)
    actions = np.where(relabelled, RELABEL, np.where(suspicious, EXCLUDE, KEEP)).astype(np.int8)
    confidence = np.where(relabelled, sure, np.where(suspicious, suspicion, 1.0 - suspicion)).astype(np.float32)
    return Proposals(actions, np.where(relabelled, suggested.labels, given), confidence, least)


def sure_enough(confidence: NDArray[np.floating], kept: NDArray[np.floating]) -> float:
    """Least confidence such that all rows at or above it are, on average, as likely right as `kept` rows are.

    confidence: of the rows in question, kept: chance of being right of the rows that stay.  Never below 0.5; 1.0 where
    not even the surest row is sure enough (which then only rows of confidence 1 pass).
    """
    asked = min(float(kept.mean()) if len(kept) else 1.0, MOST_ASKED)
    ranked = np.sort(confidence[confidence >= LEAST_SURE])[::-1]
    if len(ranked) == 0:
        return 1.0
    enough = np.flatnonzero(np.cumsum(ranked) / np.arange(1, len(ranked) + 1) >= asked)
    return float(ranked[enough[-1]]) if len(enough) else 1.0


def as_decisions(inspection: Inspection, proposals: Proposals, rows: Bool) -> dict[str, Decision]:
    """Proposals of `rows` in the form of decisions that nobody has taken: image id -> Decision at seq 0, by BY_RULE.

    None of `rows` may be one that is kept: to be kept is what happens to a row without a decision.
    """
    found = {}
    for row in np.flatnonzero(rows).tolist():
        relabel = proposals.actions[row] == RELABEL
        name = inspection.dataset.ids[row]
        label = inspection.dataset.classes[int(proposals.labels[row])] if relabel else ""
        note = f"confidence {proposals.confidence[row]:.3f}"
        found[name] = Decision(
            0, "", BY_RULE, inspection.dataset.digest, name, PROPOSALS[proposals.actions[row]], label, note, None, "", ""
        )
    return found
