"""From scores to one suspicion in 0…1 and a verdict.

Rules, none of which needs a poison rate or clean data:
- suspicion is the estimated chance that the given label is wrong (see core/suggest.py); a row is suspicious where
  that is more likely than not, so the threshold is 0.5 whatever the set;
- suspicious rows whose given label collects far more of them than labels usually do are `dirty_label_poison`
  (an attacker aims at one class, mistakes spread); the others are `label_noise`;
- rows that are not suspicious are `near_duplicate` when their nearest row is ten times nearer than usual, and
  `outlier` when their distance lies beyond the third quartile by three interquartile ranges (Tukey's far out).
`clean_label_poison` needs evidence that content alone cannot give and is never said here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.types import UNLABELLED, VERDICTS, Bool, Float32, Int64

THRESHOLD = 0.5
DUPLICATE_AT = float(np.exp(-0.1))
CONCENTRATION_SIGMAS = 6.0
CONCENTRATION_ROWS = 8


@dataclass(frozen=True, eq=False)
class Fused:
    """suspicion: float32 (n,) in 0…1, never NaN.  verdicts: int8 (n,), index into VERDICTS."""

    suspicion: Float32
    threshold: float
    verdicts: NDArray[np.int8]


def fuse(labels: Int64, classes: int, wrong: Float32, scores: Mapping[str, Float32]) -> Fused:
    """P(label wrong) and the scores -> suspicion, threshold and verdicts; unlabelled rows get suspicion 0."""
    suspicion = np.nan_to_num(wrong, nan=0.0).astype(np.float32)
    verdicts = np.full(len(labels), VERDICTS.index("clean"), dtype=np.int8)
    verdicts[_far_out(scores["outlier"])] = VERDICTS.index("outlier")
    verdicts[scores["near_duplicate"] >= DUPLICATE_AT] = VERDICTS.index("near_duplicate")
    suspicious = suspicion >= THRESHOLD
    aimed_at = concentrated_labels(labels, classes, suspicious)
    verdicts[suspicious] = VERDICTS.index("label_noise")
    rows = np.flatnonzero(suspicious)
    verdicts[rows[aimed_at[labels[rows]]]] = VERDICTS.index("dirty_label_poison")
    return Fused(suspicion, THRESHOLD, verdicts)


def concentrated_labels(labels: Int64, classes: int, suspicious: Bool) -> Bool:
    """bool (C,): labels that collect more suspicious rows than the median label by six Poisson deviations."""
    counts = np.bincount(labels[suspicious & (labels != UNLABELLED)], minlength=classes)
    usual = float(np.median(counts)) if classes else 0.0
    return np.asarray((counts >= CONCENTRATION_ROWS) & (counts > usual + CONCENTRATION_SIGMAS * np.sqrt(usual + 1.0)))


def _far_out(outlier: Float32) -> Bool:
    finite = outlier[np.isfinite(outlier)]
    if len(finite) < 4:
        return np.zeros(len(outlier), dtype=bool)
    low, high = np.quantile(finite, (0.25, 0.75))
    # a set of identical images has no spread; rounding must not make outliers of them
    return np.asarray(np.nan_to_num(outlier, nan=-np.inf) > high + 3.0 * max(high - low, 1e-3))
