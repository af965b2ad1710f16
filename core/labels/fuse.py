"""From the two axes to one suspicion in 0…1 and a verdict.

The axes: `content`, the chance that the image's content contradicts its label (core/labels/label_model.py), and `artifact`, the
chance that something which is no content explains the label (core/triggers). Rules, none of which needs a poison rate
or clean data:
- suspicion = 1 − (1 − content)·(1 − artifact): either is reason enough. A row is suspicious where it is more likely
  than not that something is wrong with it, so the threshold is 0.5 whatever the set;
- an artifact explains the label: `dirty_label_poison` where the content of the triggered rows contradicts their
  label far more often than that of the label's other rows does, else `clean_label_poison`;
- content alone contradicts the label: `dirty_label_poison` where that label gathers such rows beyond chance (an attacker
  aims at one class, mistakes spread; see `concentrated_labels`), else `label_noise`;
- rows that are not suspicious are `near_duplicate` when their nearest row is ten times nearer than usual or they
  belong to a cluster of like pictures, and `outlier` when their distance lies beyond the third quartile by three
  interquartile ranges (Tukey's far out).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..types import UNLABELLED, VERDICTS, Bool, Finding, Float32, Int64

THRESHOLD = 0.5
DUPLICATE_AT = float(np.exp(-0.1))
CONCENTRATION_ROWS = 8
# labels differ in how often an embedding misreads them: twice the usual rate is ordinary, and one row more is chance
ORDINARY, BY_CHANCE = 2.0, 1.0
# chance of naming any label of a set at all without an attack
FAMILY_WISE = 0.001
# with fewer classes there are too few contents for a confusion of two of them to be told from an attack
FEWEST_CONTENTS = 4
# share of wrong labels among a pattern's triggered rows from which all of them are held to be wrong
DIRTY = 0.5


@dataclass(frozen=True, eq=False)
class Fused:
    """suspicion, content, artifact: float32 (n,) in 0…1, never NaN.  verdicts: int8 (n,), index into VERDICTS."""

    suspicion: Float32
    threshold: float
    verdicts: NDArray[np.int8]
    content: Float32
    artifact: Float32


def fuse(
    labels: Int64,
    classes: int,
    wrong: Float32,
    scores: Mapping[str, Float32],
    *,
    artifact: Float32 | None = None,
    dirty: Bool | None = None,
    suggested: Int64 | None = None,
    duplicates: Int64 | None = None,
) -> Fused:
    """P(label wrong), scores and artifacts -> suspicion, threshold and verdicts; unlabelled rows get suspicion 0.

    wrong: P(given label wrong) by content, NaN unlabelled.  artifact: P(a pattern explains the label), default none.
    dirty: rows whose pattern goes with wrong labels.  suggested: what the content says, −1 for nothing.  duplicates: rows of clusters of like pictures.
    """
    n = len(labels)
    content = np.nan_to_num(wrong, nan=0.0).astype(np.float32)
    explained = np.zeros(n, np.float32) if artifact is None else np.where(labels == UNLABELLED, 0, artifact).astype(np.float32)
    suspicion = (1.0 - (1.0 - content) * (1.0 - explained)).astype(np.float32)
    verdicts = np.full(n, VERDICTS.index("clean"), dtype=np.int8)
    verdicts[_far_out(scores["outlier"])] = VERDICTS.index("outlier")
    verdicts[scores["near_duplicate"] >= DUPLICATE_AT] = VERDICTS.index("near_duplicate")
    if duplicates is not None:
        verdicts[duplicates] = VERDICTS.index("near_duplicate")
    suspicious = suspicion >= THRESHOLD
    by_pattern = explained >= THRESHOLD
    by_content = suspicious & ~by_pattern
    verdicts[by_content] = VERDICTS.index("label_noise")
    rows = np.flatnonzero(by_content)
    aimed_at = concentrated_labels(labels, classes, by_content, suggested)
    verdicts[rows[aimed_at[labels[rows]]]] = VERDICTS.index("dirty_label_poison")
    verdicts[by_pattern] = VERDICTS.index("clean_label_poison")
    if dirty is not None:
        verdicts[by_pattern & dirty] = VERDICTS.index("dirty_label_poison")
    return Fused(suspicion, THRESHOLD, verdicts, content, explained)


def dirty_rows(findings: Sequence[Finding], n: int) -> Bool:
    """bool (n,): rows poisoned by a pattern most of whose triggered rows bear wrong labels."""
    dirty = np.zeros(n, dtype=bool)
    for finding in findings:
        if finding.mislabelled > DIRTY:
            dirty[finding.rows] = True
    return dirty


def concentrated_labels(labels: Int64, classes: int, suspicious: Bool, suggested: Int64 | None = None) -> Bool:
    """bool (C,): labels under which suspicious rows of many contents gather beyond chance.

    An attacker's images come from many classes; an embedding that takes ships for planes, or two people's line between cups and
    mugs, brings those of one. So of each label's suspicious rows the most frequent content (`suggested`, −1 unknown) is left
    out. What remains is Poisson with at most twice the median label's rate and one row more; a label is named where that has a
    chance of less than 0.001 over all labels (Bonferroni), from eight rows on.
    """
    # loaded here: reading verdicts should not load scipy
    from scipy.stats import poisson

    rows = np.flatnonzero(suspicious & (labels != UNLABELLED))
    counts = np.bincount(labels[rows], minlength=classes).astype(float)
    if suggested is not None and classes >= FEWEST_CONTENTS and len(rows):
        known = rows[suggested[rows] != UNLABELLED]
        pairs, times = np.unique(labels[known] * classes + suggested[known], return_counts=True)
        most = np.zeros(classes)
        np.maximum.at(most, pairs // classes, times)
        counts -= most
    sizes = np.bincount(labels[labels != UNLABELLED], minlength=classes)
    share = counts / np.maximum(sizes, 1)
    usual = float(np.median(share[sizes > 0])) if (sizes > 0).any() else 0.0
    chance = poisson.sf(counts - 1, ORDINARY * usual * sizes + BY_CHANCE)
    return np.asarray((counts >= CONCENTRATION_ROWS) & (chance < FAMILY_WISE / max(classes, 1)))


def _far_out(outlier: Float32) -> Bool:
    finite = outlier[np.isfinite(outlier)]
    if len(finite) < 4:
        return np.zeros(len(outlier), dtype=bool)
    low, high = np.quantile(finite, (0.25, 0.75))
    # a set of identical images has no spread; rounding must not make outliers of them
    return np.asarray(np.nan_to_num(outlier, nan=-np.inf) > high + 3.0 * max(high - low, 1e-3))
