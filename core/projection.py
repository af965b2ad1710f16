"""The two-dimensional map. The only umap import; the kNN graph is the one that is already there.

UMAP (McInnes, Healy & Melville, arXiv 1802.03426) with the library's defaults (15 neighbours, min_dist 0.1), seeded and
therefore on one thread; initialised by principal components, which costs nothing and keeps the map's outline stable.
"""

from __future__ import annotations

import contextlib
import io
import re
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.linalg import eigh

from .types import Float32, Int32

NEIGHBOURS = 15
MIN_DIST = 0.1
FEWEST_ROWS = 15

Progress = Callable[[int, int], None]


def project(
    vectors: Float32, neighbours: Int32, similarity: Float32, *, seed: int = 0, progress: Progress | None = None
) -> tuple[Float32, str]:
    """Vectors (n, d) and their kNN graph (n, k) -> (xy float32 (n, 2), "umap" or "pca").

    PCA where UMAP has nothing to work on: fewer than 15 rows, fewer than 2 neighbours, or vectors that all lie
    on a point or a line.
    """
    start = principal_components(vectors)
    if len(vectors) < FEWEST_ROWS or neighbours.shape[1] < 2 or _degenerate(start):
        return start, "pca"
    return _umap(start, neighbours, similarity, seed, progress), "umap"


def principal_components(vectors: Float32) -> Float32:
    """The two strongest principal components, float32 (n, 2); zeros where there are none."""
    xy = np.zeros((len(vectors), 2), dtype=np.float32)
    if len(vectors) < 2:
        return xy
    centred = vectors - vectors.mean(axis=0)
    spread = (centred.T @ centred).astype(np.float64)
    # only two axes are wanted: all of them would take many seconds for vectors of 2,048 numbers
    _, axes = eigh(spread, subset_by_index=(max(len(spread) - 2, 0), len(spread) - 1))
    strongest = axes[:, ::-1]
    # the sign of an axis is arbitrary; fixing it keeps maps comparable
    strongest = strongest * np.sign(strongest[np.abs(strongest).argmax(axis=0), np.arange(strongest.shape[1])])
    found = centred @ strongest.astype(np.float32)
    xy[:, : found.shape[1]] = found
    return xy


def _degenerate(start: Float32) -> bool:
    return bool(start.std(axis=0).min() < 1e-6)


def _umap(start: Float32, neighbours: Int32, similarity: Float32, seed: int, progress: Progress | None) -> Float32:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from umap.umap_ import find_ab_params, fuzzy_simplicial_set, simplicial_set_embedding

    n = len(start)
    random = np.random.RandomState(seed)
    k = min(NEIGHBOURS - 1, neighbours.shape[1])
    # umap counts the row itself as its first neighbour
    indices = np.concatenate([np.arange(n, dtype=np.int32)[:, None], neighbours[:, :k]], axis=1)
    distance = np.sqrt(np.maximum(2.0 - 2.0 * similarity[:, :k], 0.0))
    distances = np.concatenate([np.zeros((n, 1), dtype=np.float32), distance], axis=1).astype(np.float32)
    a, b = find_ab_params(1.0, MIN_DIST)
    epochs = 500 if n <= 10_000 else 200
    scaled = 10.0 * start / np.abs(start).max() + random.normal(scale=1e-4, size=start.shape)
    # umap prints to stdout when it is asked for progress; stdout belongs to results
    with warnings.catch_warnings(), contextlib.redirect_stdout(_EpochReader(None)):
        warnings.simplefilter("ignore")
        graph = fuzzy_simplicial_set(start, k + 1, random, "euclidean", knn_indices=indices, knn_dists=distances)[0]
        found, _ = simplicial_set_embedding(
            data=start,
            graph=graph,
            n_components=2,
            initial_alpha=1.0,
            a=a,
            b=b,
            gamma=1.0,
            negative_sample_rate=5,
            n_epochs=epochs,
            init=scaled.astype(np.float32),
            random_state=random,
            metric="euclidean",
            metric_kwds={},
            densmap=False,
            densmap_kwds={},
            output_dens=False,
            parallel=False,
            verbose=progress is not None,
            tqdm_kwds={"file": _EpochReader(progress), "mininterval": 0.2, "ascii": True} if progress else None,
        )
    return np.ascontiguousarray(found, dtype=np.float32)


class _EpochReader(io.TextIOBase):
    """umap reports its epochs only as a printed bar; this reads "37/200" out of it."""

    def __init__(self, progress: Progress | None) -> None:
        self.progress = progress

    def write(self, text: str) -> int:
        found: Any = re.search(r"(\d+)/(\d+)", text)
        if found and self.progress is not None:
            self.progress(int(found[1]), int(found[2]))
        return len(text)
