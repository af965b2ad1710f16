"""Two groups of points by Lloyd's algorithm, from fixed first splits, so that the order of rows does not matter."""

from __future__ import annotations

import numpy as np

from ..types import Bool
from .by_class import Float64

# first splits: along each axis, off either end, and in the middle
STARTS = (0.05, 0.5, 0.95)
ROUNDS = 30


def two_means(points: Float64, axes: Float64 | None = None) -> Float64:
    """The two centres (2, k) of least inertia that Lloyd's algorithm finds from a fixed set of first splits.

    points: (m, k).  axes: (m, j), the rows on the axes along which first splits are made; by default `points`.
    """
    best, least = np.zeros((2, points.shape[1])), np.inf
    for along in (points if axes is None else axes).T:
        for quantile in STARTS:
            upper = along > np.quantile(along, quantile)
            centres, inertia = _lloyd(points, upper)
            if inertia < least * (1 - 1e-9):
                best, least = centres, inertia
    return best


def _lloyd(points: Float64, upper: Bool) -> tuple[Float64, float]:
    centres = np.zeros((2, points.shape[1]))
    for _ in range(ROUNDS):
        if upper.all() or not upper.any():
            return centres, np.inf
        centres = np.stack([points[~upper].mean(axis=0), points[upper].mean(axis=0)])
        now = (points @ (centres[1] - centres[0])) > (centres[1] @ centres[1] - centres[0] @ centres[0]) / 2
        if (now == upper).all():
            break
        upper = now
    return centres, float((distances_to(points, centres).min(axis=1) ** 2).sum())


def distances_to(points: Float64, centres: Float64) -> Float64:
    """Euclidean distances (m, 2) from points (m, k) to centres (2, k)."""
    return np.stack([np.linalg.norm(points - centre, axis=1) for centre in centres], axis=1)
