"""Activation clustering: does a row of a class lie in the smaller of two groups of activations?

Chen et al., *Detecting backdoor attacks on deep neural networks by activation clustering*, 2018 (arXiv 1811.03728):
per class reduce to 10 dimensions (they: ICA; here: PCA), 2-means, and suspect a cluster that is small or a split that
fits well (silhouette). They flag whole clusters; ours is a continuous version: how much nearer the small cluster's
centre lies, weighted by how well and how unevenly the class splits. The silhouette is the simplified one (distances to
centres; Hruschka et al. 2004), since the exact one costs m². Misses low rates: 2-means then splits the content.
"""

from __future__ import annotations

import numpy as np

from ..types import Float32, Int64
from .by_class import Float64, Probed, principal, scored_by_class
from .score import Score, either
from .two_means import distances_to, two_means

DIMENSIONS = 10


def activation_clustering(probe: Probed, labels: Int64, classes: int) -> Float32:
    """Weight of the class's split × nearness to the smaller cluster, float32 (n,) in 0…1; higher = more suspicious.

    nearness = d_large / (d_large + d_small), the distances to the two centres; weight = mean silhouette (at least 0)
    × (1 − 2 · share of the smaller cluster). Needs `Probe.features`. NaN for unlabelled rows and classes of fewer
    than four rows.
    """
    return scored_by_class(probe, labels, classes, _nearness, fewest=4)


def _nearness(features: Float64) -> Float64:
    points, _ = principal(features, DIMENSIONS)
    if points.shape[1] == 0:
        return np.zeros(len(features))
    distances = distances_to(points, two_means(points))  # (m, 2)
    small = distances[:, 1] < distances[:, 0]
    if small.sum() * 2 > len(small):
        distances, small = distances[:, ::-1], ~small
    both = distances.sum(axis=1)
    nearness = np.divide(distances[:, 0], both, out=np.full(len(both), 0.5), where=both > 0)
    return np.asarray(nearness * split_weight(distances, float(small.mean())))


def split_weight(distances: Float64, small_share: float) -> float:
    """Simplified silhouette × unevenness of a split, 0…1.  distances: (m, 2), to the two centres."""
    farther = distances.max(axis=1)
    silhouette = np.divide(farther - distances.min(axis=1), farther, out=np.zeros(len(farther)), where=farther > 0)
    return float(silhouette.mean()) * (1.0 - 2.0 * small_share)


ACTIVATION_CLUSTERING = Score(
    name="activation_clustering",
    title="small group in its class",
    question="Does its class fall into a large and a small group, and is the image in the small one?",
    blind_to="poison on a small share of a class, or on about half of it",
    family="artifact",
    needs="probe",
    function=activation_clustering,
    explain=either(
        "Where the images of its label are split into two groups, it falls clearly into the smaller one.",
        "It does not lie in a small group set apart from the other images of its label.",
    ),
    source="Chen et al., Activation clustering, 2018",
)
