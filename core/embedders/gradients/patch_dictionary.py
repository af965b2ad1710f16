"""A fixed dictionary of small whitened patches and its pooled responses (Coates, Lee & Ng, AISTATS 2011)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

PATCH = 6
STRIDE = 2
CONTRAST_FLOOR = 10.0
WHITENING_FLOOR = 0.1
SIMILARITY_BIAS = 0.5
PHOTO_SCALES = (3, 5, 8, 12)
PATCHES_PER_PHOTO_SCALE = 7_500
KMEANS_ROUNDS = 8


@lru_cache(maxsize=64)
def soft_cells(side: int, grid: int, width: float, device: torch.device) -> torch.Tensor:
    """Pooling matrix (side², grid²): triangular windows of half-width `width` pixels on a grid×grid lattice."""
    centres = (np.arange(grid) + 0.5) * side / grid - 0.5
    windows = np.maximum(0.0, 1.0 - np.abs(np.arange(side)[None] - centres[:, None]) / width)
    windows /= windows.sum(1, keepdims=True)
    both = np.einsum("ai,bj->ijab", windows, windows).reshape(side * side, grid * grid)
    return torch.tensor(both, dtype=torch.float32, device=device)


@dataclass(frozen=True)
class PatchDictionary:
    """filters: (K, 3, 6, 6), whitening folded in.  offset: (K,), response of the mean patch."""

    filters: torch.Tensor
    offset: torch.Tensor

    @staticmethod
    def from_photographs(words: int) -> PatchDictionary:
        """Spherical k-means on patches of two photographs at four scales; the same on every run."""
        generator = torch.Generator().manual_seed(0)
        patches = _photograph_patches(generator)
        patches = patches - patches.mean(1, keepdim=True)
        patches = patches / (patches.var(1, keepdim=True) + CONTRAST_FLOOR).sqrt()
        mean = patches.mean(0)
        values, axes = torch.linalg.eigh(torch.cov((patches - mean).T))
        whiten = axes @ torch.diag((values + WHITENING_FLOOR).rsqrt()) @ axes.T
        words_found = _spherical_kmeans(F.normalize((patches - mean) @ whiten, dim=1), words, generator)
        matrix = whiten @ words_found.T  # (108, K)
        filters = matrix.T.reshape(words, PATCH, PATCH, 3).permute(0, 3, 1, 2).contiguous()
        return PatchDictionary(filters, -(mean @ matrix))

    def to(self, device: str) -> PatchDictionary:
        """The dictionary on `device`."""
        return PatchDictionary(self.filters.to(device), self.offset.to(device))

    def responses(self, x: torch.Tensor) -> torch.Tensor:
        """(B, 3, 32, 32) in 0…1 -> (B, 4·K): rectified similarity to each word, averaged softly by quadrant."""
        x = x * 255
        size = PATCH * PATCH * 3
        mean = F.avg_pool2d(x.mean(1, keepdim=True), PATCH, STRIDE)
        square = F.avg_pool2d((x * x).mean(1, keepdim=True), PATCH, STRIDE)
        variance = (square - mean * mean) * size / (size - 1)
        inverse = (variance + CONTRAST_FLOOR).clamp(min=1e-6).rsqrt()
        # subtracting 128 first keeps the large common part out of the convolution's rounding
        found = F.conv2d(x - 128, self.filters, stride=STRIDE)
        found = found - (mean - 128) * self.filters.sum((1, 2, 3))[None, :, None, None]
        found = found * inverse + (self.offset - SIMILARITY_BIAS)[None, :, None, None]
        side = found.shape[-1]
        return (found.clamp(min=0).flatten(2) @ soft_cells(side, 2, side / 2, x.device)).flatten(1).sqrt()


def _photograph_patches(generator: torch.Generator) -> torch.Tensor:
    from sklearn.datasets import load_sample_images

    found = []
    for photograph in load_sample_images().images:
        image = Image.fromarray(photograph)
        for scale in PHOTO_SCALES:
            small = image.resize((image.width // scale, image.height // scale), Image.Resampling.BOX)
            pixels = torch.from_numpy(np.array(small)).float().permute(2, 0, 1)
            windows = pixels.unfold(1, PATCH, 1).unfold(2, PATCH, 1).permute(1, 2, 3, 4, 0).reshape(-1, PATCH**2 * 3)
            found.append(windows[torch.randperm(len(windows), generator=generator)[:PATCHES_PER_PHOTO_SCALE]])
    patches = torch.cat(found)
    mirrored = patches.view(-1, PATCH, PATCH, 3).flip(2).flatten(1)
    return torch.cat([patches, mirrored])


def _spherical_kmeans(points: torch.Tensor, words: int, generator: torch.Generator) -> torch.Tensor:
    found = points[torch.randperm(len(points), generator=generator)[:words]]
    for _ in range(KMEANS_ROUNDS):
        nearest = (points @ found.T).argmax(1)
        found = torch.zeros_like(found).index_add_(0, nearest, points)
        found = F.normalize(found + 1e-6 * torch.randn(found.shape, generator=generator), dim=1)
    return found
