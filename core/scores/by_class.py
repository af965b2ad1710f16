"""What the statistics on a probe's activations share: class by class, labelled rows with finite features alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..types import UNLABELLED, Bool, Float32, Int64

Float64 = NDArray[np.float64]


class Probed(Protocol):
    """What a score reads of a probe (see core/scores/probe/train.py)."""

    @property
    def given(self) -> Float32: ...
    @property
    def early_loss(self) -> Float32: ...
    @property
    def features(self) -> Float32: ...


def class_rows(probe: Probed, labels: Int64, classes: int) -> Iterator[tuple[int, Int64]]:
    """(class, its rows that can be scored), classes without any left out."""
    yield from _grouped(labels, classes, np.asarray(np.isfinite(probe.features).all(axis=1)))


def _grouped(labels: Int64, classes: int, usable: Bool) -> Iterator[tuple[int, Int64]]:
    rows = np.flatnonzero((labels != UNLABELLED) & usable)
    by_label = rows[np.argsort(labels[rows], kind="stable")]
    ends = np.searchsorted(labels[by_label], np.arange(classes + 1))
    for label in range(classes):
        members = by_label[ends[label] : ends[label + 1]]
        if len(members):
            yield label, members


def above_class(values: Float32, labels: Int64, classes: int) -> Float32:
    """`values` (n,) less their median in the row's class, float32 (n,); NaN unlabelled and where not finite.

    Classes differ in how easily they are learnt; what counts is a row that is learnt better than its class.
    """
    found = np.full(len(labels), np.nan, dtype=np.float32)
    for _, rows in _grouped(labels, classes, np.isfinite(values)):
        found[rows] = values[rows] - np.median(values[rows])
    return found


def scored_by_class(probe: Probed, labels: Int64, classes: int, score: Callable[[Float64], Float64], *, fewest: int) -> Float32:
    """`score` (features (m, d) -> (m,)) applied to each class of at least `fewest` rows, float32 (n,), else NaN."""
    found = np.full(len(labels), np.nan, dtype=np.float32)
    for _, rows in class_rows(probe, labels, classes):
        if len(rows) >= fewest:
            found[rows] = score(probe.features[rows].astype(np.float64))
    return found


def principal(features: Float64, most: int) -> tuple[Float64, Float64]:
    """Centred features on their principal axes, (m, k), and the variances (k,), falling.

    k is the number of axes that carry any variance, `most` at most. Signs of axes are arbitrary.
    """
    centred = features - features.mean(axis=0)
    values, axes = np.linalg.eigh(centred.T @ centred / len(features))
    values, axes = values[::-1], axes[:, ::-1]
    kept = min(most, int((values > max(values[0], 1e-12) * 1e-9).sum()))
    return centred @ axes[:, :kept], values[:kept]
