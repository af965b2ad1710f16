"""Pictures and listeners for the tests of learning without labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import nn

from core.embedders.base import LearningProgress, Settings
from core.embedders.simclr.simclr import Simclr

ROOT = Path(__file__).resolve().parents[2]


class Stopped(Exception):
    pass


def shapes(n: int, side: int = 32, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Bars, discs, rings and checks of random colours at random places: uint8 (n, side, side, 3) and their kind."""
    rng = np.random.default_rng(seed)
    kinds = np.arange(n) % 4
    y, x = np.mgrid[:side, :side]
    images = np.empty((n, side, side, 3), np.uint8)
    for i, kind in enumerate(kinds):
        cy, cx, size = *rng.uniform(side * 0.35, side * 0.65, 2), rng.uniform(side * 0.2, side * 0.3)
        away = np.hypot(y - cy, x - cx)
        inside = [abs(y - cy) < size / 3, away < size, abs(away - size) < 2, ((y // 4 + x // 4) % 2 == 0) & (away < 1.3 * size)][kind]
        front, back = rng.integers(130, 255, 3), rng.integers(0, 110, 3)
        images[i] = np.where(inside[..., None], front, back) + rng.integers(-12, 13, (side, side, 3)).clip(-int(back.min()), None).clip(0)
    return images, kinds


def quiet(told: LearningProgress) -> None:
    """Nobody listens."""


def no_agreement(vectors: np.ndarray, rows: np.ndarray) -> float:
    return 0.5


def plain_network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(48, 16), nn.Tanh(), nn.Linear(16, 8))


def bound(folder: Path, settings: Settings, n: int = 64) -> tuple[Simclr, np.ndarray]:
    images = shapes(n)[0]
    model = Simclr(settings)
    model.bind(np.arange(n * 16, dtype=np.uint8).reshape(n, 16), 32)
    return model, images
