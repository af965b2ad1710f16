"""The values that flow through Taster. Numpy only; checked once, at construction; read-only after.

Inside Taster everything is a *row* 0…n−1 and arrays are never re-sorted. Outside (database, tables,
addresses) only ids travel.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL import Image

Int64 = NDArray[np.int64]
Int32 = NDArray[np.int32]
Float32 = NDArray[np.float32]
Bool = NDArray[np.bool_]
UInt8 = NDArray[np.uint8]

UNLABELLED = -1
DIGEST_BYTES = 16

VERDICTS = ("clean", "label_noise", "dirty_label_poison", "clean_label_poison", "outlier", "near_duplicate")
ACTIONS = ("keep", "relabel", "exclude", "needs_review")


def read_only(array: NDArray[Any]) -> NDArray[Any]:
    """`array` with writing switched off, so that a shared value cannot change under a reader."""
    array.setflags(write=False)
    return array


def _freeze(owner: object, **arrays: NDArray[Any] | None) -> None:
    for name, array in arrays.items():
        if array is not None:
            # object.__setattr__ because the dataclass is frozen
            object.__setattr__(owner, name, read_only(array))


def _check(condition: bool, message: str) -> None:
    if not condition:
        raise ValueError(message)


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
        _check(self.is_poisoned.shape == self.original_labels.shape, "truth columns differ in length")
        if self.is_cover is not None:
            _check(self.is_cover.shape == self.is_poisoned.shape, "truth columns differ in length")
            _check(not (self.is_cover & self.is_poisoned).any(), "a cover is called poisoned")
        _freeze(self, is_poisoned=self.is_poisoned, original_labels=self.original_labels, is_cover=self.is_cover)

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
        _check(self.labels.shape == (n,) and self.labels.dtype == np.int64, f"labels must be int64 ({n},)")
        _check(len(self.splits) == n, f"splits must have {n} entries")
        _check(self.image_digests.shape == (n, DIGEST_BYTES), f"image_digests must be uint8 ({n}, {DIGEST_BYTES})")
        _check(len(set(self.ids)) == n, "ids are not unique")
        _check(n == 0 or int(self.labels.max()) < len(self.classes), "a label lies outside the classes")
        _check(n == 0 or int(self.labels.min()) >= UNLABELLED, "a label is below −1")
        _freeze(self, labels=self.labels, image_digests=self.image_digests, source_rows=self.source_rows)

    def __len__(self) -> int:
        return len(self.ids)

    def load(self, row: int) -> Image.Image:
        """RGB image of `row`; raises UnreadableImage where the file is broken, a bomb, or gone."""
        return self.loader(self._source_row(row))

    def raw(self, row: int) -> tuple[bytes, str]:
        """(encoded bytes, suffix) of `row`, as stored where the source stores files."""
        return self.encoded(self._source_row(row))

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
    from hashlib import blake2b

    h = blake2b(digest_size=DIGEST_BYTES)
    for part in ("\x00".join(ids).encode("utf-8", "surrogateescape"), "\x00".join(classes).encode("utf-8", "surrogateescape")):
        h.update(len(part).to_bytes(8, "little"))
        h.update(part)
    h.update(np.ascontiguousarray(labels, dtype="<i8").tobytes())
    h.update(np.ascontiguousarray(image_digests).tobytes())
    return h.hexdigest()


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
        _check(self.vectors.ndim == 2 and len(self.vectors) == n, "vectors and labels differ in length")
        _check(self.neighbours.shape == self.similarity.shape, "neighbours and similarity differ in shape")
        _check(len(self.neighbours) == n, "neighbours and labels differ in length")
        _freeze(
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
        _check(self.labels.shape == self.confidence.shape, "suggestion columns differ in length")
        _freeze(self, labels=self.labels, confidence=self.confidence)


FINDING_KINDS = ("patch", "overlay", "periodic", "moving_patch", "resampling", "texture")
# what they add or take is another picture in every image
SHAPELESS = ("resampling", "texture")


@dataclass(frozen=True, eq=False)
class Finding:
    """One pattern that predicts a label although it is no content, with the rows that carry it.

    trigger_id: "t1", "t2", … by falling strength.  kind: one of FINDING_KINDS.
    label: class index that the carriers are labelled, −1 where the carriers' labels are many (all-to-all).
    rows: int64 (m,), rows judged poisoned by it, by falling score.
    covers: int64 (c,), rows that carry it but whose label it does not explain (another class's images).
    row_scores: float32 (n,), how strongly each row carries it, in robust deviations of rows that do not, levelled for how
        busy its picture is; higher = more.
    threshold: row_scores at or above it count as carrying.
    pattern: float32 (h, w, 3), what the trigger adds to an image on average, signed, 1 = full scale (255);
        for the kinds without a shape (SHAPELESS) how much more fine detail carriers hold there, natural logarithm.
    mask: float32 (h, w) in 0…1, where the pattern sits.
    z_map: float32 (h, w), the mean carrier's departure from its class, in standard errors, largest channel, signed.
    spectrum: float32 (h, w), log10 power of the pattern, zero frequency in the middle.
    places: int32 (m, 2), row and column of the pattern's middle in each of `rows`; (0, 2) where it does not move.
    strength: how far the carriers stand from the rest, in robust deviations.
    false_alarm: estimated share of rows without the pattern at or above the threshold, counted on rows that it was not learnt from, 0…1.
    contradicted: share of `rows` whose content contradicts their label, 0…1.
    usual: the same share among the label's rows that do not carry it, asked in the same way.
    """

    trigger_id: str
    kind: str
    label: int
    rows: Int64
    covers: Int64
    row_scores: Float32
    threshold: float
    pattern: Float32
    mask: Float32
    z_map: Float32
    spectrum: Float32
    places: Int32
    strength: float
    false_alarm: float
    contradicted: float
    usual: float = 0.0

    @property
    def mislabelled(self) -> float:
        """Estimated share of `rows` with a wrong label, 0…1: near 1 dirty label, near 0 clean label.

        Embeddings misread right labels too, of hard classes half of them: that share is taken off.
        """
        return float(np.clip((self.contradicted - self.usual) / max(1.0 - self.usual, 1e-6), 0.0, 1.0))

    def __post_init__(self) -> None:
        _check(self.kind in FINDING_KINDS, f"kind must be one of {', '.join(FINDING_KINDS)}")
        h, w = self.mask.shape
        _check(self.pattern.shape == (h, w, 3), "pattern and mask differ in size")
        _check(self.z_map.shape == (h, w) and self.spectrum.shape == (h, w), "maps and mask differ in size")
        _check(self.places.shape in ((0, 2), (len(self.rows), 2)), "places must be one a row, or none")
        _freeze(
            self,
            rows=self.rows,
            covers=self.covers,
            row_scores=self.row_scores,
            pattern=self.pattern,
            mask=self.mask,
            z_map=self.z_map,
            spectrum=self.spectrum,
            places=self.places,
        )


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


@dataclass(frozen=True)
class Decision:
    """One line of the append-only log.

    seq: position in the log, from 1.  at: UTC, ISO 8601.  dataset: digest the reviewer saw.
    action: one of ACTIONS, or "undo".  label: class name for `relabel`, else "".
    undoes: seq of the event that this line takes back, or None.  event: lines decided together share it.
    """

    seq: int
    at: str
    reviewer: str
    dataset: str
    image_id: str
    action: str
    label: str
    note: str
    undoes: int | None
    score_version: str
    event: str
