"""Spectral signatures: the squared projection on the top singular vector of each class's centred activations.

Tran, Li & Madry, *Spectral signatures in backdoor attacks*, NeurIPS 2018 (arXiv 1811.00636). They remove the top
1.5·ε of every class, which takes the rate; ours ranks all classes together, and tells the square in medians of the
set (not of the class: that its class is widened is part of what marks a poisoned row). Misses poison whose direction is not the class's widest, which is usual below some 5 % of a class; ranks
rare but honest images of a class high.
"""

from __future__ import annotations

import math

import numpy as np

from ..types import Float32, Inspection, Int64
from .by_class import Float64, Probed, principal, scored_by_class
from .score import Score, times


def spectral_signature(probe: Probed, labels: Int64, classes: int) -> Float32:
    """((x − class mean)·v)² / its median over the set, float32 (n,) ≥ 0; higher = more suspicious.

    Needs `Probe.features`. NaN for unlabelled rows and classes of fewer than three rows.
    """
    squared = scored_by_class(probe, labels, classes, _squared, fewest=3)
    known = squared[np.isfinite(squared)]
    if len(known) == 0:
        return squared
    # more than half of the rows may share their place; the mean then stands in for the median
    usual = max(float(np.median(known)), 1e-6 * float(known.mean()), 1e-12)
    return np.asarray(squared / usual, dtype=np.float32)


def _squared(features: Float64) -> Float64:
    projected, variances = principal(features, 1)
    # without an axis, all rows are alike
    return np.asarray(projected[:, 0] ** 2) if len(variances) else np.zeros(len(features))


def _far_out_in_class(inspection: Inspection, row: int, value: float, usual: float, high: bool) -> str:
    # the score is a square in units of the class's median
    return f"It stands {times(math.sqrt(max(value, 0)))} as far out as is usual, in the direction in which the images of its label differ most."


SPECTRAL_SIGNATURE = Score(
    name="spectral_signature",
    title="stands out in its class",
    question="Does the image lie far out along the direction in which its class varies most?",
    blind_to="poison on a small share of a class; it also picks out rare but honest images",
    family="artifact",
    needs="probe",
    function=spectral_signature,
    explain=_far_out_in_class,
    source="Tran, Li and Madry, Spectral signatures, NeurIPS 2018",
)
