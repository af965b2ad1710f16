"""Distance-ratio label score of SelfClean (Gröger et al., NeurIPS 2024, arXiv 2305.17048), turned so that high is bad.

SelfClean ranks by d_other² / (d_same² + d_other²), low = label error, where d_same is the cosine distance to the
nearest row of the same label and d_other to the nearest row of another. Ours is 1 minus that. Weak where many
poisoned rows lie together: the nearest row of the same label is then poison too.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ..types import UNLABELLED, Evidence, Float32, Inspection
from .score import EDGE, Score, times

BLOCK = 2048


def label_distance_ratio(evidence: Evidence) -> Float32:
    """d_same² / (d_same² + d_other²), float32 (n,) in 0…1; higher = more suspicious.

    NaN for unlabelled rows and for rows whose class, or every other class, has no second member.
    """
    same = _nearest_distance(evidence, of_same_label=True)
    other = _nearest_distance(evidence, of_same_label=False)
    square_same, square_other = same**2, other**2
    total = square_same + square_other
    # both distances zero: exact duplicates under both labels, which says nothing either way
    ratio = np.where(total > 0, square_same / np.where(total > 0, total, 1.0), 0.5)
    return np.where(np.isnan(total), np.nan, ratio).astype(np.float32)


def _nearest_distance(evidence: Evidence, *, of_same_label: bool) -> NDArray[np.float64]:
    """Cosine distance to the nearest labelled row of the same (another) label, (n,); NaN where there is none."""
    labels, neighbours = evidence.labels, evidence.neighbours
    n = len(labels)
    found = np.full(n, np.nan)
    if neighbours.shape[1]:
        seen = labels[neighbours]
        fits = (seen == labels[:, None]) if of_same_label else (seen != labels[:, None]) & (seen != UNLABELLED)
        first = fits.argmax(axis=1)
        hit = fits[np.arange(n), first] & (labels != UNLABELLED)
        found[hit] = 1.0 - evidence.similarity[np.arange(n), first][hit]
    # the list of neighbours is cut at k: rows without a hit are searched in the whole set
    for label in np.unique(labels[(labels != UNLABELLED) & np.isnan(found)]):
        rows = np.flatnonzero((labels == label) & np.isnan(found))
        pool = np.flatnonzero(labels == label) if of_same_label else np.flatnonzero((labels != label) & (labels != UNLABELLED))
        _search(evidence.vectors, rows, pool, found)
    return np.asarray(np.maximum(found, 0.0))


def _search(vectors: Float32, rows: NDArray[np.int64], pool: NDArray[np.int64], found: NDArray[np.float64]) -> None:
    """Writes the distance from each of `rows` to the nearest other row of `pool` into `found`."""
    if len(pool) == 0:
        return
    for start in range(0, len(rows), BLOCK):
        block = rows[start : start + BLOCK]
        best = np.full(len(block), -np.inf, dtype=np.float32)
        for first in range(0, len(pool), BLOCK * 4):
            part = pool[first : first + BLOCK * 4]
            similarity = vectors[block] @ vectors[part].T
            similarity[block[:, None] == part[None, :]] = -np.inf
            best = np.maximum(best, similarity.max(axis=1))
        usable = np.isfinite(best)
        found[block[usable]] = 1.0 - best[usable]


def _another_label_nearer(inspection: Inspection, row: int, value: float, usual: float, high: bool) -> str:
    if value >= 1 - EDGE:
        return "An image that looks just like it has another label."
    if value <= EDGE:
        return "An image that looks just like it has the same label."
    ratio = math.sqrt(value / (1 - value))
    if 1 / 1.05 < ratio < 1.05:
        return "The nearest image of its own label and the nearest of another are about equally far away."
    near, far = ("another label", "its own label") if ratio > 1 else ("its own label", "another label")
    return f"The nearest image of {far} is {times(max(ratio, 1 / ratio))} as far away as the nearest of {near}."


LABEL_DISTANCE_RATIO = Score(
    name="label_distance_ratio",
    title="closer to another label",
    question="Is the nearest image of another label closer than the nearest of the same?",
    blind_to="poison whose label is right; many poisoned images close together",
    family="content",
    needs="evidence",
    function=label_distance_ratio,
    explain=_another_label_nearer,
    source="Gröger et al., SelfClean, NeurIPS 2024",
)
