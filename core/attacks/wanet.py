"""WaNet: the image is bent slightly by one smooth field, and gets the target's label.

Nguyen, Tran: "WaNet – Imperceptible Warping-based Backdoor Attack", ICLR 2021, arXiv 2102.10369 (k = 4, s = 0.5).
Known limit: the paper controls training and adds images with random fields and right labels ("noise mode"); a
poisoned set alone, as made here, holds only images with the one fixed field.
"""

from __future__ import annotations

from functools import lru_cache, partial
from typing import TYPE_CHECKING

import numpy as np

from ..types import UInt8
from .base import Alter, Attack, Change, Scene, Settings, dirty_label, number

if TYPE_CHECKING:
    from torch import Tensor


def trigger(settings: Settings, seed: int) -> Alter:
    """The field drawn from `seed`: k control points a side, strength s, factor grid_rescale on the sampling grid."""
    return partial(
        warp,
        seed=seed,
        k=int(number(settings, "k", 2, 64)),
        s=number(settings, "s", 0.01, 16),
        grid_rescale=number(settings, "grid_rescale", 0.5, 2),
    )


def warp(pixels: UInt8, row: int, *, seed: int, k: int, s: float, grid_rescale: float) -> UInt8:
    """`pixels`, uint8 (h, w, 3), sampled bilinearly along the field; the mean shift is about s/2 px at any size."""
    # imported here because only this attack needs torch, and it takes seconds to load
    import torch
    from torch.nn.functional import grid_sample

    height, width = pixels.shape[:2]
    grid = _grid(seed, k, s, grid_rescale, height, width)
    image = torch.from_numpy(pixels.astype(np.float32)).permute(2, 0, 1)[None]  # (1, 3, h, w)
    bent = grid_sample(image, grid, mode="bilinear", padding_mode="border", align_corners=True)
    changed: UInt8 = np.rint(bent[0].permute(1, 2, 0).numpy()).clip(0, 255).astype(np.uint8)
    return changed


@lru_cache(maxsize=16)
def _grid(seed: int, k: int, s: float, grid_rescale: float, height: int, width: int) -> Tensor:
    """Where each pixel is read from: float32 (1, h, w, 2), x then y, −1…1 across the image."""
    import torch
    from torch.nn.functional import interpolate

    # a stream of its own, so that the field does not depend on how many victims were drawn
    rng = np.random.default_rng([seed, k])
    field = rng.uniform(-1.0, 1.0, (1, 2, k, k))
    field /= np.abs(field).mean()
    control = torch.from_numpy(field.astype(np.float32))
    smooth = interpolate(control, size=(height, width), mode="bicubic", align_corners=True)[0]  # (2, h, w)
    y, x = torch.meshgrid(torch.linspace(-1, 1, height), torch.linspace(-1, 1, width), indexing="ij")
    grid = torch.stack((x + s * smooth[0] / width, y + s * smooth[1] / height), dim=-1)
    return (grid * grid_rescale).clamp(-1, 1)[None]


def wanet(scene: Scene) -> Change:
    """Bend images of other classes and call them the target."""
    return dirty_label(scene, trigger(scene.settings, scene.seed))


WANET = Attack(
    name="wanet",
    summary="one smooth, barely visible bend of the picture; images of other classes are called the target",
    kind="dirty_label",
    defaults={"k": 4, "s": 0.5, "grid_rescale": 1.0},
    function=wanet,
    trigger=trigger,
)
