"""What every kind of source shares: how to open, how rows become a Dataset, and the checks on a whole set."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..errors import UnreadableImage, UserError
from ..types import UNLABELLED, Dataset, Int64, Skipped, UInt8, content_digest

MIN_IMAGES = 3
SPLIT_NAMES = frozenset({"train", "test", "val", "valid", "validation"})
TRUTH_FILE = "truth.parquet"
MAX_CLASSES = 100_000
# characters of the name of a class or a split
MAX_NAME = 1_000


class DigestCache(Protocol):
    """Digests of images by file; an answer holds only while the file is unchanged."""

    def get(self, path: Path) -> NDArray[np.uint8] | None:
        """uint8 (m, 16) kept for the file as it is now, or None; m is 1 for an image, rows for a container."""
        ...

    def put(self, path: Path, digests: NDArray[np.uint8]) -> None:
        """Keep uint8 (m, 16) for the file as it is now."""
        ...


@dataclass(frozen=True)
class Options:
    """How to open: whether names may lead out of the source, and where digests are remembered."""

    allow_outside: bool = False
    digests: DigestCache | None = None


@dataclass(frozen=True)
class Source:
    """One kind of source, for `SOURCES`.

    told_by: what a person points to, as errors, `--help` and `info` list it.
    detect: (an existing path, options) -> whether this kind reads it; may raise UserError.
    open: (that path, options) -> Dataset; raises UserError.
    built_in: it lies nowhere and is named by its name alone; then `detect` is not asked.
    """

    name: str
    told_by: str
    detect: Callable[[Path, Options], bool]
    open: Callable[[Path, Options], Dataset]
    built_in: bool = False


@dataclass(frozen=True)
class Rows:
    """Columns of a set while it is being put together: one entry a row, classes and names as the source has them."""

    ids: Sequence[str]
    labels: Int64
    classes: Sequence[str]
    digests: UInt8
    splits: Sequence[str] | None = None


def build(
    name: str,
    rows: Rows,
    doors: tuple[Callable[[int], Image.Image], Callable[[int], tuple[bytes, str]]],
    skipped: Iterable[Skipped] = (),
) -> Dataset:
    """The Dataset of `rows` and its (loader, encoded), with names that any table can hold and its digest."""
    if len(rows.classes) > MAX_CLASSES:
        raise UserError(f"{shown(name)} has {len(rows.classes):,} classes", f"at most {MAX_CLASSES:,}", "choose another column of labels")
    longest = max(map(len, {*rows.classes, *(rows.splits or ())}), default=0)
    if longest > MAX_NAME:
        raise UserError(f"{shown(name)} has a class or split whose name has {longest:,} characters", f"at most {MAX_NAME:,}")
    ids, classes = unique_names(rows.ids), unique_names(rows.classes)
    splits = ("",) * len(ids) if rows.splits is None else tuple(safe_text(split) for split in rows.splits)
    loader, encoded = doors
    return Dataset(
        name=safe_text(name),
        ids=ids,
        labels=rows.labels,
        classes=classes,
        splits=splits,
        image_digests=rows.digests,
        digest=content_digest(ids, rows.labels, classes, rows.digests),
        loader=loader,
        encoded=encoded,
        skipped=tuple(skipped),
    )


def check_usable(dataset: Dataset) -> None:
    """Raise UserError where a set is too small or too uniform for any score to say something."""
    n = len(dataset)
    if n < MIN_IMAGES:
        skipped = [*dataset.skipped, *_unreadable(dataset)]
        n -= len(skipped) - len(dataset.skipped)
        why = f" ({len(skipped)} skipped, first {shown(skipped[0].file)}: {skipped[0].reason})" if skipped else ""
        held = "no readable image" if n == 0 else f"only {n} readable image{'s' if n > 1 else ''}"
        raise UserError(
            f"{shown(dataset.name)} holds {held}{why}",
            f"at least {MIN_IMAGES} images, of two classes or more",
            "point to the folder above the class folders, or to another layout that the README lists",
        )
    present = np.unique(dataset.labels[dataset.labels != UNLABELLED])
    if len(present) == 1:
        raise UserError(
            f"all labelled images of {shown(dataset.name)} are of one class, {shown(dataset.classes[present[0]])}",
            "two classes or more, or no labels at all",
            "point to the folder above the class folders",
        )


def _unreadable(dataset: Dataset) -> list[Skipped]:
    """Images of a handful that turn out to be none, with the reason; a large set finds that out while it is read."""
    found = []
    for row, name in enumerate(dataset.ids):
        try:
            dataset.load(row)
        except (UnreadableImage, OSError) as error:
            found.append(Skipped(name, str(error)))
    return found


def safe_text(text: str) -> str:
    """`text` with lone surrogates (bytes of a file name that are not UTF-8) written as backslash escapes."""
    try:
        text.encode("utf-8")
        return text
    except UnicodeEncodeError:
        return text.encode("utf-8", "backslashreplace").decode("utf-8")


def shown(text: object, limit: int = 80) -> str:
    """A hostile name in quotes, short enough for one line of an error."""
    plain = safe_text(str(text))
    return f"'{plain if len(plain) <= limit else plain[: limit - 1] + '…'}'"


def unique_names(names: Iterable[str]) -> tuple[str, ...]:
    """Safe names in the same order; a repeated one gets " (2)", " (3)" … so that nothing is lost."""
    safe = [safe_text(name) for name in names]
    if len(set(safe)) == len(safe):
        return tuple(safe)
    taken, seen, out = set(safe), Counter[str](), []
    for name in safe:
        seen[name] += 1
        unique = name
        while seen[name] > 1 and unique in taken:
            unique = f"{name} ({seen[name]})"
            seen[name] += unique in taken
        taken.add(unique)
        out.append(unique)
    return tuple(out)


def split_in(name: str) -> str:
    """The split that a shard's name tells ("data/train-00000-of-00002.parquet" -> "train"), or ""."""
    words = "".join(c if c.isalnum() else " " for c in name.lower()).split()
    return next((word for word in words if word in SPLIT_NAMES), "")
