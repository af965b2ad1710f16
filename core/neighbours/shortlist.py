"""Keeping the highest similarities of every row while blocks of them pass by: one look at each number.

torch.topk sorts each block anew and costs more than the matrix product itself; a heap per row that only the few
numbers above its floor enter costs a tenth of it.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

COLUMNS = 256


@numba.njit(cache=True)  # type: ignore[untyped-decorator]
def _replace_lowest(heap: Any, rows: Any, value: float, row: int) -> None:
    """Put (value, row) in the place of a min-heap's lowest entry and restore the heap."""
    size, at = heap.shape[0], 0
    while True:
        child = 2 * at + 1
        if child >= size:
            break
        if child + 1 < size and heap[child + 1] < heap[child]:
            child += 1
        if heap[child] >= value:
            break
        heap[at], rows[at] = heap[child], rows[child]
        at = child
    heap[at], rows[at] = value, row


@numba.njit(parallel=True, cache=True)  # type: ignore[untyped-decorator]
def read_rows(block: Any, first: int, values: Any, rows: Any) -> None:
    """block (a, b): similarities of a rows to rows first…first+b−1, into their heaps values, rows (a, m)."""
    for i in numba.prange(block.shape[0]):
        heap, names = values[i], rows[i]
        floor = heap[0]
        for j in range(block.shape[1]):
            if block[i, j] > floor:
                _replace_lowest(heap, names, block[i, j], first + j)
                floor = heap[0]


@numba.njit(parallel=True, cache=True)  # type: ignore[untyped-decorator]
def read_columns(block: Any, first: int, values: Any, rows: Any) -> None:
    """block (a, b): similarities of b rows to rows first…first+a−1, into their heaps values, rows (b, m)."""
    width = block.shape[1]
    # a strip of columns at a time: memory is still read along rows
    for strip in numba.prange((width + COLUMNS - 1) // COLUMNS):
        low, high = strip * COLUMNS, min(width, (strip + 1) * COLUMNS)
        floors = values[low:high, 0].copy()
        for i in range(block.shape[0]):
            for j in range(low, high):
                if block[i, j] > floors[j - low]:
                    _replace_lowest(values[j], rows[j], block[i, j], first + i)
                    floors[j - low] = values[j, 0]


def empty_shortlists(count: int, size: int) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Heaps without entries: values (count, size) at −∞, rows (count, size) at 0."""
    return np.full((count, size), -np.inf, dtype=np.float32), np.zeros((count, size), dtype=np.int32)
