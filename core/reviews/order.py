"""In which order suspects should be looked at, so that one minute of a person's time removes the most expected harm.

Asking where the machine is least sure is uncertainty sampling (Lewis & Gale, SIGIR 1994); asking once per group of
like rows keeps it from asking the same thing again and again (representative sampling: Xu et al., ECIR 2003). Here:

- *cluster*: suspects that one answer settles together. Those of one finding; of the others, those with the same given
  and the same suggested label that are connected through the kNN graph.
- *impact* of a row: its suspicion × the size of its cluster, the harm that is expected to stay if nobody answers.
- *uncertainty* of a row: 1 − |2c − 1| for the confidence c of its proposal – like the entropy largest at one half –
  and never below FLOOR, so that sure proposals are not asked about first but are asked about.
- *harm* of a cluster: the mean over its rows of uncertainty × impact, which is the sum of uncertainty × suspicion.

First comes one representative of each cluster, the row with the highest mean similarity to the cluster's others, by
falling harm. Then the rest: the k-th further row of a cluster weighs harm / (k + 1), and the heaviest comes next –
the highest averages of D'Hondt (1882), a round-robin that returns to a cluster the more rarely the less it weighs.
Known limits: a cluster is only as much alike as the embedding says; whoever answers for all of it should audit it.
The gain is in the first answers: once the large clusters are settled, unsure rows turn out to be harmless more often
than sure ones, and plain suspicion finds as much.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components

from ..types import UNLABELLED, Bool, Float32, Inspection, Int64, read_only

# a proposal surer than 0.9 counts as one of 0.9; a lower floor finds less harm later on, a higher one hides doubt
FLOOR = 0.2


@dataclass(frozen=True, eq=False)
class ReviewOrder:
    """rows: int64 (m,), every suspect once, the first to be looked at first.  clusters: int64 (m,), the cluster of
    each of `rows`, 0 the most harmful.  representatives: how many of `rows`, from the first, stand for a cluster."""

    rows: Int64
    clusters: Int64
    representatives: int

    def __post_init__(self) -> None:
        if self.rows.shape != self.clusters.shape:
            raise ValueError("rows and clusters differ in length")
        read_only(self.rows)
        read_only(self.clusters)


def review_order(inspection: Inspection, confidence: Float32, undecided: Bool | None = None) -> ReviewOrder:
    """The suspicious rows of a scored inspection, those first whose answer removes the most expected harm.

    confidence: float (n,) in 0…1, of the proposal for each row; NaN counts as unsure.  undecided: bool (n,), rows that
    nobody has decided, default all; only they are ordered and counted.
    Ties are broken by image id, so the order of the rows in the data set does not matter.
    Raises ValueError where a column has another length than the data set.
    """
    n = len(inspection.dataset)
    open_ = np.ones(n, dtype=bool) if undecided is None else undecided
    if confidence.shape != (n,) or open_.shape != (n,):
        raise ValueError(f"confidence and undecided must have {n} entries")
    rows = np.flatnonzero(inspection.is_suspicious & open_)
    # everything below happens in the order of ids: sums of floats depend on their order
    ids = inspection.dataset.ids
    rows = np.array(sorted(rows.tolist(), key=lambda row: ids[row]), dtype=np.int64)
    if len(rows) == 0:
        return ReviewOrder(rows, rows.copy(), 0)
    assert inspection.suspicion is not None
    worth = uncertainty(confidence[rows]) * inspection.suspicion[rows].astype(np.float64)
    cluster = clusters_of(inspection, rows)
    count = int(cluster.max()) + 1
    harm = np.bincount(cluster, worth, minlength=count)
    # clusters are numbered by their first row, so a stable sort breaks ties by id
    place = np.empty(count, dtype=np.int64)
    place[np.argsort(-harm, kind="stable")] = np.arange(count)
    first = _representatives(inspection, rows, cluster, count)
    turn = _turns(cluster, worth, first)
    order = np.lexsort((np.arange(len(rows)), place[cluster], -harm[cluster] / (turn + 1), turn > 0))
    return ReviewOrder(rows[order], place[cluster[order]], count)


def uncertainty(confidence: NDArray[np.floating]) -> NDArray[np.float64]:
    """How unsure a proposal of this confidence is, (m,) in FLOOR…1, largest at one half and where nothing is known."""
    sure = np.abs(2.0 * np.nan_to_num(confidence.astype(np.float64), nan=0.5) - 1.0)
    return np.maximum(1.0 - sure, FLOOR)


def clusters_of(inspection: Inspection, rows: Int64) -> Int64:
    """Number of the cluster of each of `rows` (each once), int64 (m,): 0 is that of the first row, and so on by first row."""
    m, n = len(rows), len(inspection.dataset)
    place = np.full(n, -1, dtype=np.int64)
    place[rows] = np.arange(m)
    group = _answers(inspection)[rows]
    pairs: list[tuple[Int64, Int64]] = []
    # the strongest finding keeps a row that several have; one star of links connects what it keeps
    taken = np.zeros(m, dtype=bool)
    for finding in inspection.findings:
        held = np.sort(place[finding.rows])
        held = held[(held >= 0)]
        held = held[~taken[held]]
        taken[held] = True
        pairs.append((held[:1].repeat(len(held)), held))
    if inspection.evidence is not None:
        near = place[inspection.evidence.neighbours[rows]]
        here, column = np.nonzero(near >= 0)
        there = near[here, column]
        alike = (group[here] == group[there]) & ~taken[here] & ~taken[there]
        pairs.append((here[alike].astype(np.int64), there[alike]))
    return _connected(m, pairs)


def _answers(inspection: Inspection) -> Int64:
    """One number for each pair of given and suggested label, int64 (n,)."""
    given = inspection.dataset.labels
    suggested = np.full(len(given), UNLABELLED) if inspection.suggestions is None else inspection.suggestions.labels
    return np.asarray((given + 1) * (len(inspection.dataset.classes) + 1) + suggested + 1)


def _connected(m: int, pairs: list[tuple[Int64, Int64]]) -> Int64:
    """Components of the graph with `m` nodes and these links, numbered by their first node, (m,)."""
    left = np.concatenate([np.empty(0, np.int64), *(pair[0] for pair in pairs)])
    right = np.concatenate([np.empty(0, np.int64), *(pair[1] for pair in pairs)])
    links = csr_matrix((np.ones(len(left), dtype=np.int8), (left, right)), shape=(m, m))
    _, found = connected_components(links, directed=False)
    _, first, inverse = np.unique(found, return_index=True, return_inverse=True)
    number = np.empty(len(first), dtype=np.int64)
    number[np.argsort(first)] = np.arange(len(first))
    return np.asarray(number[inverse.reshape(-1)])


def _representatives(inspection: Inspection, rows: Int64, cluster: Int64, count: int) -> Bool:
    """bool (m,): of each cluster, the row with the highest mean similarity to the others; the first of equal ones."""
    if inspection.evidence is None:
        mean = np.zeros(len(rows))
    else:
        vectors = inspection.evidence.vectors[rows].astype(np.float64)
        total = np.zeros((count, vectors.shape[1]))
        np.add.at(total, cluster, vectors)
        # the sum over the others; rounded, so that copies of one image are equal and the first of them is taken
        mean = np.round(np.einsum("ij,ij->i", vectors, total[cluster]) - np.einsum("ij,ij->i", vectors, vectors), 9)
    order = np.lexsort((np.arange(len(rows)), -mean, cluster))
    chosen = np.zeros(len(rows), dtype=bool)
    chosen[order[np.unique(cluster[order], return_index=True)[1]]] = True
    return chosen


def _turns(cluster: Int64, worth: NDArray[np.float64], first: Bool) -> Int64:
    """How many of its cluster come before each row, int64 (m,): 0 for the representative, the others by falling worth."""
    order = np.lexsort((np.arange(len(cluster)), -worth, ~first, cluster))
    start = np.unique(cluster[order], return_index=True)[1]
    turn = np.empty(len(cluster), dtype=np.int64)
    turn[order] = np.arange(len(cluster)) - start[cluster[order]]
    return turn
