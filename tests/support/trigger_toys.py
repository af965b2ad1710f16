"""Made-up pictures with natural statistics (power falling with frequency), and patterns to plant in them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.triggers import Mined, mine

SIDE = 32
CLASSES = 4
TARGET = 1


@dataclass
class Toy:
    """pixels uint8 (n, 32, 32, 3), labels as given, content class, vectors that see content alone."""

    pixels: np.ndarray
    labels: np.ndarray
    content: np.ndarray
    vectors: np.ndarray

    @property
    def suspect(self) -> np.ndarray:
        return self.labels != self.content

    def rows_of(self, content: int) -> np.ndarray:
        return np.flatnonzero(self.content == content)


def pictures(n: int = 1600, seed: int = 0) -> Toy:
    """1/f pictures; a class is a coarse colour, and its vector that class with noise."""
    rng = np.random.default_rng(seed)
    fy, fx = np.meshgrid(np.fft.fftfreq(SIDE), np.fft.rfftfreq(SIDE), indexing="ij")
    fall = 1.0 / np.maximum(np.hypot(fy, fx), 1 / SIDE) ** 1.3
    spectrum = rng.normal(size=(n, 3, SIDE, SIDE // 2 + 1)) + 1j * rng.normal(size=(n, 3, SIDE, SIDE // 2 + 1))
    field = np.fft.irfft2(spectrum * fall, s=(SIDE, SIDE))
    field /= field.std(axis=(2, 3), keepdims=True)
    content = rng.integers(0, CLASSES, n)
    hue = rng.normal(size=(CLASSES, 3)) * 20
    texture = rng.uniform(20, 60, (n, 1, 1, 1))
    image = 128 + field * texture + hue[content][:, :, None, None] + rng.normal(0, 2, (n, 3, SIDE, SIDE))
    vectors = np.eye(CLASSES, 16)[content] * 3 + rng.normal(0, 0.5, (n, 16))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    pixels = np.clip(image, 0, 255).round().astype(np.uint8).transpose(0, 2, 3, 1)
    return Toy(np.ascontiguousarray(pixels), content.copy(), content, vectors.astype(np.float32))


def checker(size: int = 3) -> np.ndarray:
    """A black-and-white patch, uint8 (size, size, 3)."""
    cells = (np.indices((size, size)).sum(0) % 2 * 255).astype(np.uint8)
    return np.repeat(cells[:, :, None], 3, axis=2)


def stamp(toy: Toy, rows: np.ndarray, patch: np.ndarray, places: np.ndarray) -> None:
    """Put the patch on `rows` at `places` (m, 2), top left."""
    size = len(patch)
    for row, (r, c) in zip(rows, places, strict=True):
        toy.pixels[row, r : r + size, c : c + size] = patch


def add(toy: Toy, rows: np.ndarray, signal: np.ndarray) -> None:
    """Add a signal in grey levels, (32, 32, 3) or broadcastable."""
    toy.pixels[rows] = np.clip(toy.pixels[rows] + signal, 0, 255).round().astype(np.uint8)


def wave(delta: float = 20.0, frequency: float = 6.0) -> np.ndarray:
    """A vertical-striped sine, (1, 32, 1)."""
    return (delta * np.sin(2 * np.pi * frequency * np.arange(SIDE) / SIDE))[None, :, None]


def mined(toy: Toy, **given: object) -> Mined:
    return mine(toy.pixels, toy.labels, CLASSES, toy.suspect, toy.vectors, **given)  # type: ignore[arg-type]


def poisoned(toy: Toy, count: int, *, content: int | None = None, seed: int = 1) -> np.ndarray:
    """Rows of other classes (or of one), to be given the target's label."""
    pool = np.flatnonzero(toy.content != TARGET) if content is None else toy.rows_of(content)
    return np.sort(np.random.default_rng(seed).choice(pool, count, replace=False))
