"""Where an embedder looks: cover one place after another and see how far the vector moves.

Source: Zeiler & Fergus, *Visualizing and understanding convolutional networks*, ECCV 2014, section 4.2, with the
cosine distance of raw features in place of a class score, so that no label takes part.
Known limit: a thing that shows in two places at once is missed, because either alone is enough for the embedder.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..types import Float32, UInt8

Features = Callable[[UInt8], NDArray[Any]]


@dataclass(frozen=True, eq=False)
class Occlusion:
    """One covered version a place.

    rows, columns: int64 (a,), (b,), upper left corners.  patch: side of the covered square, in pixels.
    distances: float32 (a, b), cosine distance 0…2 between covered and uncovered.
    covered: float32 (a·b, D), features of the covered versions, row by row.  plain: float32 (D,), of the image.
    heat: float32 (h, w), mean over the covers that hold a pixel.
    """

    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    patch: int
    distances: Float32
    covered: Float32
    plain: Float32
    heat: Float32

    def spread(self, values: NDArray[Any]) -> Float32:
        """Values one a place (a, b) -> float32 (h, w): the mean over the covers that hold a pixel."""
        return _spread(np.asarray(values, dtype=np.float64), self.rows, self.columns, self.patch, self.heat.shape)


def starts(length: int, patch: int, stride: int) -> NDArray[np.int64]:
    """Upper ends of the covers along one side: every `stride` pixels, and one that reaches the far edge."""
    last = max(0, length - patch)
    return np.unique(np.append(np.arange(0, last + 1, stride), last)).astype(np.int64)


def cover(image: UInt8, top: int, left: int, patch: int) -> UInt8:
    """`image` (h, w, 3) with a square in the mean colour of the ring around it, half a patch wide.

    Of the whole image's mean where the ring is empty. A colour from around the place draws no edge of its own
    on an even ground, where plain grey would.
    """
    ring = max(1, patch // 2)
    outer = image[max(0, top - ring) : top + patch + ring, max(0, left - ring) : left + patch + ring].astype(np.float64)
    inner = image[top : top + patch, left : left + patch].astype(np.float64)
    count = outer.shape[0] * outer.shape[1] - inner.shape[0] * inner.shape[1]
    around = (outer.sum((0, 1)) - inner.sum((0, 1))) / count if count else image.mean((0, 1))
    covered: UInt8 = np.array(image, dtype=np.uint8)
    covered[top : top + patch, left : left + patch] = np.clip(np.rint(around), 0, 255).astype(np.uint8)
    return covered


def occlusion(features_of: Features, image: UInt8, patch: int, stride: int) -> Occlusion:
    """How far the features of `image` (h, w, 3) move when a patch × patch square is covered, every `stride` pixels.

    features_of: uint8 (m, h, w, 3) -> (m, D). Called once, with the image itself first.
    Raises ValueError for a patch or stride below 1.
    """
    if patch < 1 or stride < 1:
        raise ValueError(f"patch and stride are at least 1, not {patch} and {stride}")
    h, w = image.shape[:2]
    rows, columns = starts(h, patch, stride), starts(w, patch, stride)
    versions = [image, *(cover(image, int(top), int(left), patch) for top in rows for left in columns)]
    found = np.asarray(features_of(np.stack(versions)), dtype=np.float32)
    distances = cosine_distance(found[1:], found[0]).reshape(len(rows), len(columns))
    heat = _spread(distances.astype(np.float64), rows, columns, patch, (h, w))
    return Occlusion(rows, columns, patch, distances, found[1:], found[0], heat)


def cosine_distance(many: NDArray[Any], one: NDArray[Any]) -> Float32:
    """1 − cosine of each row of `many` (m, D) with `one` (D,), float32 (m,) in 0…2; 0 between two zero vectors."""
    many, one = np.asarray(many, dtype=np.float64), np.asarray(one, dtype=np.float64)
    lengths = np.linalg.norm(many, axis=1) * np.linalg.norm(one)
    same = np.where(lengths > 0, many @ one / np.maximum(lengths, 1e-30), (many == one).all(axis=1))
    return np.asarray(np.clip(1 - same, 0, 2), dtype=np.float32)


def _spread(values: NDArray[Any], rows: NDArray[np.int64], columns: NDArray[np.int64], patch: int, shape: tuple[int, ...]) -> Float32:
    total, count = np.zeros(shape), np.zeros(shape)
    for a, top in enumerate(rows):
        for b, left in enumerate(columns):
            total[top : top + patch, left : left + patch] += values[a, b]
            count[top : top + patch, left : left + patch] += 1
    # a stride beyond the patch leaves pixels that no cover holds
    return np.asarray(np.divide(total, count, out=np.zeros(shape), where=count > 0), dtype=np.float32)
