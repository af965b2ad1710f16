"""Draw a finding: the pattern as it lies on the images, its mask, its z-map, its spectrum, and what kind it is."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from ..types import Float32, Int32, Int64, UInt8
from .settings import MiningSettings
from .spaces import WINDOW, Space, batches, cosine_basis, log_energy

Real = NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class Picture:
    """The visible parts of a Finding; see there."""

    kind: str
    pattern: Float32
    mask: Float32
    z_map: Float32
    spectrum: Float32
    places: Int32


def draw(pixels: UInt8, triggered: Int64, matches: Int64, space: Space, direction: torch.Tensor, settings: MiningSettings) -> Picture:
    """triggered: rows with the pattern.  matches: rows of like content without it, any number for each."""
    chosen = triggered[: settings.most_drawn]
    if space.name == "window":
        return _moving(pixels, chosen, space, direction)
    if space.name == "energy":
        return _amount(pixels, chosen, matches, settings)
    pattern, z = _difference(pixels, chosen, matches, settings.sure)
    strongest = np.take_along_axis(z, np.abs(z).argmax(2)[:, :, None], axis=2)[:, :, 0]
    kind = _kind(pattern, settings)
    return _picture(kind, pattern, _mask(strongest, settings.mask_at, smooth=kind != "patch"), strongest)


def _picture(kind: str, pattern: Real, mask: Real, z_map: Real, places: Int32 | None = None) -> Picture:
    power = np.abs(np.fft.fftshift(np.fft.fft2(pattern.mean(2)))) ** 2
    return Picture(
        kind,
        pattern.astype(np.float32),
        mask.astype(np.float32),
        z_map.astype(np.float32),
        np.log10(power + 1e-8).astype(np.float32),
        np.zeros((0, 2), np.int32) if places is None else places,
    )


def _mean(pixels: UInt8, rows: Int64) -> tuple[torch.Tensor, torch.Tensor]:
    total, square = torch.zeros(1), torch.zeros(1)
    for x in batches(pixels, rows, torch.device("cpu")):
        total, square = total + x.sum(0), square + x.square().sum(0)
    mean = total / max(len(rows), 1)
    return mean, (square / max(len(rows), 1) - mean.square()).clamp_min(1e-6)


def _difference(pixels: UInt8, triggered: Int64, matches: Int64, sure: float) -> tuple[Float32, Float32]:
    """(pattern, z), both float32 (h, w, 3): the triggered rows' mean minus that of like content, noise shrunk away.

    Noise is removed in pixels or in frequencies, wherever less of it, and more of the pattern, is left.
    """
    mean, variance = _mean(pixels, triggered)
    like, like_variance = _mean(pixels, matches) if len(matches) else (torch.full_like(mean, 0.5), variance)
    error = (variance / len(triggered) + like_variance / max(len(matches), 1)).sqrt()
    difference = mean - like
    basis = cosine_basis(difference.shape[-1], difference.device)
    waves = basis @ difference @ basis.T
    noise = _wave_noise(pixels, triggered, basis) * math.sqrt(1 + len(triggered) / max(len(matches), 1))
    by_pixel, kept = _shrink(difference, error, sure), _shrink(waves, noise, sure)
    if _risk(difference, by_pixel, error) <= _risk(waves, kept, noise):
        pattern, z = by_pixel, by_pixel / error
    else:
        # of the noise too only the waves that were kept are in the picture
        left = basis.T.square() @ (_gain(waves, kept) * noise).square() @ basis.square()
        pattern = basis.T @ kept @ basis
        z = pattern / left.sqrt().clamp_min(1e-6)
    return pattern.permute(1, 2, 0).numpy(), z.permute(1, 2, 0).numpy()


def _wave_noise(pixels: UInt8, rows: Int64, basis: torch.Tensor) -> torch.Tensor:
    total, square = torch.zeros(1), torch.zeros(1)
    for x in batches(pixels, rows, torch.device("cpu")):
        c = basis @ x @ basis.T
        total, square = total + c.sum(0), square + c.square().sum(0)
    n = max(len(rows), 1)
    return ((square / n - (total / n).square()).clamp_min(1e-9) / n).sqrt()


def _shrink(values: torch.Tensor, error: torch.Tensor, sure: float) -> torch.Tensor:
    """Wiener's gain, signal / (signal + noise), with both powers averaged over 3×3 neighbours and the channels."""
    power = F.avg_pool2d(F.pad(values.square().mean(0)[None, None], (1, 1, 1, 1), mode="replicate"), 3, 1)[0]
    noise = F.avg_pool2d(F.pad(error.square().mean(0)[None, None], (1, 1, 1, 1), mode="replicate"), 3, 1)[0]
    shrunk: torch.Tensor = values * (1 - sure * noise / power.clamp_min(1e-12)).clamp_min(0)
    return shrunk


def _risk(values: torch.Tensor, kept: torch.Tensor, error: torch.Tensor) -> float:
    """What shrinking is expected to err by: Stein's unbiased estimate (1981), up to a constant that no basis changes.

    It counts what is thrown away as well as the noise that stays, so a faint pattern over the whole picture is not
    mistaken for the few pixels of it that stand out of the noise.
    """
    return float((values - kept).double().square().sum() + 2 * (_gain(values, kept) * error.square()).double().sum())


def _gain(values: torch.Tensor, kept: torch.Tensor) -> torch.Tensor:
    """What `kept` is of `values`, 0…1."""
    return torch.where(values == 0, torch.zeros_like(values), kept / values).clamp(0, 1)


def _mask(z: Float32, half: float, *, smooth: bool) -> Real:
    """0…1, 0.5 where |z| is `half`; a pattern over the whole picture is measured by its 5×5 surroundings, root mean square."""
    if smooth:
        power = torch.from_numpy(np.square(z))[None, None]
        z = F.avg_pool2d(F.pad(power, (2, 2, 2, 2), mode="reflect"), 5, 1)[0, 0].sqrt().numpy() * 2
    return np.clip((np.abs(z) - half) / 2 + 0.5, 0, 1)


def _kind(pattern: Float32, settings: MiningSettings) -> str:
    power = np.abs(np.fft.fft2(pattern.mean(2))) ** 2
    power[0, 0] = 0
    loud = np.square(pattern).sum(2)
    spread = float(loud.sum() ** 2 / max(loud.size * np.square(loud).sum(), 1e-30))
    if spread <= settings.small:
        return "patch"
    return "periodic" if np.sort(power.ravel())[-8:].sum() > settings.few_waves * power.sum() else "overlay"


def _amount(pixels: UInt8, triggered: Int64, matches: Int64, settings: MiningSettings) -> Picture:
    """No shape, but how much more fine detail (logarithm) triggered images hold than images of like content, place by place."""
    side = pixels.shape[1]
    mean, error = _mean_amount(pixels, triggered)
    like, like_error = _mean_amount(pixels, matches) if len(matches) else (mean, error)
    more = mean - like
    z = more / (error.square() + like_error.square()).sqrt().clamp_min(1e-6)
    shown, sure = (F.interpolate(x[None, None], size=(side, side), mode="nearest")[0, 0].numpy() for x in (more, z))
    kind = "resampling" if float(more.mean()) < 0 else "texture"
    return _picture(kind, np.repeat(shown[:, :, None], 3, axis=2), _mask(sure, settings.mask_at, smooth=True), sure)


def _mean_amount(pixels: UInt8, rows: Int64) -> tuple[torch.Tensor, torch.Tensor]:
    """(mean, standard error) of the logarithm of fine detail in each cell, over rows and directions."""
    amounts = torch.cat([log_energy(x).mean(1) for x in batches(pixels, rows, torch.device("cpu"))])
    return amounts.mean(0), amounts.std(0, correction=0) / math.sqrt(max(len(rows), 1))


def _moving(pixels: UInt8, triggered: Int64, space: Space, direction: torch.Tensor) -> Picture:
    """The mean window of the triggered rows, shown in the middle of an empty picture."""
    assert space.places is not None
    side, half = pixels.shape[1], WINDOW // 2
    places = torch.cat([space.places(x, direction) for x in batches(pixels, triggered, space.device)]).cpu().numpy()
    padded = np.pad(pixels[triggered], ((0, 0), (half, half), (half, half), (0, 0)), mode="edge").astype(np.float32) / 255
    windows = np.stack([padded[i, r : r + WINDOW, c : c + WINDOW] for i, (r, c) in enumerate(places)])
    mean, spread = windows.mean(0), windows.std(0)
    pattern, z_map, mask = np.zeros((side, side, 3)), np.zeros((side, side)), np.zeros((side, side))
    at = slice(side // 2 - half, side // 2 - half + WINDOW)
    # what is the same in every triggered image belongs to the patch, what varies is the picture under it
    fixed = (spread.mean(2) < 0.5 * np.median(pixels[triggered].std(0) / 255)).astype(np.float32)
    pattern[at, at] = (mean - mean.mean()) * fixed[:, :, None]
    z_map[at, at] = (mean - mean.mean()).mean(2) / np.maximum(spread.mean(2) / math.sqrt(len(triggered)), 1e-3)
    mask[at, at] = fixed
    return _picture("moving_patch", pattern, mask, z_map, places.astype(np.int32))
