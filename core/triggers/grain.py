"""The grain of an image: how its finest differences are distributed, wherever they lie.

Noise that is drawn anew for each image, and any resampling, change which differences between neighbouring pixels occur
and how often, though never at one place. Statistics of such residuals are how steganalysis separates an altered picture
from one that a camera made (Fridrich & Kodovský, "Rich models for steganalysis of digital images", IEEE TIFS 2012), and how
interpolation is detected (Popescu & Farid, IEEE TSP 2005). The filters and means here are our own short choice. Known limit:
images that came to the set by another way (another size or compression before) differ in grain too.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch

Tensor = torch.Tensor
# negative powers look at the smallest differences: flat places, which hardly any alteration leaves flat; high ones at edges
POWERS = (-2, -1, 1, 2, 4)
FLOOR = 1 / 255
# images at a time on a CPU, so that what lies between two steps stays in its cache
PIECE = 64


def grain(channels: Tensor) -> Tensor:
    """Logarithms of power means of nine kinds of differences; channels (m, c, s, s) in 0…1 -> (m, 9 · c · powers)."""
    piece = PIECE if channels.device.type == "cpu" else max(1, len(channels))
    parts = [_grain(part) for part in channels.split(piece)]  # type: ignore[no-untyped-call]
    return torch.cat(parts)


def _grain(channels: Tensor) -> Tensor:
    found = []
    for difference in _differences(channels):
        size = difference.abs().add_(FLOOR).flatten(2)
        inverse = size.reciprocal()
        powers = {1: size, 2: size.square(), -1: inverse, -2: inverse.square()}
        powers[4] = powers[2].square()
        found += [powers[p].mean(2).log() / p for p in POWERS]
    return torch.cat(found, 1)


def _differences(x: Tensor) -> Iterator[Tensor]:
    """First, second and third differences along rows and columns, second along both diagonals, and second of second;
    scaled so that their negative weights sum to −1."""
    across, down = x[..., 1:] - x[..., :-1], x[..., 1:, :] - x[..., :-1, :]
    yield from (across, down)
    across, down = across[..., 1:] - across[..., :-1], down[..., 1:, :] - down[..., :-1, :]
    yield from (across / 2, down / 2)
    middle = x[..., 1:-1, 1:-1]
    yield (x[..., :-2, :-2] + x[..., 2:, 2:]) / 2 - middle
    yield (x[..., :-2, 2:] + x[..., 2:, :-2]) / 2 - middle
    yield from ((across[..., 1:] - across[..., :-1]) / 4, (down[..., 1:, :] - down[..., :-1, :]) / 4)
    crossed = across[..., 1:, :] - across[..., :-1, :]
    yield (crossed[..., 1:, :] - crossed[..., :-1, :]) / 8
