"""First guesses: which rows of a class might share a planted pattern."""

from __future__ import annotations

import torch
from numpy.typing import NDArray

from ..types import UInt8
from .settings import MiningSettings
from .spaces import each_batch, equal_contrast, high_pass

Tensor = torch.Tensor


def tail_seeds(group: Tensor, rest: Tensor, settings: MiningSettings) -> tuple[list[Tensor], list[str]]:
    """Coordinates in which more rows of the class lie far out on one side than the rest predicts; weights (n,) each.

    A patch makes the pixels that it covers loud, always with the same sign.
    """
    middle = rest.median(0).values
    spread = (rest - middle).abs().median(0).values * 1.4826 + 1e-3
    high, low = middle + settings.tail * spread, middle - settings.tail * spread
    found = []
    for far, far_rest in ((group > high, rest > high), (group < low, rest < low)):
        share, expected = far.float().mean(0), far_rest.float().mean(0) + 1 / len(rest)
        z = (share - expected) / (expected / len(group)).sqrt()
        found.append(torch.where(share * len(group) >= settings.least_seed_rows - 0.5, z, torch.zeros_like(z)))
    stacked = torch.stack(found)
    best, at = stacked.flatten().topk(min(settings.most_tails, stacked.numel()))
    weights, names = [], []
    for z, i in zip(best.tolist(), at.tolist(), strict=True):
        if z >= settings.least_tail_z:
            negative, coordinate = divmod(i, stacked.shape[1])
            column = group[:, coordinate]
            weights.append((column < low[coordinate] if negative else column > high[coordinate]).float())
            names.append(f"tail {coordinate}")
    return weights, names


def waves(pixels: UInt8, rows: NDArray, device: torch.device) -> Tensor:  # type: ignore[type-arg]
    """Fourier coefficients of the brightness of high-passed images with equal contrast, complex (m, f)."""

    def transformed(x: Tensor) -> Tensor:
        coefficients: Tensor = torch.fft.rfft2(equal_contrast(high_pass(x)).mean(1), norm="ortho")
        return coefficients.flatten(1)

    return torch.cat(each_batch(transformed, pixels, rows, device))


def wave_seeds(group: Tensor, rest: Tensor, settings: MiningSettings) -> tuple[list[Tensor], list[str]]:
    """Frequencies whose strong rows in the class share one phase; a Rayleigh test against the rest's mean phase.

    Natural texture starts anywhere; a planted wave starts at the same place in every image.
    """
    usual = rest.abs().median(0).values + 1e-6
    strong, strong_rest = group.abs() > settings.wave_tail * usual, rest.abs() > settings.wave_tail * usual
    phase, phase_rest = group / group.abs().clamp_min(1e-9), rest / rest.abs().clamp_min(1e-9)
    count = strong.sum(0)
    natural = (phase_rest * strong_rest).sum(0) / strong_rest.sum(0).clamp_min(1)
    total = (phase * strong).sum(0)
    z = (total - count * natural).abs() / count.clamp_min(1).sqrt()
    z = torch.where(count >= settings.least_seed_rows, z, torch.zeros_like(z))
    best, at = z.topk(min(settings.most_waves, len(z)))
    weights, names = [], []
    for value, i in zip(best.tolist(), at.tolist(), strict=True):
        if value >= settings.least_wave_z:
            along = (group[:, i] * (total[i] / total[i].abs()).conj()).real
            weights.append((along > settings.wave_core * usual[i]).float())
            names.append(f"wave {i}")
    return weights, names
