"""NumPy archives (.npz) with an array of images and one of labels."""

from __future__ import annotations

import math
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import UserError
from ..types import Dataset, Int64, UInt8
from .base import Options, Rows, Source, build, shown
from .decoding import MAX_PIXELS
from .files import container_digests
from .labels import labels_by_name, labels_from_values
from .stored import Records, array_doors

IMAGE_ARRAYS = ("images", "x", "x_train", "data")
LABEL_ARRAYS = ("labels", "y", "y_train", "targets")
# what has to lie in memory as a whole
MAX_BYTES = 768 << 20
MAX_LABEL_BYTES = 1 << 28
ALLOWED = "uint8, or floats in 0…1, of shape (n, h, w, 3), (n, h, w, 1) or (n, h, w)"
_READ_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    # numpy tokenizes the header's text
    tokenize.TokenError,
    ValueError,
    OSError,
    RuntimeError,
    EOFError,
    LookupError,
    TypeError,
    SyntaxError,
    MemoryError,
    OverflowError,
)


def open_npz(path: Path, options: Options) -> Dataset:
    """Dataset of an .npz: images, labels and class_names if there are any; ids "file name#row"; raises UserError.

    Sizes are read from the headers before anything is loaded. Images stored without compression stay on
    disk; compressed ones are loaded, up to 768 MB. Arrays of Python objects are refused.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = {Path(info.filename).stem: info for info in archive.infolist() if info.filename.endswith(".npy")}
            images = _images(archive, path, members)
            labels, classes = _labels(archive, members, len(images))
    except _READ_ERRORS as error:
        reason = str(error)[:80] or type(error).__name__
        raise UserError(f"{shown(path.name)} cannot be read: {reason}", "a whole .npz file") from error
    digests = container_digests(path, len(images), _contents(path, images), options)
    rows = Rows([f"{path.name}#{row}" for row in range(len(images))], labels, classes, digests)
    return build(path.name, rows, array_doors(lambda row: images[row], _to_rgb, digests))


def _header(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> tuple[tuple[int, ...], bool, np.dtype[Any], int]:
    with archive.open(info) as file:
        version = np.lib.format.read_magic(file)
        if version == (1, 0):
            shape, is_fortran, dtype = np.lib.format.read_array_header_1_0(file)
        else:
            shape, is_fortran, dtype = np.lib.format.read_array_header_2_0(file)
        start = file.tell()
    if dtype.hasobject:
        raise UserError(f"the array {shown(info.filename)} holds Python objects", "numbers or texts", "save it without objects")
    if math.prod(shape) * dtype.itemsize + start != info.file_size:
        raise ValueError(f"the array {shown(info.filename)} is not as long as its header says")
    return shape, is_fortran, dtype, start


def _images(archive: zipfile.ZipFile, path: Path, members: dict[str, zipfile.ZipInfo]) -> NDArray[Any] | Records:
    info = next((members[name] for name in IMAGE_ARRAYS if name in members), None)
    if info is None:
        held = ", ".join(shown(name, 30) for name in list(members)[:8]) or "none"
        raise UserError(f"{shown(path.name)} has no array of images (it has {held})", ", ".join(IMAGE_ARRAYS))
    shape, is_fortran, dtype, start = _header(archive, info)
    is_float = dtype.kind == "f" and dtype.itemsize <= 8
    # (h, w, 3) is one picture, not h pictures three pixels wide
    is_batch = (len(shape) == 4 and shape[3] in (1, 3)) or (len(shape) == 3 and shape[2] != 3)
    if not is_batch or not (dtype == np.uint8 or is_float):
        raise UserError(f"the images of {shown(path.name)} are {dtype} of shape {shape}", ALLOWED)
    if min(shape[1:]) < 1 or shape[1] * shape[2] > MAX_PIXELS:
        raise UserError(f"the images of {shown(path.name)} are {shape[2]}x{shape[1]}", f"1 to {MAX_PIXELS:,} pixels")
    if info.compress_type == zipfile.ZIP_STORED and not info.flag_bits & 1 and not is_fortran:
        return Records(path, _data_offset(path, info) + start, shape[0], dtype, shape[1:])
    if info.file_size > MAX_BYTES:
        raise UserError(
            f"the images of {shown(path.name)} take {info.file_size / 2**30:,.1f} GB unpacked",
            f"at most {MAX_BYTES >> 20} MB where they are compressed or in Fortran's order",
            "save them with numpy.savez, or as image folders",
        )
    return _load(archive, info)


def _load(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> NDArray[Any]:
    with archive.open(info) as file:
        return np.asarray(np.lib.format.read_array(file, allow_pickle=False))


def _data_offset(path: Path, info: zipfile.ZipInfo) -> int:
    # The local header repeats the names with its own lengths, at bytes 26 and 28.
    with path.open("rb") as file:
        file.seek(info.header_offset + 26)
        lengths = file.read(4)
    return info.header_offset + 30 + int.from_bytes(lengths[:2], "little") + int.from_bytes(lengths[2:], "little")


def _labels(archive: zipfile.ZipFile, members: dict[str, zipfile.ZipInfo], n: int) -> tuple[Int64, tuple[str, ...]]:
    info = next((members[name] for name in LABEL_ARRAYS if name in members), None)
    if info is None:
        return labels_from_values([None] * n)
    values = _small(archive, info)
    if values.shape not in ((n,), (n, 1)):
        raise UserError(f"the labels have shape {values.shape}", f"({n},): one label per image")
    listed = values.reshape(n).tolist()
    if "class_names" not in members:
        return labels_from_values(listed)
    names = _small(archive, members["class_names"])
    if names.ndim != 1 or names.dtype.kind != "U":
        raise UserError("class_names is not a list of texts", "an array of texts, one per class")
    classes = tuple(str(name) for name in names)
    return labels_by_name(listed, classes), classes


def _small(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> NDArray[Any]:
    _header(archive, info)
    if info.file_size > MAX_LABEL_BYTES:
        raise UserError(f"the array {shown(info.filename)} is too large for labels", f"{MAX_LABEL_BYTES >> 20} MB")
    return _load(archive, info)


def _contents(path: Path, images: NDArray[Any] | Records) -> Iterator[bytes]:
    for image in images.read() if isinstance(images, Records) else images:
        if image.dtype != np.uint8 and not (np.min(image) >= 0 and np.max(image) <= 1):
            raise UserError(f"{shown(path.name)} holds floats outside 0…1", ALLOWED, "divide by 255, or save as uint8")
        yield np.ascontiguousarray(image).tobytes()


def _to_rgb(image: NDArray[Any]) -> UInt8:
    levels = image if image.dtype == np.uint8 else np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8)
    grey = levels.reshape(*levels.shape[:2], -1)
    return np.ascontiguousarray(np.repeat(grey, 3, axis=2) if grey.shape[2] == 1 else grey)


ARRAYS = Source("arrays", "an .npz", lambda path, options: path.is_file() and path.suffix.lower() == ".npz", open_npz)
