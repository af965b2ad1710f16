"""From what a source stores to what a Dataset hands out: the bytes that are decoded are the bytes that were hashed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..errors import UnreadableImage
from ..types import UInt8
from .decoding import decode, png_of, suffix_of, why_unread
from .files import digest_bytes

CHANGED = "the image has changed since it was listed"
# loader and encoded of a Dataset
Doors = tuple[Callable[[int], Image.Image], Callable[[int], tuple[bytes, str]]]


def encoded_doors(data_of: Callable[[int], bytes], digests: UInt8) -> Doors:
    """Doors of rows that are encoded images.

    data_of: row -> bytes as stored.  digests: uint8 (n, 16) of those bytes when they were listed; where a row no longer
    has its digest, the doors raise UnreadableImage, so that nothing is kept of it under a name that is not its own.
    """

    def encoded(row: int) -> tuple[bytes, str]:
        data = checked(row)
        return data, suffix_of(data)

    def checked(row: int) -> bytes:
        data = data_of(row)
        _check(data, digests[row])
        return data

    return (lambda row: decode(checked(row))), encoded


def array_doors(values_of: Callable[[int], NDArray[Any]], rgb_of: Callable[[NDArray[Any]], UInt8], digests: UInt8) -> Doors:
    """Doors of rows that are arrays, as `encoded_doors`.

    values_of: row -> array as stored, whose bytes in C order are digested.  rgb_of: that array -> uint8 (h, w, 3).
    """

    def pixels(row: int) -> UInt8:
        values = np.ascontiguousarray(values_of(row))
        _check(values.tobytes(), digests[row])
        return rgb_of(values)

    return (lambda row: Image.fromarray(pixels(row))), (lambda row: png_of(pixels(row)))


def _check(data: bytes, digest: UInt8) -> None:
    if digest_bytes(data) != digest.tobytes():
        raise UnreadableImage(CHANGED)


@dataclass(frozen=True)
class Records:
    """`count` arrays of one shape, one behind the other in a file from `offset` on; each is read when asked for.

    Not a memory map: where the file is cut while it is read, that would end the process.
    """

    path: Path
    offset: int
    count: int
    dtype: np.dtype[Any]
    shape: tuple[int, ...]

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, row: int) -> NDArray[Any]:
        """Array of `shape`; raises UnreadableImage where the file is gone or cut."""
        return next(self.read(row))

    def read(self, first: int = 0) -> Iterator[NDArray[Any]]:
        """Arrays from the row `first` on; raises UnreadableImage where the file is gone or cut."""
        length = int(np.prod(self.shape)) * self.dtype.itemsize
        try:
            with self.path.open("rb") as file:
                file.seek(self.offset + first * length)
                for _ in range(first, self.count):
                    data = file.read(length)
                    if len(data) < length:
                        raise UnreadableImage("truncated: the file ends inside the picture")
                    yield np.frombuffer(data, dtype=self.dtype).reshape(self.shape)
        except OSError as error:
            raise UnreadableImage(why_unread(error)) from error
