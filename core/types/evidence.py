"""What scores may look at, and what is suggested."""

from __future__ import annotations

from dataclasses import dataclass

from .arrays import Float32, Int32, Int64, check, freeze


@dataclass(frozen=True, eq=False)
class Evidence:
    """What scores may look at. There is no truth in it.

    labels: int64 (n,), −1 for none.  classes: names.
    vectors: float32 (n, d), unit rows.
    neighbours: int32 (n, k), rows by falling similarity, never the row itself.
    similarity: float32 (n, k), cosine, falling, within −1…1.
    """

    labels: Int64
    classes: tuple[str, ...]
    vectors: Float32
    neighbours: Int32
    similarity: Float32

    def __post_init__(self) -> None:
        n = len(self.labels)
        check(self.vectors.ndim == 2 and len(self.vectors) == n, "vectors and labels differ in length")
        check(self.neighbours.shape == self.similarity.shape, "neighbours and similarity differ in shape")
        check(len(self.neighbours) == n, "neighbours and labels differ in length")
        freeze(
            self,
            labels=self.labels,
            vectors=self.vectors,
            neighbours=self.neighbours,
            similarity=self.similarity,
        )

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, eq=False)
class Suggestions:
    """What each row should perhaps have been called.

    labels: int64 (n,), −1 where no suggestion can be made; may equal the given label.
    confidence: float32 (n,), estimated chance that `labels` is right, 0…1; NaN where there is none.
    """

    labels: Int64
    confidence: Float32

    def __post_init__(self) -> None:
        check(self.labels.shape == self.confidence.shape, "suggestion columns differ in length")
        freeze(self, labels=self.labels, confidence=self.confidence)
