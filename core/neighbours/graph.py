"""The kNN graph by cosine. The only faiss import; exact everywhere.

Up to 20,000 rows, and on a GPU at any size, faiss' flat index is asked. Beyond that on a CPU shortlists are faster:
similarities in bfloat16, each pair once, a generous shortlist from them, float32 similarities for the shortlist. A row whose shortlist cannot be shown to hold its true neighbours is searched again in float32, so
shortlists cost no recall (`bench/neighbours.py` measures it against the flat index).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..types import Float32, Int32

EXACT_ROWS = 20_000
BLOCK = 4096
# bfloat16 keeps 8 bits: a similarity v is rounded by at most |v|·2⁻⁹; the rounding of both inputs adds noise whose
# standard deviation is below 2⁻⁹ for unit vectors
ROUNDING = 2.0**-9

Progress = Callable[[int, int], None]


def nearest(
    vectors: Float32, k: int, *, device: str = "cpu", progress: Progress | None = None, method: str = "auto"
) -> tuple[Int32, Float32]:
    """The k nearest other rows of every row by cosine similarity.

    vectors: float32 (n, d), unit rows.  method: "auto", "flat" or "shortlist".
    Returns neighbours int32 (n, k') and similarity float32 (n, k'), falling, within −1…1, k' = min(k, n − 1).
    A row is never its own neighbour, also among exact duplicates; equal similarities stand in row order.
    """
    n = len(vectors)
    k = max(min(k, n - 1), 0)
    if k == 0:
        return np.empty((n, 0), dtype=np.int32), np.empty((n, 0), dtype=np.float32)
    vectors = np.ascontiguousarray(vectors, dtype=np.float32)
    if method == "auto":
        method = "shortlist" if n > EXACT_ROWS and device == "cpu" and _bfloat16_pays() else "flat"
    search = _shortlist if method == "shortlist" else partial(_flat, device)
    neighbours = np.empty((n, k), dtype=np.int32)
    similarity = np.empty((n, k), dtype=np.float32)
    report = progress if progress is not None else lambda done, total: None
    for start, candidates in search(vectors, k, report):
        stop = start + len(candidates)
        neighbours[start:stop], similarity[start:stop] = _tidy(vectors, start, candidates, k)
    return neighbours, similarity


def _tidy(vectors: Float32, start: int, candidates: NDArray[np.int64], k: int) -> tuple[Int32, Float32]:
    """Candidates (b, m) of rows start…start+b−1 -> the k best in float32, self dropped by row, ties by row."""
    rows = np.arange(start, start + len(candidates))
    similarity = _dots(vectors, rows, candidates)
    # an exact duplicate has the row's own similarity: only the number tells them apart
    similarity[candidates == rows[:, None]] = -np.inf
    order = np.lexsort((candidates, -similarity), axis=1)[:, :k]
    best = np.take_along_axis(similarity, order, axis=1)
    return np.take_along_axis(candidates, order, axis=1).astype(np.int32), np.clip(best, -1.0, 1.0)


def _dots(vectors: Float32, rows: NDArray[np.int64], candidates: NDArray[np.int64]) -> Float32:
    """similarity[i, j] = vectors[rows[i]] · vectors[candidates[i, j]], the same sum for equal vectors."""
    import faiss

    queries = np.ascontiguousarray(vectors[rows])
    wanted = np.ascontiguousarray(candidates, dtype=np.int64)
    found = np.empty(wanted.shape, dtype=np.float32)
    # reads each candidate where it lies; gathering them first takes eight times as long
    by_index: Any = getattr(faiss, "fvec_inner_products_by_idx")  # noqa: B009 - unknown to the type checker
    pointers = (faiss.swig_ptr(array) for array in (found, queries, vectors, wanted))
    by_index(*pointers, vectors.shape[1], *wanted.shape)
    return found


def _flat(device: str, vectors: Float32, k: int, report: Progress) -> Iterator[tuple[int, NDArray[np.int64]]]:
    """Shortlists of faiss' exact index, in blocks of rows."""
    import faiss

    index: Any = faiss.IndexFlatIP(vectors.shape[1])
    if device == "cuda" and faiss.get_num_gpus() > 0:
        index = faiss.index_cpu_to_gpu(faiss.StandardGpuResources(), 0, index)
    index.add(vectors)
    # one more than k, for self; a few more so that ties at the edge are cut by row and not by chance
    wanted = min(k + 8, len(vectors))
    for start in range(0, len(vectors), BLOCK):
        yield start, index.search(vectors[start : start + BLOCK], wanted)[1]
        report(min(start + BLOCK, len(vectors)), len(vectors))


def _shortlist(vectors: Float32, k: int, report: Progress) -> Iterator[tuple[int, NDArray[np.int64]]]:
    """Shortlists from bfloat16 similarities, in blocks of rows; doubtful rows from float32 ones."""
    import torch

    table = torch.from_numpy(vectors)
    n = len(vectors)
    wanted = min(k + 1 + max(16, k // 2 + 20), n)
    values, candidates = _rough_shortlists(table.to(torch.bfloat16), wanted, report)
    for start in range(0, n, BLOCK):
        best, found = np.sort(values[start : start + BLOCK], axis=1), candidates[start : start + BLOCK].astype(np.int64)
        if wanted < n:
            # the k-th best (self aside) has to clear the last of the shortlist by more than both can be rounded
            clear = best[:, -k - 1] - best[:, 0] > 2 * (np.abs(best[:, 0]) + 1.0) * ROUNDING
            doubtful = np.flatnonzero(~clear)
            for part in range(0, len(doubtful), BLOCK // 4 + 1):
                rows = doubtful[part : part + BLOCK // 4 + 1]
                found[rows] = (table[start + rows] @ table.T).topk(wanted, dim=1).indices.numpy()
        yield start, found


def _rough_shortlists(rough: Any, wanted: int, report: Progress) -> tuple[Float32, Int32]:
    """The `wanted` highest bfloat16 similarities of every row (n, wanted), in no order, and their rows.

    Each pair of blocks is multiplied once and read both ways, which halves the products.
    """
    import torch

    from .shortlist import empty_shortlists, read_columns, read_rows

    n = len(rough)
    values, candidates = empty_shortlists(n, wanted)
    # buffers are retained: fresh ones of this size cost more in page faults than the products themselves
    product, wide = (torch.empty(BLOCK * BLOCK, dtype=kind) for kind in (torch.bfloat16, torch.float32))
    done = 0
    for i in range(0, n, BLOCK):
        for j in range(i, n, BLOCK):
            a, b = min(BLOCK, n - i), min(BLOCK, n - j)
            part = torch.mm(rough[i : i + a], rough[j : j + b].T, out=product[: a * b].view(a, b))
            block = wide[: a * b].view(a, b).copy_(part).numpy()
            read_rows(block, j, values[i : i + a], candidates[i : i + a])
            if j > i:
                read_columns(block, i, values[j : j + b], candidates[j : j + b])
            done += a * b * (2 if j > i else 1)
            report(done // n, n)
    return values, candidates


def _bfloat16_pays() -> bool:
    """True where the processor multiplies bfloat16 natively (AVX512-BF16 or AMX)."""
    import torch

    check = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return bool(check()) if check is not None else False
