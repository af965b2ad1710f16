"""An inspection: everything known about one data set under one recipe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from .arrays import Bool, Float32, Int64
from .dataset import Dataset
from .evidence import Evidence, Suggestions
from .finding import Finding

VERDICTS = ("clean", "label_noise", "dirty_label_poison", "clean_label_poison", "outlier", "near_duplicate")

LEAST_TOP = 20


def top_size(suspicious: int, images: int) -> int:
    """How many rows count as the top: as many as are suspicious, at least 20, at most half of `images`."""
    return min(max(suspicious, LEAST_TOP), images // 2)


@dataclass(frozen=True)
class Recipe:
    """How a scan is made; together with the content it names the result.

    embedder: name in the registry.  k: neighbours per row.  seed: of everything random.
    options: further settings that change the result (weights digest, embeddings digest…).
    """

    embedder: str = "gradients"
    k: int = 50
    seed: int = 0
    options: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, eq=False)
class Inspection:
    """Everything known about one data set under one recipe; later stages may still be None.

    scores: name -> float32 (n,), higher = more suspicious, NaN = not scorable.
    suspicion: float32 (n,) in 0…1.  threshold: suspicion at or above it is suspicious.
    verdicts: int8 (n,), index into VERDICTS.  xy: float32 (n, 2).  projection: "umap" or "pca".
    findings: patterns held to be poison.  shortcuts: patterns that most of a class shares, which are not.
    content, artifact: float32 (n,) in 0…1, the two axes: chance that the image's content contradicts its label, and
    chance that something which is no content explains the label. None before the stage that finds triggers is done.
    """

    dataset: Dataset
    recipe: Recipe
    key: str
    evidence: Evidence | None = None
    scores: Mapping[str, Float32] = field(default_factory=dict)
    suspicion: Float32 | None = None
    threshold: float = float("nan")
    verdicts: NDArray[np.int8] | None = None
    suggestions: Suggestions | None = None
    findings: tuple[Finding, ...] = ()
    shortcuts: tuple[Finding, ...] = ()
    content: Float32 | None = None
    artifact: Float32 | None = None
    xy: Float32 | None = None
    projection: str = ""
    notes: tuple[str, ...] = ()

    @property
    def is_suspicious(self) -> Bool:
        """bool (n,): suspicion at or above the threshold."""
        if self.suspicion is None:
            return np.zeros(len(self.dataset), dtype=bool)
        return np.asarray(self.suspicion >= self.threshold)

    def ranked(self, rows: Int64 | None = None, by: Float32 | None = None) -> Int64:
        """`rows` (default: all) by falling suspicion, or by falling `by` (n,); not scorable last, ties in the order given."""
        chosen = np.arange(len(self.dataset)) if rows is None else rows
        column = self.suspicion if by is None else by
        if column is None:
            return chosen
        return chosen[np.argsort(-np.nan_to_num(column[chosen], nan=-np.inf), kind="stable")]
