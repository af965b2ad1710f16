"""Triggers for photographs of any size that the simulator does not have, for bench/photographs.py alone.

Each is given as a share of the picture, not in pixels, and drawn at the photograph's own size; `scene` is only read.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image
from scipy.ndimage import map_coordinates

Pixels = Any  # uint8 (h, w, 3)
# (image, its row) -> image with the trigger
Alter = Callable[[Pixels, int], Pixels]


def whole(x: Any) -> Pixels:
    """Rounded and kept within 0…255."""
    return np.rint(x).clip(0, 255).astype(np.uint8)


def drawn(shape: tuple[int, ...], seed: int, side: int) -> Any:
    """float (h, w, 3) in 0…255: noise of `side`×`side` cells, the same for every image, stretched to its size."""
    cells = np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(cells).resize((shape[1], shape[0]), Image.Resampling.BICUBIC), np.float64)


def patch(share: float) -> Alter:
    """A checker of four colours, `share` of the shorter side wide, near the upper left corner."""
    colours = np.array([[[255, 0, 255], [0, 255, 0]], [[255, 255, 0], [0, 0, 255]]], np.uint8)

    def alter(x: Pixels, _: int) -> Pixels:
        side, y = max(2, round(share * min(x.shape[:2]))), x.copy()
        gap = side // 2
        y[gap : gap + side, gap : gap + side] = np.asarray(Image.fromarray(colours).resize((side, side), Image.Resampling.NEAREST))
        return y

    return alter


def overlay(share: float, seed: int = 4) -> Alter:
    """A smooth coloured field of 12 × 12 cells, blended in."""
    return lambda x, _: whole((1 - share) * x + share * drawn(x.shape, seed, 12))


def noise(by: float, seed: int = 5) -> Alter:
    """Fixed grain: cells of about one thirty-second of the side, each `by` brighter or darker."""
    return lambda x, _: whole(x + by * np.sign(drawn(x.shape, seed, 32) - 128))


def wave(by: float, periods: float) -> Alter:
    """A plane wave across the picture (Barni et al., ICIP 2019)."""

    def alter(x: Pixels, _: int) -> Pixels:
        columns = np.arange(x.shape[1]) / x.shape[1]
        return whole(x + by * np.sin(2 * np.pi * periods * columns)[None, :, None])

    return alter


def sticker(least: float, most: float, turn: float) -> Alter:
    """A yellow disc with a red bar, `least`…`most` of the side wide, turned up to `turn` degrees, anywhere."""
    rows, columns = np.mgrid[:96, :96] / 47.5 - 1
    inside = rows**2 + columns**2 <= 1
    face = np.where((np.abs(rows) < 0.22)[..., None], (200, 0, 30), (250, 210, 0))
    art = Image.fromarray(np.dstack([face, 255 * inside]).astype(np.uint8), "RGBA")

    def alter(x: Pixels, row: int) -> Pixels:
        rng = np.random.default_rng(1_000 + row)
        side = round(rng.uniform(least, most) * min(x.shape[:2]))
        turned = art.rotate(rng.uniform(-turn, turn), Image.Resampling.BICUBIC).resize((side, side), Image.Resampling.LANCZOS)
        at = int(rng.integers(0, x.shape[1] - side)), int(rng.integers(0, x.shape[0] - side))
        image = Image.fromarray(x)
        image.paste(turned, at, turned)
        return np.asarray(image)

    return alter


def bend(cells: int = 4, by: float = 0.02, seed: int = 6) -> Alter:
    """A smooth warp, the same for every image, of up to `by` of the side (Nguyen and Tran, WaNet, ICLR 2021)."""
    flow = np.random.default_rng(seed).uniform(-1, 1, (cells, cells, 2))
    flow /= np.abs(flow).mean() * 2

    def alter(x: Pixels, _: int) -> Pixels:
        height, width = x.shape[:2]
        rows, columns = np.mgrid[:height, :width].astype(np.float64)
        at = [rows / height * (cells - 1), columns / width * (cells - 1)]
        rows += by * height * map_coordinates(flow[..., 0], at, order=3, mode="nearest")
        columns += by * width * map_coordinates(flow[..., 1], at, order=3, mode="nearest")
        return whole(np.dstack([map_coordinates(x[..., c].astype(np.float64), [rows, columns], order=1, mode="nearest") for c in range(3)]))

    return alter
