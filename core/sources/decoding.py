"""From encoded bytes to RGB pixels: the header first, refusing what would hurt, saying why."""

from __future__ import annotations

import logging
import os
import stat
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from ..errors import UnreadableImage

MAX_PIXELS = 64_000_000
MAX_ASPECT = 200
MAX_ENCODED_BYTES = 256 << 20
# Larger pictures are decoded one at a time, however many threads ask: one can take a gigabyte while it is scaled.
LARGE_PIXELS = 16_000_000

# EPS would start Ghostscript; for the others Pillow only knows the header, not how to decode.
_REFUSED_FORMATS = frozenset({"EPS", "WMF", "BUFR", "GRIB", "HDF5", "MPEG"})
_COMMON_FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM")
_SUFFIXES = {"JPEG": ".jpg", "MPO": ".jpg", "TIFF": ".tif", "JPEG2000": ".jp2"}
# Images to people, but not to Pillow; they are named in the list of skipped files instead of being passed over.
UNSUPPORTED_SUFFIXES = frozenset({".svg", ".svgz", ".heic", ".heif", ".jxl", ".eps", ".ps", ".wmf", ".emf", ".cr2", ".nef", ".arw", ".dng"})
# What Pillow raises on hostile files, as found in its plugins; each becomes a reason, none is passed over.
_PILLOW_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    AssertionError,
    ArithmeticError,
    RuntimeError,
    EOFError,
    MemoryError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)
_one_large = Lock()
# What a broken picture is worth is said in the list of skipped files, not on stderr by the library.
warnings.filterwarnings("ignore", module=r"PIL(\.|$)")
logging.getLogger("PIL").addHandler(logging.NullHandler())


@lru_cache(maxsize=1)
def _formats() -> tuple[str, ...]:
    Image.init()
    rest = (name for name in Image.ID if name not in _COMMON_FORMATS and name not in _REFUSED_FORMATS)
    return (*_COMMON_FORMATS, *rest)


@lru_cache(maxsize=1)
def image_suffixes() -> frozenset[str]:
    """Lower-case file suffixes, with the dot, of every format that `decode` accepts."""
    formats = set(_formats())
    return frozenset(suffix for suffix, name in Image.registered_extensions().items() if name in formats)


def read_file(path: Path) -> bytes:
    """Content of a regular file; raises UnreadableImage where it is none, gone, locked, empty or far too large."""
    try:
        # O_NONBLOCK: opening a pipe that was slipped in since the listing must not wait for a writer.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        with open(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            problem = file_problem(status)
            if problem:
                raise UnreadableImage(problem)
            return file.read(MAX_ENCODED_BYTES)
    except (OSError, ValueError, MemoryError) as error:
        raise UnreadableImage(why_unread(error)) from error


def file_problem(status: os.stat_result) -> str:
    """Why a file with this status cannot hold an image, or "" where it may."""
    if not stat.S_ISREG(status.st_mode):
        return "not a regular file"
    if status.st_size == 0:
        return "the file is empty"
    if status.st_size > MAX_ENCODED_BYTES:
        return f"the file is larger than {MAX_ENCODED_BYTES >> 20} MB"
    return ""


def why_unread(error: Exception) -> str:
    """A short reason for a failed read, without the place of the file."""
    return f"cannot be read: {getattr(error, 'strerror', None) or type(error).__name__}"


@contextmanager
def _as_unreadable() -> Iterator[None]:
    try:
        yield
    except UnidentifiedImageError as error:
        raise UnreadableImage("not an image in a supported format") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise UnreadableImage(f"a decompression bomb: more than {MAX_PIXELS:,} pixels") from error
    except MemoryError as error:
        raise UnreadableImage("decoding it needs more memory than there is") from error
    except _PILLOW_ERRORS as error:
        message = str(error) or type(error).__name__
        if isinstance(error, EOFError) or "truncated" in message.lower():
            raise UnreadableImage("truncated: the file ends before the picture does") from error
        raise UnreadableImage(f"cannot be decoded: {message[:100]}") from error


def _check_size(width: int, height: int) -> None:
    if width < 1 or height < 1:
        raise UnreadableImage(f"the picture has no pixels ({width}x{height})")
    if width * height > MAX_PIXELS:
        raise UnreadableImage(f"a decompression bomb: {width}x{height} is more than {MAX_PIXELS:,} pixels")
    if max(width, height) > MAX_ASPECT * min(width, height):
        raise UnreadableImage(f"{width}x{height} is more than {MAX_ASPECT} times longer than wide")


def decode(source: bytes | Path, *, at_least: int = 0) -> Image.Image:
    """RGB image of encoded bytes or of a file: first frame, EXIF rotation applied, alpha dropped.

    at_least: pixels of the longer side that are enough (0: all there are); a JPEG is then decoded at an eighth, a quarter
    or a half where that leaves as many, which is how a thumbnail comes quickly.

    Alpha is dropped, not blended, because that is what training loaders do: the model sees the pixels
    below. 16-bit greys are scaled to 8 bits, so are 32-bit integers; floats from 0…1, from 0…255, or
    else stretched from their minimum to their maximum. Raises UnreadableImage with a short reason.
    """
    data = source if isinstance(source, bytes) else read_file(source)
    if not data:
        raise UnreadableImage("the file is empty")
    with _as_unreadable(), np.errstate(all="ignore"), Image.open(BytesIO(data), formats=_formats()) as image:
        _check_size(*image.size)
        if at_least:
            share = at_least / max(image.size)
            image.draft(None, (max(1, round(share * image.width)), max(1, round(share * image.height))))
        with _one_large if image.width * image.height > LARGE_PIXELS else nullcontext():
            image.load()
            # Containers of pictures (ICO, ICNS) can hold another size than their header says.
            _check_size(*image.size)
            _make_upright(image)
            return _to_rgb(image)


def _make_upright(image: Image.Image) -> None:
    try:
        ImageOps.exif_transpose(image, in_place=True)
    except _PILLOW_ERRORS:
        # The pixels are whole, only the notes about them are broken: they are shown as stored.
        return


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16"):
        return _grey(np.asarray(image).astype(np.float64) / 257.0)
    if image.mode == "I":
        values = np.asarray(image).astype(np.float64)
        return _grey(values / 257.0 if values.min() >= 0 and values.max() <= 65535 else _stretched(values))
    if image.mode == "F":
        values = np.nan_to_num(np.asarray(image).astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
        if values.min() < 0 or values.max() > 255:
            return _grey(_stretched(values))
        return _grey(values * 255.0 if values.max() <= 1 else values)
    return image.convert("RGB")


def _stretched(values: NDArray[np.float64]) -> NDArray[np.float64]:
    low, high = values.min(), values.max()
    return np.asarray((values - low) * (255.0 / max(high - low, 1e-300)), dtype=np.float64)


def _grey(values: NDArray[np.float64]) -> Image.Image:
    return Image.fromarray(np.rint(values).astype(np.uint8)).convert("RGB")


def suffix_of(data: bytes) -> str:
    """File suffix (".png") for what the bytes are, whatever they were called; raises UnreadableImage."""
    with _as_unreadable(), Image.open(BytesIO(data), formats=_formats()) as image:
        name = str(image.format)
    return _SUFFIXES.get(name, f".{name.lower()}")


def png_of(pixels: NDArray[Any]) -> tuple[bytes, str]:
    """(lossless PNG bytes, ".png") of uint8 pixels (h, w, 3)."""
    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG")
    return buffer.getvalue(), ".png"
