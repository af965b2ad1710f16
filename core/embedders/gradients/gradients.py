"""`gradients`: hand-made vectors, no download. Where edges lie, how they turn, what colours and small patches there are.

Three blocks, all in batched torch, written to run on CPU and GPU alike:
1. histograms of oriented gradients (Dalal & Triggs, CVPR 2005) over overlapping soft cells on two grids;
2. coarse colour: mean lightness and two opponent channels on a 4×4 grid;
3. responses to a fixed dictionary of whitened 6×6 patches, pooled by quadrant (Coates, Lee & Ng, AISTATS 2011).
   The dictionary is learnt at load time from the two photographs that scikit-learn carries, never from the
   set under inspection: so features of an image do not depend on its neighbours and can be kept for good.
Then PCA and square-root whitening. Blind to what 32×32 (64×64 for larger images) cannot show.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image

from ...compute import pick_device
from ...types import Float32
from ..base import Settings
from ..whitening import whitened_pca
from .patch_dictionary import PatchDictionary, soft_cells

VERSION = 1
ORIENTATIONS = 6
GRIDS = (7, 4)
WORDS = 192
DIM = 192
POWER = 0.5
# weights of the blocks' mean length, chosen by kNN agreement on CIFAR-10: fine cells, coarse cells, colour, patches
WEIGHTS = (1.0, 0.7, 0.6, 1.0)


class Gradients:
    """The embedder behind the registry's `gradients`; see the module's text."""

    key = f"gradients-{VERSION}"
    batch_size = 256

    def __init__(self, settings: Settings) -> None:
        self.device = pick_device(settings.device)
        self.dictionary = PatchDictionary.from_photographs(WORDS).to(self.device)
        angles = torch.arange(ORIENTATIONS) * math.pi / ORIENTATIONS
        self.cos, self.sin = (f(angles)[None, :, None, None].to(self.device) for f in (torch.cos, torch.sin))

    def pixels(self, image: Image.Image) -> NDArray[np.uint8]:
        """RGB image -> uint8 (32, 32, 3), or (64, 64, 3) where a side is longer than 48 pixels."""
        side = 32 if max(image.size) <= 48 else 64
        if image.size != (side, side):
            image = image.resize((side, side), Image.Resampling.BOX if min(image.size) >= side else Image.Resampling.BICUBIC)
        return np.asarray(image, dtype=np.uint8)

    @torch.inference_mode()
    def features(self, batch: list[NDArray[np.uint8]], rows: NDArray[np.int64]) -> Float32:
        """uint8 images (32 or 64 px) -> float32 (m, 1986); images of one size go through together."""
        out: NDArray[np.float32] | None = None
        sides = np.array([image.shape[0] for image in batch])
        for side in np.unique(sides):
            which = np.flatnonzero(sides == side)
            pixels = torch.from_numpy(np.stack([batch[i] for i in which])).to(self.device, non_blocking=True)
            found = self._blocks(pixels.permute(0, 3, 1, 2).float() / 255).cpu().numpy()
            if out is None:
                out = np.empty((len(batch), found.shape[1]), dtype=np.float32)
            out[which] = found
        assert out is not None
        return out

    def _blocks(self, x: torch.Tensor) -> torch.Tensor:
        """(B, 3, s, s) in 0…1 -> (B, D)."""
        energy = self._oriented_energy(x)  # (B, 2·ORIENTATIONS, s·s)
        side = x.shape[-1]
        blocks = [self._histograms(energy, grid, side) for grid in GRIDS]
        blocks.append((_opponent(x) @ soft_cells(side, 4, side * 6 / 32, x.device)).flatten(1))
        # the patch dictionary speaks of 32×32 images; larger ones are seen at that size
        small = x if side == 32 else F.avg_pool2d(x, side // 32)
        blocks.append(self.dictionary.responses(small))
        return torch.cat(blocks, 1)

    def _oriented_energy(self, x: torch.Tensor) -> torch.Tensor:
        """Gradient magnitude of the strongest channel, spread over signed directions by a narrow lobe."""
        x = x.sqrt()
        gx = F.pad(x, (1, 1, 0, 0), mode="replicate")
        gy = F.pad(x, (0, 0, 1, 1), mode="replicate")
        gx, gy = gx[..., 2:] - gx[..., :-2], gy[:, :, 2:] - gy[:, :, :-2]
        squared, channel = (gx * gx + gy * gy).max(1, keepdim=True)
        inverse = (squared + 1e-6).rsqrt()
        along = (gx.gather(1, channel) * inverse) * self.cos + (gy.gather(1, channel) * inverse) * self.sin
        lobe = along.pow(4) * squared.sqrt()
        ahead = lobe * (along > 0)
        return torch.cat([ahead, lobe - ahead], 1).flatten(2)

    def _histograms(self, energy: torch.Tensor, grid: int, side: int) -> torch.Tensor:
        """Cells on a grid×grid lattice, normalised by the energy of their 3×3 neighbourhood."""
        width = side * (5 if grid == 7 else 9) / 32
        cells = energy @ soft_cells(side, grid, width, energy.device)  # (B, 12, grid²)
        cells = torch.cat([cells, cells[:, :ORIENTATIONS] + cells[:, ORIENTATIONS:]], 1)
        around = cells.pow(2).sum(1, keepdim=True).reshape(-1, 1, grid, grid)
        around = F.avg_pool2d(F.pad(around, (1, 1, 1, 1), mode="replicate"), 3, 1).flatten(2)
        return (cells * (around + 1e-4).rsqrt()).clamp(max=0.4).sqrt().flatten(1)

    def finish(self, shards: Iterable[NDArray[Any]], count: int) -> Float32:
        """Raw features -> float32 (count, ≤192), unit rows."""
        columns = [3 * ORIENTATIONS * g * g for g in GRIDS] + [3 * 16, 4 * WORDS]
        return whitened_pca(
            shards,
            count,
            dim=DIM,
            power=POWER,
            device=self.device,
            block_sizes=tuple(zip(columns, WEIGHTS, strict=True)),
        )


def _opponent(x: torch.Tensor) -> torch.Tensor:
    """(B, 3, s, s) -> lightness, red–green, yellow–blue as (B, 3, s·s)."""
    r, g, b = x.flatten(2).unbind(1)
    return torch.stack([(r + g + b) / 3, r - g, (r + g) / 2 - b], 1)
