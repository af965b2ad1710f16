"""Near duplicates: rows whose nearest neighbour is far closer than is usual in the set.

Blind to duplicates that the embedder itself tells apart (crops, mirror images).
"""

from __future__ import annotations

import numpy as np

from ..types import Evidence, Float32


def near_duplicate(evidence: Evidence) -> Float32:
    """exp(−d / median d), d the Euclidean distance to the nearest row: 1 for an exact copy, e⁻¹ for the usual row.

    float32 (n,) in 0…1; higher = more alike another row; labels unused.
    """
    if evidence.similarity.shape[1] == 0:
        return np.full(len(evidence), np.nan, dtype=np.float32)
    distance = np.sqrt(np.maximum(2.0 - 2.0 * evidence.similarity[:, 0].astype(np.float64), 0.0))
    # float32 cosines of equal vectors miss 1 by a few ulp, which the root would blow up
    distance[distance < 1e-3] = 0.0
    typical = float(np.median(distance))
    if typical == 0.0:  # most rows have an exact copy
        return np.asarray(distance == 0.0, dtype=np.float32)
    return np.asarray(np.exp(-distance / typical), dtype=np.float32)
