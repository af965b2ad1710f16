"""Images to vectors: decode and embed side by side, keep raw features by image content, start again where it stopped."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..embedders import Model, halving
from ..errors import UnreadableImage, UserError
from ..files import read_array, read_json, write_array, write_json
from ..types import Dataset, Float32, Int64, Skipped

SHARD_ROWS = 2048
GATHER_ROWS = 4096
BATCHES_AHEAD = 3
DIGEST = np.dtype("V16")

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Embedded:
    """dataset: the readable rows.  vectors: float32 (n, d), unit rows.  reused: rows whose features were known."""

    dataset: Dataset
    vectors: Float32
    reused: int


def embed(dataset: Dataset, model: Model, folder: Path, *, progress: Progress | None = None) -> Embedded:
    """Vectors for every readable image of `dataset`; broken ones move to its list of skipped files.

    folder: where raw features of this model are kept, in shards of 2,048 images. A shard is written when it is
    complete; after a crash the next run goes on behind the last one, and an image known by content is not read again.
    """
    digests = _row_digests(dataset, model)
    known = _Shards(folder)
    todo, broken = known.missing(digests), known.broken(digests)
    reused = len(dataset) - len(todo)
    if progress is not None:
        progress(reused, len(dataset))
    done = reused
    for start in range(0, len(todo), SHARD_ROWS):
        rows = todo[start : start + SHARD_ROWS]

        def tell(count: int, before: int = done) -> None:
            if progress is not None:
                progress(before + count, len(dataset))

        known.add(*_embed_rows(dataset, model, rows, digests, tell))
        done += len(rows)
    if len(broken):
        # a file may have been out of reach only for a while; these come last so that the other batches stay the same
        found, features, failed_again = _embed_rows(dataset, model, broken, digests, lambda count: None)
        if len(found):
            known.add(found, features, failed_again)
    failed = known.failures(digests)
    kept = np.array([row for row in range(len(dataset)) if row not in failed], dtype=np.int64)
    if len(kept) < 3:
        raise UserError(f"only {len(kept)} of {len(dataset):,} images can be read", "at least 3 readable images", _example(dataset, failed))
    readable = dataset.select(kept, [Skipped(dataset.ids[row], reason) for row, reason in sorted(failed.items())]) if failed else dataset
    vectors = model.finish(_Walk(known, digests[kept]), len(kept))
    return Embedded(readable, vectors, reused)


def _example(dataset: Dataset, failed: dict[int, str]) -> str:
    row = next(iter(failed), None)
    return f"the first failure: {dataset.ids[row]}: {failed[row]}" if row is not None else ""


def _row_digests(dataset: Dataset, model: Model) -> NDArray[Any]:
    """What names each row's features, (n,) of 16 raw bytes: the image's content, or the row for outside vectors."""
    if getattr(model, "by_row", False):
        raw = b"".join(blake2b(f"{model.key}:{_source_row(dataset, r)}".encode(), digest_size=16).digest() for r in range(len(dataset)))
        return np.frombuffer(raw, dtype=DIGEST)
    return np.ascontiguousarray(dataset.image_digests).view(DIGEST).ravel()


def _source_row(dataset: Dataset, row: int) -> int:
    return row if dataset.source_rows is None else int(dataset.source_rows[row])


# ---- decode and embed side by side -----------------------------------------------------------------


def _embed_rows(
    dataset: Dataset, model: Model, rows: Int64, digests: NDArray[Any], tell: Callable[[int], None]
) -> tuple[NDArray[Any], NDArray[Any], dict[str, str]]:
    """(digests (m,), features (m, D), failures by digest) of `rows`."""
    good: list[NDArray[Any]] = []
    features: list[Float32] = []
    failed: dict[str, str] = {}
    done = 0
    for part, images in _decoded(dataset, model, rows):
        fine = [i for i, image in enumerate(images) if not isinstance(image, str)]
        for i, image in enumerate(images):
            if isinstance(image, str):
                failed[digests[part[i]].tobytes().hex()] = image
        if fine:
            batch = [images[i] for i in fine]
            features.append(halving(model.features, batch, np.array([_source_row(dataset, part[i]) for i in fine])))  # type: ignore[arg-type]
            good.append(digests[part[fine]])
        done += len(part)
        tell(done)
    if not features:
        return np.empty(0, dtype=DIGEST), np.empty((0, 0), dtype=np.float16), failed
    storage = np.float32 if getattr(model, "by_row", False) else np.float16
    return np.concatenate(good), np.concatenate(features).astype(storage), failed


def _decoded(dataset: Dataset, model: Model, rows: Int64) -> Iterator[tuple[Int64, list[NDArray[np.uint8] | str]]]:
    """Batches of rows with their pixels (or the reason why there are none), decoded ahead by worker threads."""

    def decode(part: Int64) -> list[NDArray[np.uint8] | str]:
        return [_pixels(dataset, model, int(row)) for row in part]

    batches = [rows[start : start + model.batch_size] for start in range(0, len(rows), model.batch_size)]
    workers = max(2, os.cpu_count() or 2)
    with ThreadPoolExecutor(workers) as pool:
        ahead: deque[tuple[Int64, list[Future[list[NDArray[np.uint8] | str]]]]] = deque()
        for batch in batches:
            pieces = np.array_split(batch, min(workers, max(1, len(batch) // 32)))
            ahead.append((batch, [pool.submit(decode, piece) for piece in pieces]))
            if len(ahead) > BATCHES_AHEAD:
                yield _collected(*ahead.popleft())
        while ahead:
            yield _collected(*ahead.popleft())


def _collected(batch: Int64, futures: list[Any]) -> tuple[Int64, list[NDArray[np.uint8] | str]]:
    return batch, [image for future in futures for image in future.result()]


def _pixels(dataset: Dataset, model: Model, row: int) -> NDArray[np.uint8] | str:
    try:
        return model.pixels(dataset.load(row))
    except UnreadableImage as error:
        return error.reason


# ---- raw features on disk ------------------------------------------------------------------------


class _Shards:
    """Raw features of one model: `<name>.digests.npy` (m, 16), `<name>.features.npy` (m, D), `<name>.failed.json`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.features: list[NDArray[Any]] = []
        self.failed: dict[str, str] = {}
        self._digests: list[NDArray[Any]] = []
        folder.mkdir(parents=True, exist_ok=True)
        # the digests file is written last: a shard without it is not there
        for file in sorted(folder.glob("*.digests.npy")):
            self._load(file)
        self._index()

    def _load(self, file: Path) -> None:
        stem = file.name.removesuffix(".digests.npy")
        try:
            digests = np.array(read_array(file)).view(DIGEST).ravel()
            features = read_array(self.folder / f"{stem}.features.npy")
        except (OSError, ValueError, EOFError):
            return
        if len(digests) == len(features):
            self._digests.append(digests)
            self.features.append(features)
            self.failed.update(read_json(self.folder / f"{stem}.failed.json") or {})

    def _index(self) -> None:
        """Sorted digests of all shards, and where each one's features stand."""
        self._order = np.empty(0, dtype=np.int64)
        self._starts = np.cumsum([0] + [len(d) for d in self._digests])
        self._all = np.concatenate(self._digests) if self._digests else np.empty(0, dtype=DIGEST)
        self._keys = _sortable(self._all)
        self._order = np.argsort(self._keys, kind="stable")
        self._keys = self._keys[self._order]

    def places(self, digests: NDArray[Any]) -> Int64:
        """Position of each digest among all features, −1 where it is not there."""
        wanted = _sortable(digests)
        if len(self._keys) == 0:
            return np.full(len(digests), -1, dtype=np.int64)
        at = np.minimum(np.searchsorted(self._keys, wanted), len(self._keys) - 1)
        return np.where(self._keys[at] == wanted, self._order[at], -1)

    def missing(self, digests: NDArray[Any]) -> Int64:
        """Rows to embed: unknown, not known to be broken, and the first of their content."""
        unknown = self.places(digests) < 0
        unknown[list(self.failures(digests))] = False
        return np.flatnonzero(unknown & _first_of_each(digests))

    def broken(self, digests: NDArray[Any]) -> Int64:
        """Rows that could not be decoded when they were last tried, the first of their content."""
        failed = np.zeros(len(digests), dtype=bool)
        failed[list(self.failures(digests))] = True
        return np.flatnonzero(failed & _first_of_each(digests))

    def failures(self, digests: NDArray[Any]) -> dict[int, str]:
        """row -> reason, for rows whose content has not been decoded yet."""
        if not self.failed:
            return {}
        unknown = np.flatnonzero(self.places(digests) < 0)
        named = ((int(row), digests[row].tobytes().hex()) for row in unknown)
        return {row: self.failed[name] for row, name in named if name in self.failed}

    def add(self, digests: NDArray[Any], features: NDArray[Any], failed: dict[str, str]) -> None:
        """Write one shard; it counts once its digests are there."""
        name = blake2b(digests.tobytes() + "".join(sorted(failed)).encode(), digest_size=12).hexdigest()
        write_array(self.folder / f"{name}.features.npy", features)
        if failed:
            write_json(self.folder / f"{name}.failed.json", failed)
        write_array(self.folder / f"{name}.digests.npy", digests.view(np.uint8).reshape(-1, 16))
        self._load(self.folder / f"{name}.digests.npy")
        self._index()

    def gather(self, digests: NDArray[Any]) -> NDArray[Any]:
        """Features of `digests`, (m, D)."""
        places = self.places(digests)
        shard = np.searchsorted(self._starts, places, side="right") - 1
        out: NDArray[Any] | None = None
        for s in np.unique(shard):
            which = np.flatnonzero(shard == s)
            part = self.features[s][places[which] - self._starts[s]]
            if out is None:
                out = np.empty((len(digests), part.shape[1]), dtype=part.dtype)
            out[which] = part
        assert out is not None
        return out


def _sortable(digests: NDArray[Any]) -> NDArray[Any]:
    """The digests as byte strings: numpy sorts those, and as all have 16 bytes, equal strings are equal digests."""
    return np.ascontiguousarray(digests).view("S16").ravel()


def _first_of_each(digests: NDArray[Any]) -> NDArray[np.bool_]:
    """True at the first row of each content, (n,)."""
    first = np.zeros(len(digests), dtype=bool)
    first[np.unique(_sortable(digests), return_index=True)[1]] = True
    return first


class _Walk:
    """Raw features in row order, 4,096 rows at a time; can be walked again."""

    def __init__(self, shards: _Shards, digests: NDArray[Any]) -> None:
        self._shards, self._digests = shards, digests

    def __iter__(self) -> Iterator[NDArray[Any]]:
        for start in range(0, len(self._digests), GATHER_ROWS):
            yield self._shards.gather(self._digests[start : start + GATHER_ROWS])
