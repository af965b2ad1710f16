"""Parquet files with the encoded images inside, as Hugging Face datasets are stored."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import UnreadableImage, UserError
from ..files import parquet_values
from ..types import Dataset, Int64, Skipped, UInt8
from .base import Options, Rows, build, safe_text, shown, split_in
from .decoding import read_file
from .files import NO_DIGEST, as_digests, contained, digest_bytes, file_digest, keep_digests, kept_digests
from .labels import labels_by_name, labels_from_values
from .parquet_rows import READ_ERRORS, PieceReader, Shard, open_shard
from .parquet_schema import Columns, read_columns
from .stored import Doors, encoded_doors

NO_IMAGE = "the row holds no image"
# of one file, rows without an image of their own
MAX_LISTED = 1_000_000


@dataclass
class _Reading:
    """What is known of all rows of all shards, usable or not."""

    shards: list[Shard] = field(default_factory=list)
    columns: list[Columns] = field(default_factory=list)
    # index: (shard, row) of every usable row
    index: list[tuple[int, int]] = field(default_factory=list)
    digests: list[UInt8] = field(default_factory=list)
    labels: list[list[Any]] = field(default_factory=list)
    files: dict[tuple[int, int], Path] = field(default_factory=dict)
    skipped: list[Skipped] = field(default_factory=list)


def open_parquet(files: Sequence[tuple[str, Path]], left_out: Sequence[Skipped], name: str, options: Options) -> Dataset:
    """Dataset of (name, place) Parquet files with encoded images, and what was left out; ids are "file name#row".

    The image column is told by the schema's notes, its type, or its name; so is the label. Images that are
    only named (path without bytes) are looked up beside the file. Raises UserError.
    """
    reading = _Reading(skipped=list(left_out))
    for shard_name, path in files:
        try:
            columns = read_columns(path)
            if columns.image is None:
                reading.skipped.append(Skipped(safe_text(shard_name), "no column holds images"))
                continue
            _read_shard(reading, open_shard(shard_name, path, columns.image, columns.is_struct), columns, options)
        except UserError as error:
            if len(files) == 1:
                raise
            reading.skipped.append(Skipped(safe_text(shard_name), error.what))
    if not reading.shards:
        raise UserError(f"no column of {shown(name)} holds images", "a struct with bytes and path, or bytes alone")
    labels, classes = _labels(reading)
    rows = Rows(
        [f"{reading.shards[shard].name}#{row}" for shard, row in reading.index],
        labels,
        classes,
        np.concatenate(reading.digests),
        [split_in(reading.shards[shard].name) for shard, _ in reading.index],
    )
    return build(name, rows, _doors(reading, rows.digests), reading.skipped)


def _read_shard(reading: _Reading, shard: Shard, columns: Columns, options: Options) -> None:
    at = len(reading.shards)
    # First what can raise, so that a broken file leaves nothing half added.
    values = _label_values(shard, columns)
    digests, reasons = _digest_rows(shard, options)
    paths = _named_paths(shard) if shard.is_struct and not digests.any(axis=1).all() else {}
    for count, row in enumerate(np.flatnonzero(~digests.any(axis=1)).tolist()):
        if count == MAX_LISTED:
            reading.skipped.append(
                Skipped(safe_text(shard.name), f"more than {MAX_LISTED:,} rows hold no image; the others are not listed")
            )
            break
        try:
            place = _named_file(shard, paths.get(row), options)
            digests[row] = np.frombuffer(file_digest(place, options), dtype=np.uint8)
            reading.files[at, row] = place
        except UnreadableImage as error:
            reading.skipped.append(Skipped(safe_text(f"{shard.name}#{row}"), reasons.get(row, error.reason)))
    usable = np.flatnonzero(digests.any(axis=1))
    reading.shards.append(shard)
    reading.columns.append(columns)
    reading.index.extend((at, row) for row in usable.tolist())
    reading.digests.append(digests[usable])
    reading.labels.append([values[row] for row in usable.tolist()])


def _named_file(shard: Shard, named: str | None, options: Options) -> Path:
    if not named:
        raise UnreadableImage(NO_IMAGE)
    return contained(shard.path.parent, named, options.allow_outside)


def _digest_rows(shard: Shard, options: Options) -> tuple[UInt8, dict[int, str]]:
    """Digests (rows, 16), zeros where a row holds no bytes, and why rows cannot be read."""
    kept = kept_digests(shard.path, len(shard), options)
    if kept is not None:
        return kept.copy(), {}
    found: list[bytes] = []
    reasons: dict[int, str] = {}
    for group in range(len(shard.starts) - 1):
        end = int(shard.starts[group + 1])
        try:
            found.extend(_piece_digests(shard, group))
        except READ_ERRORS as error:
            reasons.update(dict.fromkeys(range(len(found), end), f"cannot be read: {str(error)[:80]}"))
        found = (found + [NO_DIGEST] * (end - len(found)))[:end]
    digests = as_digests(found)
    if not reasons:
        keep_digests(shard.path, digests, options)
    return digests.copy(), reasons


def _piece_digests(shard: Shard, group: int) -> Iterator[bytes]:
    last, digest = b"", NO_DIGEST
    for blobs in shard.pieces(group):
        for blob in blobs.to_pylist():
            # a file can repeat one large image thousands of times
            if blob != last:
                last, digest = blob, digest_bytes(blob) if blob else NO_DIGEST
            yield digest


def _named_paths(shard: Shard) -> dict[int, str]:
    """The file that each row names beside, or in place of, its bytes; read without the bytes."""
    try:
        texts = parquet_values(shard.path, f"{shard.column}.path")
    except (*READ_ERRORS, LookupError, UserError):
        # The rows stay without an image, with the reason that reading their bytes gave.
        return {}
    return {row: text for row, text in enumerate(texts) if isinstance(text, str)}


def _label_values(shard: Shard, columns: Columns) -> list[Any]:
    if columns.label is None:
        return [None] * len(shard)
    try:
        values = parquet_values(shard.path, columns.label)
    except READ_ERRORS as error:
        raise _no_labels(shard, str(error)[:80]) from error
    if len(values) != len(shard):
        raise _no_labels(shard, f"there are {len(values)} for {len(shard)} rows")
    return values


def _no_labels(shard: Shard, reason: str) -> UserError:
    return UserError(f"the labels of {shown(shard.name)} cannot be read: {reason}", "a whole Parquet file")


def _labels(reading: _Reading) -> tuple[Int64, tuple[str, ...]]:
    values = [value for shard in reading.labels for value in shard]
    named = {columns.classes for columns in reading.columns}
    if named == {None}:
        return labels_from_values(values)
    if len(named) > 1:
        raise UserError(
            "the Parquet files do not agree on the names of the classes",
            "the same class names in every file",
            "point to one of the files",
        )
    classes = named.pop() or ()
    return labels_by_name(values, classes), classes


def _doors(reading: _Reading, digests: UInt8) -> Doors:
    index, files = reading.index, reading.files
    reader = PieceReader(tuple(reading.shards))

    def data_of(row: int) -> bytes:
        at = index[row]
        return read_file(files[at]) if at in files else reader.read(*at)

    return encoded_doors(data_of, digests)
