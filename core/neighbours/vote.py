"""The similarity-weighted vote of a row's neighbours; what label scores and suggestions are made from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..types import UNLABELLED, Evidence, Float32

# sharper votes would agree with the labels better, but poisoned images find each other first: a wide vote asks
# beyond their circle
TEMPERATURES = (0.12, 0.16, 0.2)
# a class that no neighbour names keeps this share, so that logarithms stay finite
FLOOR = 0.002
FIT_ROWS = 20_000
CHUNK = 8192
# rows times classes of one array of shares, 64 MB: with many classes, fewer rows are looked at in one go
CELLS = 1 << 23


@dataclass(frozen=True, eq=False)
class Vote:
    """Neighbour j of row i weighs exp((s_ij − s_i1) / temperature); unlabelled neighbours do not vote.

    temperature: chosen once for the set, by the likelihood of the given labels under the votes of the others.
    """

    evidence: Evidence
    temperature: float

    def shares(self, rows: NDArray[np.int64] | slice) -> Float32:
        """Share of the vote per class, float32 (m, C), rows summing to 1; uniform where nobody votes."""
        e = self.evidence
        return class_shares(e.labels[e.neighbours[rows]], e.similarity[rows], len(e.classes), self.temperature)

    def own_share(self) -> Float32:
        """Share that goes to the row's given label, float32 (n,); NaN for unlabelled rows."""
        n = len(self.evidence)
        own = np.full(n, np.nan, dtype=np.float32)
        for rows in row_chunks(n, len(self.evidence.classes)):
            labels = self.evidence.labels[rows]
            shares = self.shares(rows)
            known = labels != UNLABELLED
            own[rows[known]] = shares[known, labels[known]]
        return own


def row_chunks(n: int, classes: int) -> list[NDArray[np.int64]]:
    """Rows 0…n − 1 in parts of at most 8,192 whose shares (rows, classes) do not fill the memory; what is found does not depend on them."""
    step = int(np.clip(CELLS // (classes + 1), 1, CHUNK))
    return [np.arange(start, min(start + step, n)) for start in range(0, n, step)]


def class_shares(neighbour_labels: NDArray[np.int64], similarity: Float32, classes: int, temperature: float) -> Float32:
    """Vote shares from labels (m, k) and similarity (m, k), falling -> float32 (m, C)."""
    m, k = neighbour_labels.shape
    if k == 0 or classes == 0:
        return np.full((m, classes), 1.0 / max(classes, 1), dtype=np.float32)
    weights = np.exp((similarity - similarity[:, :1]) / temperature)
    weights = np.where(neighbour_labels == UNLABELLED, 0.0, weights)
    # an unlabelled neighbour is sent to a spare last column
    cells = np.arange(m)[:, None] * (classes + 1) + np.where(neighbour_labels == UNLABELLED, classes, neighbour_labels)
    sums = np.bincount(cells.ravel(), weights.ravel(), minlength=m * (classes + 1)).reshape(m, classes + 1)[:, :classes]
    total = sums.sum(1, keepdims=True)
    shares = np.where(total > 0, sums / np.maximum(total, 1e-12), 1.0 / classes)
    return np.asarray(shares * (1 - FLOOR) + FLOOR / classes, dtype=np.float32)


def vote(evidence: Evidence) -> Vote:
    """The vote with the temperature under which the given labels are likeliest, left out one by one.

    A row never votes for itself, so agreement is measured on rows the vote has not seen.
    """
    labelled = np.flatnonzero(evidence.labels != UNLABELLED)
    if len(labelled) == 0 or evidence.neighbours.shape[1] == 0:
        return Vote(evidence, TEMPERATURES[0])
    rows = labelled[np.unique(np.linspace(0, len(labelled) - 1, min(len(labelled), FIT_ROWS)).astype(np.int64))]
    neighbour_labels, similarity = evidence.labels[evidence.neighbours[rows]], evidence.similarity[rows]
    given, classes = evidence.labels[rows], len(evidence.classes)

    def likelihood(temperature: float) -> float:
        own = np.empty(len(rows), dtype=np.float32)
        for part in row_chunks(len(rows), classes):
            own[part] = class_shares(neighbour_labels[part], similarity[part], classes, temperature)[np.arange(len(part)), given[part]]
        return float(np.log(own).mean())

    return Vote(evidence, TEMPERATURES[int(np.argmax([likelihood(t) for t in TEMPERATURES]))])
