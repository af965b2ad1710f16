"""kNN-distance outlier score (Ramaswamy, Rastogi & Shim, SIGMOD 2000; for images Sun et al., ICML 2022).

Blind to poison that looks like its neighbours.
"""

from __future__ import annotations

import numpy as np

from ..types import Evidence, Float32

RANK = 10


def outlier(evidence: Evidence) -> Float32:
    """Mean cosine distance to the 10 nearest rows, float32 (n,) in 0…2; higher = more out of place; labels unused."""
    if evidence.similarity.shape[1] == 0:
        return np.full(len(evidence), np.nan, dtype=np.float32)
    return np.asarray(1.0 - evidence.similarity[:, :RANK].mean(axis=1), dtype=np.float32)
