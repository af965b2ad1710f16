"""Names for arrays, and the two checks that every value makes at construction."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Int64 = NDArray[np.int64]
Int32 = NDArray[np.int32]
Float32 = NDArray[np.float32]
Bool = NDArray[np.bool_]
UInt8 = NDArray[np.uint8]

UNLABELLED = -1
DIGEST_BYTES = 16


def read_only(array: NDArray[Any]) -> NDArray[Any]:
    """`array` with writing switched off, so that a shared value cannot change under a reader."""
    array.setflags(write=False)
    return array


def freeze(owner: object, **arrays: NDArray[Any] | None) -> None:
    for name, array in arrays.items():
        if array is not None:
            # object.__setattr__ because the dataclass is frozen
            object.__setattr__(owner, name, read_only(array))


def check(condition: bool, message: str) -> None:
    if not condition:
        raise ValueError(message)
