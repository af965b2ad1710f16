"""CIFAR-10 and CIFAR-100 as published: the binary version, and the Python version through a restricted unpickler.

Layouts: https://www.cs.toronto.edu/~kriz/cifar.html (Krizhevsky, 2009).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import UserError
from ..files import read_regular
from ..types import Dataset, Int64, Skipped, UInt8
from .base import Options, Rows, Source, build, shown
from .files import container_digests, is_inside
from .labels import labels_by_name
from .restricted_pickle import load_restricted
from .stored import Doors, Records, array_doors

SIDE = 32
N_PIXELS = 3 * SIDE * SIDE
CIFAR10 = tuple(f"data_batch_{k}" for k in range(1, 6))
# the published sets take 178 MB
MAX_PICKLE_BYTES = 256 << 20
MAX_NAMES_BYTES = 1 << 20
MAX_LABEL = 9_999


@dataclass(frozen=True)
class _Layout:
    """Files of one version: data files that may be there, where class names lie, bytes of label before the pixels."""

    files: tuple[str, ...]
    names_file: str
    is_pickle: bool
    label_bytes: int = 1
    names_key: str = "label_names"
    label_keys: tuple[str, ...] = ("labels",)

    @property
    def record(self) -> int:
        """Bytes of one image with its labels in the binary version."""
        return self.label_bytes + N_PIXELS

    def present(self, folder: Path) -> list[Path]:
        return [folder / name for name in self.files if (folder / name).is_file()]


LAYOUTS = (
    _Layout((*(f"{name}.bin" for name in CIFAR10), "test_batch.bin"), "batches.meta.txt", False),
    _Layout(("train.bin", "test.bin"), "fine_label_names.txt", False, label_bytes=2),
    _Layout((*CIFAR10, "test_batch"), "batches.meta", True),
    _Layout(("train", "test"), "meta", True, names_key="fine_label_names", label_keys=("fine_labels",)),
)


def find_cifar(folder: Path) -> tuple[Path, _Layout] | None:
    """(folder, layout) of the CIFAR files in `folder` or in one folder below it, or None."""
    below = sorted(place for place in folder.glob("cifar-*") if place.is_dir())
    for place in (folder, *below):
        for layout in LAYOUTS:
            files = layout.present(place)
            # "train" and "test" are common names: there, the file of class names or the size must say the rest.
            told = [file.name.startswith("data_batch") for file in files]
            told += [not layout.is_pickle and file.stat().st_size % layout.record == 0 for file in files]
            if files and (any(told) or (place / layout.names_file).is_file()):
                return place, layout
    return None


def open_cifar(path: Path, options: Options) -> Dataset:
    """Dataset of a CIFAR folder: ids "file name#row", fine labels for CIFAR-100, splits train and test; UserError."""
    found = find_cifar(path)
    if found is None:
        allowed = "data_batch_1 … and batches.meta, or train and meta"
        raise UserError(f"{shown(path.name)} holds no CIFAR files", allowed)
    folder, layout = found
    skipped: list[Skipped] = []
    files = []
    for file in layout.present(folder):
        if options.allow_outside or is_inside(path, file):
            files.append(file)
        else:
            skipped.append(Skipped(file.name, "a link that leaves the source's folder"))
    if layout.is_pickle and sum(file.stat().st_size for file in files) > MAX_PICKLE_BYTES:
        raise UserError(f"the pickles of {shown(path.name)} are larger than any CIFAR set", f"at most {MAX_PICKLE_BYTES >> 20} MB in all")
    read = [_pickled(file, layout) if layout.is_pickle else _binary(file, layout) for file in files]
    if not read:
        raise UserError(f"{shown(path.name)} holds no readable CIFAR file", "files that lie in the folder itself")
    pixels = [part[0] for part in read]
    values = [label for _, labels in read for label in labels]
    if max(values, default=0) > MAX_LABEL:
        raise UserError(f"{shown(path.name)} has a label above {MAX_LABEL:,}", "numbers of classes, counted from 0")
    names_file = folder / layout.names_file
    is_named = names_file.is_file() and (options.allow_outside or is_inside(path, names_file))
    # without the file of names, the numbers are the names
    numbers = tuple(str(label) for label in range(max(values, default=-1) + 1))
    classes = _class_names(names_file, layout) if is_named else numbers
    rows = Rows(
        [f"{file.name}#{row}" for file, part in zip(files, pixels, strict=True) for row in range(len(part))],
        labels_by_name(values, classes),
        classes,
        np.concatenate([container_digests(file, len(part), _pixel_bytes(part), options) for file, part in zip(files, pixels, strict=True)]),
        ["test" if file.name.startswith("test") else "train" for file, part in zip(files, pixels, strict=True) for _ in range(len(part))],
    )
    return build(path.name, rows, _doors(pixels, rows.digests), skipped)


def _binary(path: Path, layout: _Layout) -> tuple[Records, list[int]]:
    record = layout.record
    size = path.stat().st_size
    if size == 0 or size % record:
        raise UserError(
            f"{shown(path.name)} has {size:,} bytes, which is no whole number of CIFAR images",
            f"a multiple of {record:,} bytes",
            "fetch the file again",
        )
    table = Records(path, 0, size // record, np.dtype(np.uint8), (record,))
    # CIFAR-100 has the coarse label first, then the fine one.
    return table, [int(values[layout.label_bytes - 1]) for values in table.read()]


def _pickled(path: Path, layout: _Layout) -> tuple[UInt8, list[Any]]:
    held = load_restricted(_read(path, MAX_PICKLE_BYTES), path.name)
    pixels = held.get("data")
    labels: Any = next((held[key] for key in layout.label_keys if key in held), None)
    labels = labels.tolist() if isinstance(labels, np.ndarray) else labels
    is_image_table = isinstance(pixels, np.ndarray) and pixels.dtype == np.uint8 and pixels.ndim == 2
    if not is_image_table or pixels is None or pixels.shape[1:] != (N_PIXELS,):
        raise UserError(f"{shown(path.name)} holds no images under 'data'", f"uint8 of shape (n, {N_PIXELS:,})")
    if not isinstance(labels, list) or len(labels) != len(pixels) or not all(type(v) is int for v in labels):
        allowed = "a list of one whole number per image"
        raise UserError(f"the labels of {shown(path.name)} do not fit its images", allowed)
    return pixels, labels


def _read(path: Path, most: int) -> bytes:
    return read_regular(path, "the CIFAR file", most=most)


def _class_names(path: Path, layout: _Layout) -> tuple[str, ...]:
    if layout.is_pickle:
        names: Any = load_restricted(_read(path, MAX_NAMES_BYTES), path.name).get(layout.names_key)
        if not isinstance(names, list) or not all(isinstance(name, (str, bytes)) for name in names):
            raise UserError(f"{shown(path.name)} holds no list {layout.names_key}", "a list of texts")
        return tuple(name.decode("utf-8", "surrogateescape") if isinstance(name, bytes) else name for name in names)
    text = _read(path, MAX_NAMES_BYTES).decode("utf-8", "surrogateescape")
    return tuple(line.strip() for line in text.splitlines() if line.strip())


def _pixel_bytes(part: UInt8 | Records) -> Iterator[bytes]:
    rows = part.read() if isinstance(part, Records) else part
    return (row[-N_PIXELS:].tobytes() for row in rows)


def _doors(parts: Sequence[UInt8 | Records], digests: UInt8) -> Doors:
    starts: Int64 = np.cumsum([0, *(len(part) for part in parts)], dtype=np.int64)

    def values_of(row: int) -> UInt8:
        part = int(np.searchsorted(starts, row, side="right")) - 1
        # labels, if any, lie before the pixels
        return np.asarray(parts[part][row - int(starts[part])][-N_PIXELS:])

    def rgb_of(values: UInt8) -> UInt8:
        return np.ascontiguousarray(values.reshape(3, SIDE, SIDE).transpose(1, 2, 0))

    return array_doors(values_of, rgb_of, digests)


CIFAR = Source("cifar", "a CIFAR-10/100 folder", lambda path, options: path.is_dir() and find_cifar(path) is not None, open_cifar)
