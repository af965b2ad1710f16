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

from ..compute import halving
from ..embedders import Model
from ..errors import UnreadableImage, UserError
from ..types import Dataset, Float32, Int64, Skipped
from .features import DIGEST, FeatureStore

SHARD_ROWS = 2048
BATCHES_AHEAD = 3

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Embedded:
    """dataset: the readable rows.  vectors: float32 (n, d), unit rows.  reused: rows whose features were known."""

    dataset: Dataset
    vectors: Float32
    reused: int


def embed(dataset: Dataset, model: Model, folder: Path, *, by_row: bool = False, progress: Progress | None = None) -> Embedded:
    """Vectors for every readable image of `dataset`; broken ones move to its list of skipped files.

    folder: where raw features of this model are stored, in shards of 2,048 images. A shard is written when it is
    complete; after a crash the next run goes on behind the last one, and an image known by content is not read again.
    by_row: the features belong to rows of the source, whatever the images show; they are not rounded to half precision.
    """
    digests, storage = _row_digests(dataset, model, by_row), np.dtype(np.float32 if by_row else np.float16)
    known = FeatureStore(folder)
    todo, broken = known.missing(digests), known.broken(digests)
    reused = len(dataset) - len(todo)
    if progress is not None:
        progress(reused, len(dataset))
    done = reused
    for start in range(0, len(todo), SHARD_ROWS):
        rows = todo[start : start + SHARD_ROWS]

        def report(count: int, before: int = done) -> None:
            if progress is not None:
                progress(before + count, len(dataset))

        known.add(*_embed_rows(dataset, model, rows, digests, storage, report))
        done += len(rows)
    if len(broken):
        # a file may have been out of reach only for a while; these come last so that the other batches stay the same
        found, features, failed_again = _embed_rows(dataset, model, broken, digests, storage, lambda count: None)
        if len(found):
            known.add(found, features, failed_again)
    failed = known.failures(digests)
    retained = np.array([row for row in range(len(dataset)) if row not in failed], dtype=np.int64)
    if len(retained) < 3:
        raise UserError(
            f"only {len(retained)} of {len(dataset):,} images can be read", "at least 3 readable images", _example(dataset, failed)
        )
    readable = (
        dataset.select(retained, [Skipped(dataset.ids[row], reason) for row, reason in sorted(failed.items())]) if failed else dataset
    )
    vectors = model.finish(known.walk(digests[retained]), len(retained))
    return Embedded(readable, vectors, reused)


def _example(dataset: Dataset, failed: dict[int, str]) -> str:
    row = next(iter(failed), None)
    return f"the first failure: {dataset.ids[row]}: {failed[row]}" if row is not None else ""


def _row_digests(dataset: Dataset, model: Model, by_row: bool) -> NDArray[Any]:
    """What names each row's features, (n,) of 16 raw bytes: the image's content, or the row for outside vectors."""
    if by_row:
        raw = b"".join(blake2b(f"{model.key}:{_source_row(dataset, r)}".encode(), digest_size=16).digest() for r in range(len(dataset)))
        return np.frombuffer(raw, dtype=DIGEST)
    return np.ascontiguousarray(dataset.image_digests).view(DIGEST).ravel()


def _source_row(dataset: Dataset, row: int) -> int:
    return row if dataset.source_rows is None else int(dataset.source_rows[row])


# ---- decode and embed side by side -----------------------------------------------------------------


def _embed_rows(
    dataset: Dataset, model: Model, rows: Int64, digests: NDArray[Any], storage: np.dtype[Any], report: Callable[[int], None]
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
        report(done)
    if not features:
        return np.empty(0, dtype=DIGEST), np.empty((0, 0), dtype=storage), failed
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
