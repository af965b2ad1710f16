"""SPECTRE: robust whitening of each class's activations, then the QUE score.

Hayase, Kong, Somani & Oh, *SPECTRE: defending against backdoor attacks using robust statistics*, ICML 2021
(arXiv 2104.11315): estimate mean and covariance of the clean rows robustly, whiten all rows by them, and score
τ = xᵀQx / Tr Q with Q = exp(α (Σ̃ − I) / (‖Σ̃‖ − 1)), α = 4, Σ̃ the covariance after whitening; Q looks where the class
is wider than its clean part. Theirs needs the rate, for the robust estimate and for choosing the number of axes; ours
knows none: it rests on the innermost half of the class whatever the set (concentration steps from the median), on eight
axes. So poison of half a class or more is missed, as is poison that does not widen its class.
"""

from __future__ import annotations

import numpy as np
from scipy.stats import chi2

from ..types import Float32, Inspection, Int64
from .by_class import Float64, Probed, principal, scored_by_class
from .score import Score

ALPHA = 4.0
# measured on CIFAR-10: with more axes, or less trimmed, a clean-label signal in a fifth of its class is lost
AXES = 8
KEPT = 0.5
STEPS = 10
# a covariance of k axes wants several rows an axis
ROWS_PER_AXIS = 5


def spectre(probe: Probed, labels: Int64, classes: int) -> Float32:
    """QUE score in the row's class, float32 (n,) ≥ 0, about 1 for the usual row; higher = more suspicious.

    Needs `Probe.features` of a network that has learnt the trigger. NaN for unlabelled rows and classes of fewer than
    ten rows.
    """
    return scored_by_class(probe, labels, classes, _que, fewest=2 * ROWS_PER_AXIS)


def _que(features: Float64) -> Float64:
    points, _ = principal(features, min(AXES, len(features) // ROWS_PER_AXIS))
    if points.shape[1] == 0:
        return np.zeros(len(features))
    mean, covariance = trimmed_estimate(points)
    values, axes = np.linalg.eigh(covariance)
    # more than half of the rows may lie in fewer dimensions than the rest
    values = np.maximum(values, 1e-9 * max(float(values[-1]), 1e-12))
    white = (points - mean) @ axes / np.sqrt(values)  # (m, k)
    return que(white)


def que(white: Float64) -> Float64:
    """xᵀQx / Tr Q of whitened rows (m, k), (m,)."""
    spread, axes = np.linalg.eigh(np.atleast_2d(np.cov(white.T, bias=True)))
    widest = float(spread[-1]) - 1.0
    # nowhere wider than the clean part: every direction counts alike
    weights = np.exp(ALPHA * (spread - 1.0) / widest) if widest > 1e-9 else np.ones(len(spread))
    return np.asarray(((white @ axes) ** 2 * weights).sum(axis=1) / weights.sum())


def trimmed_estimate(points: Float64) -> tuple[Float64, Float64]:
    """Mean (k,) and covariance (k, k) of the half of the rows that lie nearest to them.

    The concentration steps of Rousseeuw & Van Driessen (1999) from medians and median deviations; the covariance is
    scaled so that the median distance is that of a Gaussian.
    """
    m, k = points.shape
    mean = np.median(points, axis=0)
    away = 1.4826 * np.median(np.abs(points - mean), axis=0)
    # an axis on which half of the rows agree still has a variance
    covariance = np.diag(np.maximum(away, 1e-6 * points.std(axis=0) + 1e-12) ** 2)
    kept = int(np.ceil(KEPT * m))
    for _ in range(STEPS):
        squared = _squared_distance(points, mean, covariance)
        # by value, not by place: equal rows are kept or left together whatever their order
        near = points[squared <= np.partition(squared, kept - 1)[kept - 1]]
        mean, covariance = near.mean(axis=0), np.atleast_2d(np.cov(near.T, bias=True))
    middle = float(np.median(_squared_distance(points, mean, covariance)))
    return mean, covariance * max(middle, 1e-12) / float(chi2.ppf(0.5, k))


def _squared_distance(points: Float64, mean: Float64, covariance: Float64) -> Float64:
    inverse = np.linalg.pinv(covariance, rcond=1e-9, hermitian=True)
    away = points - mean
    return np.asarray(((away @ inverse) * away).sum(axis=1))


def _far_out_whitened(inspection: Inspection, row: int, value: float, usual: float, high: bool) -> str:
    return f"With the usual differences among its label's images evened out, its strangeness is {max(value, 0):.1f}; about 1 is usual."


SPECTRE = Score(
    name="spectre",
    title="stands out, evened out",
    question="Does the image lie where its class is wider than the inner half of the class would be?",
    blind_to="poison on half of a class or more, or poison that looks like the rest of its class",
    family="artifact",
    needs="probe",
    function=spectre,
    explain=_far_out_whitened,
    source="Hayase et al., SPECTRE, ICML 2021",
)
