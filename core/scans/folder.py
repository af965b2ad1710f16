"""A scan's folder on disk <-> an Inspection in memory: arrays memory-mapped, images opened when first asked for."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ..errors import UnreadableImage, UserError
from ..files import read_array, read_json, write_array, write_json
from ..types import Dataset, Evidence, Inspection, Recipe, Skipped, Suggestions, Truth
from .findings_file import read_fused


def write_rows(folder: Path, dataset: Dataset, *, source_digest: str) -> None:
    """What is known of the rows before any score: ids, labels, splits, digests, skipped files."""
    write_array(folder / "labels.npy", dataset.labels)
    write_array(folder / "image_digests.npy", dataset.image_digests)
    write_json(
        folder / "rows.json",
        {
            "name": dataset.name,
            "digest": dataset.digest,
            "source_digest": source_digest,
            "classes": list(dataset.classes),
            "ids": list(dataset.ids),
            "splits": list(dataset.splits) if any(dataset.splits) else [],
            "skipped": [[s.file, s.reason] for s in dataset.skipped],
        },
    )


def load_inspection(folder: Path, key: str, reopen: Callable[[dict[str, Any]], Dataset]) -> Inspection | None:
    """The Inspection in `folder` as far as it has been written; None before the images have been read.

    reopen: source.json's content -> the source's Dataset, called once, when the first image is asked for.
    """
    rows = read_json(folder / "rows.json")
    source = read_json(folder / "source.json")
    if rows is None or source is None:
        return None
    dataset = _dataset(folder, rows, _Pixels(source, rows, folder, reopen))
    inspection: dict[str, Any] = {}
    if (folder / "similarity.npy").exists():
        inspection["evidence"] = Evidence(
            dataset.labels,
            dataset.classes,
            read_array(folder / "vectors.npy"),
            read_array(folder / "neighbours.npy"),
            read_array(folder / "similarity.npy"),
        )
    scores = read_json(folder / "scores.json")
    if scores is not None:
        table = read_array(folder / "scores.npy")
        inspection["scores"] = {name: table[i] for i, name in enumerate(scores["scores"])}
        inspection["suspicion"] = read_array(folder / "suspicion.npy")
        inspection["threshold"] = float(scores["threshold"])
        inspection["verdicts"] = read_array(folder / "verdicts.npy")
        inspection["suggestions"] = Suggestions(read_array(folder / "suggested.npy"), read_array(folder / "confidence.npy"))
    inspection |= read_fused(folder)
    drawn = read_json(folder / "map.json")
    if drawn is not None:
        inspection["xy"] = read_array(folder / "xy.npy")
        inspection["projection"] = str(drawn["projection"])
    return Inspection(dataset, _recipe(folder), key, **inspection)


def _recipe(folder: Path) -> Recipe:
    found = read_json(folder / "recipe.json") or {}
    found["options"] = tuple((str(a), str(b)) for a, b in found.get("options", ()))
    return Recipe(**found)


def _dataset(folder: Path, rows: dict[str, Any], pixels: _Pixels) -> Dataset:
    ids = tuple(rows["ids"])
    return Dataset(
        name=str(rows["name"]),
        ids=ids,
        labels=np.array(read_array(folder / "labels.npy")),
        classes=tuple(rows["classes"]),
        splits=tuple(rows["splits"]) or ("",) * len(ids),
        image_digests=np.array(read_array(folder / "image_digests.npy")),
        digest=str(rows["digest"]),
        loader=pixels.load,
        encoded=pixels.encoded,
        skipped=tuple(Skipped(file, reason) for file, reason in rows["skipped"]),
    )


class _Pixels:
    """Reaches the source's images for rows of a stored scan; opens the source when the first one is asked for."""

    def __init__(self, source: dict[str, Any], rows: dict[str, Any], folder: Path, reopen: Callable[[dict[str, Any]], Dataset]) -> None:
        self._source, self._rows, self._folder, self._reopen = source, rows, folder, reopen
        self._lock = threading.Lock()
        self._opened: Dataset | None = None

    def load(self, row: int) -> Image.Image:
        """RGB image of the scan's `row`; UnreadableImage where it is gone or has changed since the scan."""
        dataset, there = self._find(row)
        return dataset.load(there)

    def encoded(self, row: int) -> tuple[bytes, str]:
        """The stored bytes of the scan's `row`."""
        dataset, there = self._find(row)
        return dataset.raw(there)

    def _find(self, row: int) -> tuple[Dataset, int]:
        with self._lock:
            if self._opened is None:
                self._open()
        assert self._opened is not None
        name = self._rows["ids"][row]
        there = self._opened.row_of(name)
        if there is None:
            raise UnreadableImage("the image is no longer in its source")
        if self._opened.image_digests[there].tobytes() != self._digests[row].tobytes():
            raise UnreadableImage("the image has changed since the scan")
        return self._opened, there

    def _open(self) -> None:
        try:
            self._opened = self._reopen(self._source)
        except UserError as error:
            raise UnreadableImage(f"the source cannot be opened: {error.what}") from error
        self._digests = np.array(read_array(self._folder / "image_digests.npy"))


def truth_of(dataset: Dataset, source: Dataset) -> Truth | None:
    """The source's truth for the rows of a stored scan, matched by id; None where the source has none.

    Raises UserError where the source has lost an image since the scan.
    """
    if source.truth is None:
        return None
    rows = source.rows_of(dataset.ids)
    gone = [name for name, row in zip(dataset.ids, rows, strict=True) if row < 0]
    if gone:
        raise UserError(
            f"{len(gone):,} images of the scan are no longer in its source, first '{gone[0]}'",
            "a source as it was scanned",
            "scan it again, then evaluate",
        )
    return source.truth.select(rows)
