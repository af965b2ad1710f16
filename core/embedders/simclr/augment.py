"""Random views of images, drawn for whole batches on the device: what contrastive learning must see through.

Crops of random size and shape (Chen et al., SimCLR, ICML 2020, appendix A), a mirror, colour (brightness, contrast,
saturation, hue, greyscale) and blur. They teach content and break triggers at once: a crop moves or drops a patch, blur
and colour weaken patterns laid over the whole image, so that two views of a poisoned image seldom share its trigger.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F

Tensor = torch.Tensor
DRAWS = 16
BLUR_REACH = 2
GREY = (0.299, 0.587, 0.114)
# side in pixels; signs and digits, whose mirror image may mean something else, are often smaller. Known limit: those that
# were enlarged to this side before (the demo's digits for the backbone `features`) are mirrored like photographs
LEAST_MIRRORED = 32


@dataclass(frozen=True)
class Strength:
    """How strong the views are; shares and chances in 0…1.

    least_area: of the image that a crop keeps.  colour: of brightness, contrast and saturation.  hue: of a full turn.
    """

    least_area: float = 0.25
    colour: float = 0.4
    hue: float = 0.1
    jittered: float = 0.8
    grey: float = 0.2
    blurred: float = 0.4
    mirrored: float = 0.5


def random_views(images: Tensor, generator: torch.Generator, strength: Strength = Strength()) -> Tensor:
    """uint8 (b, s, s, 3) -> one view each, float32 (b, 3, s, s) in 0…1, on the images' device.

    generator: on the CPU, so that the same seed draws the same views on every device.
    """
    draws = torch.rand(DRAWS, len(images), generator=generator)
    if images.device.type == "cuda":
        # from pageable memory the copy would wait for all that the GPU still has to do
        draws = draws.pin_memory()
    draws = draws.to(images.device, non_blocking=True)
    x = images.permute(0, 3, 1, 2).float() / 255
    x = _crop(x, draws[:5], strength)
    x = _colour(x, draws[5:12], strength)
    return _blur(x, draws[12:14], strength).clamp_(0, 1)


def _crop(x: Tensor, draws: Tensor, strength: Strength) -> Tensor:
    area = strength.least_area + (1 - strength.least_area) * draws[0]
    shape = torch.exp((2 * draws[1] - 1) * math.log(4 / 3))
    width, height = (area * shape).sqrt().clamp(max=1), (area / shape).sqrt().clamp(max=1)
    mirrored = strength.mirrored if x.shape[-1] >= LEAST_MIRRORED else 0.0
    turn = torch.where(draws[4] < mirrored, -1.0, 1.0)
    places = torch.zeros(len(x), 2, 3, device=x.device)
    places[:, 0, 0], places[:, 0, 2] = width * turn, (2 * draws[2] - 1) * (1 - width)
    places[:, 1, 1], places[:, 1, 2] = height, (2 * draws[3] - 1) * (1 - height)
    grid = F.affine_grid(places, list(x.shape), align_corners=False)
    found: Tensor = F.grid_sample(x, grid, mode="bilinear", padding_mode="reflection", align_corners=False)
    return found


def _colour(x: Tensor, draws: Tensor, strength: Strength) -> Tensor:
    """Saturation, hue and greyscale as one matrix an image; then contrast about the mean, and brightness."""
    on = draws[0] < strength.jittered
    factors = torch.where(on, 1 + strength.colour * (2 * draws[1:4] - 1), 1.0)
    brightness, contrast, saturation = factors
    saturation = torch.where(draws[4] < strength.grey, 0.0, saturation)
    angle = torch.where(on, 2 * math.pi * strength.hue * (2 * draws[5] - 1), 0.0)
    grey = torch.tensor(GREY, device=x.device).expand(3, 3)
    matrix = grey + saturation[:, None, None] * (_turns(angle) - grey)
    x = (matrix @ x.flatten(2)).view_as(x)
    mean = x.mean((1, 2, 3), keepdim=True)
    changed: Tensor = ((x - mean) * contrast[:, None, None, None] + mean) * brightness[:, None, None, None]
    return changed


def _turns(angle: Tensor) -> Tensor:
    """(b,) angles -> (b, 3, 3), colours turned about the grey axis."""
    third, root = 1 / 3, math.sqrt(1 / 3)
    cos, sin = angle.cos()[:, None, None], angle.sin()[:, None, None]
    eye, ones = torch.eye(3, device=angle.device), torch.full((3, 3), third, device=angle.device)
    cross = root * torch.tensor([[0.0, -1, 1], [1, 0, -1], [-1, 1, 0]], device=angle.device)
    return cos * eye + (1 - cos) * ones + sin * cross


def _blur(x: Tensor, draws: Tensor, strength: Strength) -> Tensor:
    """A 5×5 Gaussian of standard deviation 0.1…1 pixel (at 32 pixels) for some images."""
    on = draws[0] < strength.blurred
    sigma = (0.1 + 0.9 * draws[1]) * max(1.0, x.shape[-1] / 64)
    offsets = torch.arange(-BLUR_REACH, BLUR_REACH + 1, device=x.device)
    taps = torch.exp(-0.5 * (offsets[None] / sigma[:, None]) ** 2)
    taps = torch.where(on[:, None], taps / taps.sum(1, keepdim=True), (offsets == 0).float())
    side, reach = x.shape[-1], BLUR_REACH
    for vertical in (False, True):
        padded = F.pad(x, (0, 0, reach, reach) if vertical else (reach, reach, 0, 0), mode="replicate")
        parts = [padded[:, :, i : i + side] if vertical else padded[..., i : i + side] for i in range(2 * reach + 1)]
        x = torch.stack([part * taps[:, i, None, None, None] for i, part in enumerate(parts)]).sum(0)
    return x
