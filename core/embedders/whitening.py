"""Centring, PCA and whitening shared by embedders; reads raw features shard by shard."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..types import Float32

FIT_ROWS = 20_000


def whitened_pca(
    shards: Iterable[NDArray[Any]],
    count: int,
    *,
    dim: int,
    power: float,
    device: str,
    block_sizes: tuple[tuple[int, float], ...] = (),
) -> Float32:
    """Raw features -> float32 (count, dim'), unit rows, dim' ≤ dim.

    The principal axes are scaled by eigenvalue^(−power/2): power 1 is full whitening, 0.5 its square root.
    `block_sizes` lists (columns, weight): each block of columns is first brought to a mean squared length of
    weight². Axes are fitted on at most 20,000 evenly spaced rows, so the cost of fitting does not grow with n.
    """
    sample = _sample(shards, count, device)
    mean = sample.mean(0)
    sample = sample - mean
    scale = _block_scale(sample, block_sizes)
    sample = sample * scale
    values, axes = _principal_axes(sample)
    retained = min(dim, int((values > values[0] * 1e-7).sum().item()) or 1)
    values, axes = values[:retained], axes[:, :retained]
    axes = axes * axes.gather(0, axes.abs().argmax(0, keepdim=True)).sign()  # the sign of an axis is arbitrary
    # a degenerate set (all images alike) has zero variance; the floor keeps its vectors finite
    weights = (values.clamp(min=1e-12) ** (-power / 2)).float()
    matrix = scale[:, None] * axes.float() * weights
    return _project(shards, count, mean, matrix, device)


def _sample(shards: Iterable[NDArray[Any]], count: int, device: str) -> torch.Tensor:
    wanted = np.unique(np.linspace(0, count - 1, min(count, FIT_ROWS)).round().astype(np.int64))
    parts, start = [], 0
    for shard in shards:
        local = wanted[(wanted >= start) & (wanted < start + len(shard))] - start
        parts.append(torch.from_numpy(np.asarray(shard[local], dtype=np.float32)).to(device))
        start += len(shard)
    return torch.cat(parts)


def _block_scale(centred: torch.Tensor, block_sizes: tuple[tuple[int, float], ...]) -> torch.Tensor:
    scale, start = torch.ones(centred.shape[1], device=centred.device), 0
    for columns, weight in block_sizes:
        block = centred[:, start : start + columns]
        length = block.pow(2).sum(1).mean().sqrt()
        scale[start : start + columns] = weight / length.clamp(min=1e-9)
        start += columns
    return scale


def _principal_axes(centred: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Variances (r,), falling, and axes (D, r) in float64, r = min(rows, D)."""
    rows, columns = centred.shape
    if rows >= columns:
        values, axes = torch.linalg.eigh(((centred.T @ centred) / max(rows - 1, 1)).double())
        return values.flip(0), axes.flip(1)
    # few rows: the products between rows have the same variances and are the smaller matrix
    wide = centred.double()
    values, sides = torch.linalg.eigh((wide @ wide.T) / max(rows - 1, 1))
    return values.flip(0), torch.nn.functional.normalize(wide.T @ sides.flip(1), dim=0)


def _project(shards: Iterable[NDArray[Any]], count: int, mean: torch.Tensor, matrix: torch.Tensor, device: str) -> Float32:
    vectors = np.empty((count, matrix.shape[1]), dtype=np.float32)
    start = 0
    for shard in shards:
        raw = torch.from_numpy(np.asarray(shard, dtype=np.float32)).to(device)
        vectors[start : start + len(shard)] = ((raw - mean) @ matrix).cpu().numpy()
        start += len(shard)
    return unit_rows(vectors)


def unit_rows(vectors: NDArray[np.float32]) -> Float32:
    """Rows scaled to length 1; a row of zeros becomes the first axis, so that cosines stay finite."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    flat = lengths[:, 0] < 1e-12
    vectors = vectors / np.maximum(lengths, 1e-12)
    vectors[flat] = 0.0
    vectors[flat, 0] = 1.0
    return np.asarray(vectors, dtype=np.float32)


def centred_unit_rows(shards: Iterable[NDArray[Any]], count: int) -> Float32:
    """Raw features, shard after shard (walked twice) -> float32 (count, D): minus their mean, each of length 1."""
    total: NDArray[np.float64] | None = None
    for shard in shards:
        part = np.asarray(shard, dtype=np.float64).sum(0)
        total = part if total is None else total + part
    assert total is not None
    mean = (total / count).astype(np.float32)
    return unit_rows(np.concatenate([np.asarray(shard, dtype=np.float32) - mean for shard in shards]))
