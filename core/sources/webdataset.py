"""WebDataset: .tar shards whose members with the same key make one sample; read in place, never unpacked.

Layout: https://github.com/webdataset/webdataset (the key is the path up to the first dot of the file name).
"""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from ..errors import UnreadableImage, UserError
from ..types import Dataset, Skipped, UInt8
from .base import Options, Rows, Source, build, safe_text, shown, split_in
from .decoding import MAX_ENCODED_BYTES, image_suffixes, why_unread
from .files import NO_DIGEST, as_digests, digest_bytes, keep_digests, kept_digests, list_files, list_shards
from .folder import wanted_image
from .labels import labels_from_values
from .stored import Doors, encoded_doors

MAX_LABEL_BYTES = 1 << 16
# of one member, with all notes that go before it
MAX_HEADER_BYTES = 4 << 20
_JSON_LABELS = ("label", "cls", "class")
_LABEL_KINDS = ("cls", "json", "txt")


@dataclass
class _Sample:
    """Places (offset, size) in the shard, of the image and of the members that may hold the label."""

    key: str
    image: tuple[int, int] | None = None
    # "jpg" is the picture itself; "mask.png", something made from it, stands in only where there is no other.
    is_derived: bool = False
    labels: dict[str, tuple[int, int]] = field(default_factory=dict)


def open_webdataset(files: Sequence[tuple[str, Path]], left_out: Sequence[Skipped], name: str, options: Options) -> Dataset:
    """Dataset of (name, place) tar shards: ids "shard#key", labels from .cls, .json or .txt; raises UserError.

    Texts in .txt count as labels only where at least half of them repeat another; else they are captions.
    A shard that ends early gives what is whole.
    """
    skipped = list(left_out)
    spots: list[tuple[Path, int, int]] = []
    ids, values, splits, digests = [], [], [], []
    for shard, path in files:
        try:
            samples = _index(shard, path, skipped)
        except UserError as error:
            if len(files) == 1:
                raise
            skipped.append(Skipped(safe_text(shard), error.what))
            continue
        with path.open("rb") as file:
            found = _digests(path, file, samples, options)
            for sample, digest in zip(samples, found, strict=True):
                if sample.image is None or not digest.any():
                    skipped.append(Skipped(safe_text(f"{shard}#{sample.key}"), "the sample's image cannot be read"))
                    continue
                spots.append((path, *sample.image))
                ids.append(f"{shard}#{sample.key}")
                values.append(_label(file, sample))
                splits.append(split_in(shard))
                digests.append(digest.tobytes())
    texts = {text for kind, text in values if kind == "txt"}
    if 2 * len(texts) > sum(kind == "txt" for kind, _ in values):
        values = [(kind, None if kind == "txt" else text) for kind, text in values]
    labels, classes = labels_from_values([value for _, value in values])
    rows = Rows(ids, labels, classes, as_digests(digests), splits)
    return build(name, rows, _doors(spots, rows.digests), skipped)


def _index(shard: str, path: Path, skipped: list[Skipped]) -> list[_Sample]:
    samples: dict[str, _Sample] = {}
    size = path.stat().st_size
    try:
        for member in _members(path):
            folder, _, base = member.name.rpartition("/")
            stem, _, kind = base.partition(".")
            if not member.isreg() or member.issparse() or not stem or not kind:
                continue
            if member.offset_data + member.size > size:
                skipped.append(Skipped(safe_text(f"{shard}#{member.name}"), "truncated: the shard ends inside it"))
                continue
            key = f"{folder}/{stem}" if folder else stem
            _file(samples.setdefault(key, _Sample(key)), kind.lower(), (member.offset_data, member.size))
    except (tarfile.TarError, OSError, ValueError, EOFError, RecursionError, MemoryError) as error:
        if not samples:
            raise UserError(f"{shown(shard)} cannot be read as a tar file: {str(error)[:80]}", "an uncompressed tar file") from error
        skipped.append(Skipped(safe_text(shard), f"the shard is cut or broken after {len(samples)} samples"))
    return [sample for sample in samples.values() if sample.image is not None]


def _members(path: Path) -> Iterator[tarfile.TarInfo]:
    last = -1
    with path.open("rb") as file, tarfile.open(fileobj=(headers := _Headers(file)), mode="r:") as tar:  # type: ignore[call-overload]
        while (member := tar.next()) is not None:
            # A forged size can send the reader back to a header that it has had, for ever.
            if member.offset <= last or member.size < 0:
                raise tarfile.ReadError("its members do not follow one another")
            last, headers.length = member.offset, 0
            yield member
            # The list that tarfile keeps of what it has seen grows to hundreds of MB on a large shard.
            tar.members = []


class _Headers:
    """A shard as tarfile reads it: its headers alone, of which a forged one may claim to be as long as the disk."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self.length = file, 0
        self.seek, self.tell = file.seek, file.tell

    def read(self, size: int = -1) -> bytes:
        self.length += size
        if size < 0 or self.length > MAX_HEADER_BYTES:
            raise tarfile.ReadError(f"a header of more than {MAX_HEADER_BYTES >> 20} MB")
        return self._file.read(size)


def _file(sample: _Sample, kind: str, place: tuple[int, int]) -> None:
    if kind in _LABEL_KINDS:
        sample.labels.setdefault(kind, place)
    elif f".{kind.rpartition('.')[2]}" in image_suffixes():
        is_derived = "." in kind
        if sample.image is None or (sample.is_derived and not is_derived):
            sample.image, sample.is_derived = place, is_derived


def _read(file: BinaryIO, offset: int, size: int) -> bytes:
    if not 0 < size <= MAX_ENCODED_BYTES:
        raise UnreadableImage("the member is empty" if size == 0 else "the member is too large for an image")
    try:
        file.seek(offset)
        data = file.read(size)
    except (OSError, ValueError, MemoryError) as error:
        raise UnreadableImage(why_unread(error)) from error
    if len(data) < size:
        raise UnreadableImage("truncated: the shard ends inside the picture")
    return data


def _digests(path: Path, file: BinaryIO, samples: Sequence[_Sample], options: Options) -> UInt8:
    kept = kept_digests(path, len(samples), options)
    if kept is not None:
        return kept
    found = []
    for sample in samples:
        try:
            found.append(digest_bytes(_read(file, *sample.image)) if sample.image else NO_DIGEST)
        except UnreadableImage:
            # Zeros say so; the caller lists the sample as skipped.
            found.append(NO_DIGEST)
    digests = as_digests(found)
    keep_digests(path, digests, options)
    return digests


def _label(file: BinaryIO, sample: _Sample) -> tuple[str, Any]:
    for kind in _LABEL_KINDS:
        text = _label_text(file, *sample.labels.get(kind, (0, 0)))
        held = _json_object(text) if kind != "cls" else None
        if held is not None:
            value = next((held[name] for name in _JSON_LABELS if held.get(name) is not None), None)
            if value is not None:
                return kind, value
        elif text and kind != "json":
            return kind, text
    return "", None


def _label_text(file: BinaryIO, offset: int, size: int) -> str:
    if not 0 < size <= MAX_LABEL_BYTES:
        return ""
    try:
        return _read(file, offset, size).decode("utf-8", "surrogateescape").strip()
    except UnreadableImage:
        # The image's own reading gives the reason; a lost label alone makes the row unlabelled.
        return ""


def _json_object(text: str) -> dict[str, Any] | None:
    try:
        held = json.loads(text) if text.startswith("{") else None
    except (ValueError, RecursionError):
        return None
    return held if isinstance(held, dict) else None


def _doors(spots: Sequence[tuple[Path, int, int]], digests: UInt8) -> Doors:
    def data_of(row: int) -> bytes:
        path, offset, size = spots[row]
        try:
            with path.open("rb") as file:
                return _read(file, offset, size)
        except OSError as error:
            raise UnreadableImage(why_unread(error)) from error

    return encoded_doors(data_of, digests)


def _detect(path: Path, options: Options) -> bool:
    if path.is_file():
        return path.suffix.lower() == ".tar"
    # An archive beside image folders is only where they came from.
    return bool(list_shards(path, ".tar", options)[0]) and not list_files(path, options, wanted_image)[0]


WEBDATASET = Source(
    "webdataset",
    ".tar shards",
    _detect,
    lambda path, options: open_webdataset(*list_shards(path, ".tar", options), path.name, options),
)
