"""A data set: labelled images, read lazily; what it holds and what is known of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import blake2b
from typing import TYPE_CHECKING

import numpy as np

from .arrays import DIGEST_BYTES, UNLABELLED, Bool, Int64, UInt8, check, freeze

if TYPE_CHECKING:
    from PIL import Image


@dataclass(frozen=True)
class Skipped:
    """A file (or container row) that could not be used, and why."""

    file: str
    reason: str


@dataclass(frozen=True, eq=False)
class Truth:
    """What really happened to each row; known to the simulator and to `evaluate`, to nobody else.

    is_poisoned: bool (n,), the row was changed to do harm (trigger, label, or both): a row to be found.
    original_labels: int64 (n,), the label before that, as an index into the data set's classes; −1 unknown.
    is_cover: bool (n,), the image carries a trigger but its label is right and it leads to no target: it hides the
        poison, is no poison itself, and is never is_poisoned. None: no covers, or not known (truth tables do not say).
    """

    is_poisoned: Bool
    original_labels: Int64
    is_cover: Bool | None = None

    def __post_init__(self) -> None:
        check(self.is_poisoned.shape == self.original_labels.shape, "truth columns differ in length")
        if self.is_cover is not None:
            check(self.is_cover.shape == self.is_poisoned.shape, "truth columns differ in length")
            check(not (self.is_cover & self.is_poisoned).any(), "a cover is called poisoned")
        freeze(self, is_poisoned=self.is_poisoned, original_labels=self.original_labels, is_cover=self.is_cover)

    def select(self, rows: Int64) -> Truth:
        covers = None if self.is_cover is None else self.is_cover[rows]
        return Truth(self.is_poisoned[rows], self.original_labels[rows], covers)


@dataclass(frozen=True, eq=False)
class Dataset:
    """Labelled images, read lazily.

    ids: n stable strings, unique (relative path, or container name + row).
    labels: int64 (n,), −1 where there is none, else an index into `classes`.
    classes: names, in the source's own order.
    splits: n strings, "" where the source names none.
    image_digests: uint8 (n, 16), digest of each image's encoded bytes (or pixels, for arrays).
    digest: hex digest of content: ids, labels, classes and image digests; not of names of places.
    loader: row -> RGB image, at its full size, first frame, EXIF rotation applied; raises UnreadableImage.
    encoded: row -> (bytes as stored, suffix such as ".png"), or lossless PNG where the source holds arrays.
    skipped: what the source holds but cannot be used.
    """

    name: str
    ids: tuple[str, ...]
    labels: Int64
    classes: tuple[str, ...]
    splits: tuple[str, ...]
    image_digests: UInt8
    digest: str
    loader: Callable[[int], Image.Image]
    encoded: Callable[[int], tuple[bytes, str]]
    truth: Truth | None = None
    skipped: tuple[Skipped, ...] = ()
    # rows of the underlying source; what `loader` and `encoded` are called with
    source_rows: Int64 | None = None

    def __post_init__(self) -> None:
        n = len(self.ids)
        check(self.labels.shape == (n,) and self.labels.dtype == np.int64, f"labels must be int64 ({n},)")
        check(len(self.splits) == n, f"splits must have {n} entries")
        check(self.image_digests.shape == (n, DIGEST_BYTES), f"image_digests must be uint8 ({n}, {DIGEST_BYTES})")
        check(len(set(self.ids)) == n, "ids are not unique")
        check(n == 0 or int(self.labels.max()) < len(self.classes), "a label lies outside the classes")
        check(n == 0 or int(self.labels.min()) >= UNLABELLED, "a label is below −1")
        freeze(self, labels=self.labels, image_digests=self.image_digests, source_rows=self.source_rows)

    def __len__(self) -> int:
        return len(self.ids)

    def load(self, row: int) -> Image.Image:
        """RGB image of `row`; raises UnreadableImage where the file is broken, a bomb, or gone."""
        return self.loader(self._source_row(row))

    def raw(self, row: int) -> tuple[bytes, str]:
        """(encoded bytes, suffix) of `row`, as stored where the source stores files."""
        return self.encoded(self._source_row(row))

    @cached_property
    def _row_by_id(self) -> dict[str, int]:
        return {name: row for row, name in enumerate(self.ids)}

    def row_of(self, image_id: str) -> int | None:
        """The row of `image_id`, None where the set has no such image."""
        return self._row_by_id.get(image_id)

    def rows_of(self, image_ids: Iterable[str]) -> Int64:
        """int64 (m,), the row of each id, −1 where the set has no such image."""
        return np.array([self._row_by_id.get(name, -1) for name in image_ids], dtype=np.int64)

    def _source_row(self, row: int) -> int:
        return int(row) if self.source_rows is None else int(self.source_rows[row])

    def select(self, rows: Int64, skipped: Sequence[Skipped] = ()) -> Dataset:
        """The data set made of `rows` alone (in that order), with `skipped` added to the list."""
        keep = np.asarray(rows, dtype=np.int64)
        ids = tuple(self.ids[r] for r in keep)
        labels, digests = self.labels[keep], self.image_digests[keep]
        return replace(
            self,
            ids=ids,
            labels=labels,
            splits=tuple(self.splits[r] for r in keep),
            image_digests=digests,
            digest=content_digest(ids, labels, self.classes, digests),
            truth=None if self.truth is None else self.truth.select(keep),
            skipped=self.skipped + tuple(skipped),
            source_rows=keep if self.source_rows is None else self.source_rows[keep],
        )


def content_digest(ids: Sequence[str], labels: Int64, classes: Sequence[str], image_digests: UInt8) -> str:
    """Hex digest (32 characters) of a data set's content: what is in it, not where it lies."""
    h = blake2b(digest_size=DIGEST_BYTES)
    for part in ("\x00".join(ids).encode("utf-8", "surrogateescape"), "\x00".join(classes).encode("utf-8", "surrogateescape")):
        h.update(len(part).to_bytes(8, "little"))
        h.update(part)
    h.update(np.ascontiguousarray(labels, dtype="<i8").tobytes())
    h.update(np.ascontiguousarray(image_digests).tobytes())
    return h.hexdigest()
