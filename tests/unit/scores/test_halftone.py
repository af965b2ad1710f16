"""Halftones: dots whose density tells the intensity; and the shift of features that they cause."""

from __future__ import annotations

import math
import sys

import numpy as np
import pytest

from core.scores.halftone_shift import halftone_shift
from core.views.halftone import CHUNK, halftone, thresholds


def random_pixels(n: int = 5, height: int = 12, width: int = 20, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (n, height, width, 3), dtype=np.uint8)


def test_same_shape_only_black_and_white_and_the_same_twice() -> None:
    pixels = random_pixels()
    before = pixels.copy()
    dots = halftone(pixels)
    assert dots.shape == pixels.shape and dots.dtype == np.uint8
    assert set(np.unique(dots)) == {0, 255}
    np.testing.assert_array_equal(dots, halftone(pixels))
    np.testing.assert_array_equal(pixels, before)


def test_density_tells_every_intensity() -> None:
    levels = np.arange(256, dtype=np.uint8)
    flat = np.tile(levels[:, None, None, None], (1, 16, 24, 3))
    density = (halftone(flat) == 255).mean(axis=(1, 2, 3))
    np.testing.assert_allclose(density, levels / 255, atol=1 / 64)
    assert density[0] == 0.0 and density[255] == 1.0
    assert (np.diff(density) >= 0).all()


def test_every_threshold_is_used_once_and_neighbours_differ() -> None:
    matrix = thresholds().astype(int)
    assert matrix.shape == (8, 8) and len(np.unique(matrix)) == 64
    # dots are spread: within every 2×2 square lie one threshold of each quarter of the range
    for row in range(0, 8, 2):
        for column in range(0, 8, 2):
            assert sorted((matrix[row : row + 2, column : column + 2] // 64).ravel()) == [0, 1, 2, 3]


def test_agreement_with_a_plain_loop() -> None:
    pixels, matrix = random_pixels(2, 9, 11), thresholds()
    dots = halftone(pixels)
    for image in range(2):
        for row in range(9):
            for column in range(11):
                for channel in range(3):
                    white = pixels[image, row, column, channel] > matrix[row % 8, column % 8]
                    assert dots[image, row, column, channel] == (255 if white else 0)


def test_many_images_are_the_same_as_one_by_one() -> None:
    pixels = random_pixels(CHUNK + 3, 2, 3)
    dots = halftone(pixels)
    for image in (0, CHUNK - 1, CHUNK, CHUNK + 2):
        np.testing.assert_array_equal(dots[image], halftone(pixels[image : image + 1])[0])


@pytest.mark.parametrize("shape", [(0, 4, 4, 3), (1, 1, 1, 3), (1, 7, 9, 3)])
def test_odd_sizes(shape: tuple[int, ...]) -> None:
    assert halftone(np.zeros(shape, np.uint8)).shape == shape


@pytest.mark.parametrize("pixels", [np.zeros((2, 4, 4, 3), np.float32), np.zeros((4, 4, 3), np.uint8)])
def test_other_values_are_refused(pixels: np.ndarray) -> None:
    with pytest.raises(ValueError, match="must be uint8"):
        halftone(pixels)


# ---- halftone_shift


def test_shift_agrees_with_a_plain_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[halftone_shift.__module__], "CHUNK", 7)
    rng = np.random.default_rng(0)
    one, other = (rng.normal(size=(30, 5)).astype(np.float32) for _ in range(2))
    found = halftone_shift(one, other)
    assert found.dtype == np.float32
    for row in range(30):
        a, b = one[row].tolist(), other[row].tolist()
        dot = sum(x * y for x, y in zip(a, b, strict=True))
        assert found[row] == pytest.approx(1 - dot / (math.hypot(*a) * math.hypot(*b)), abs=1e-6)


def test_a_moved_row_is_suspicious_and_a_longer_one_is_not() -> None:
    one = np.eye(4, dtype=np.float32)
    other = one.copy()
    other[1] *= 3
    other[2] = one[3]
    other[3] *= -1
    np.testing.assert_allclose(halftone_shift(one, other), [0, 0, 1, 2], atol=1e-6)


def test_rows_without_direction_are_not_scorable() -> None:
    one, other = np.ones((4, 3), np.float32), np.ones((4, 3), np.float32)
    one[0], other[1, 0], one[2, 1] = 0, np.nan, np.inf
    np.testing.assert_array_equal(np.isnan(halftone_shift(one, other)), [True, True, True, False])


def test_features_of_different_shape_are_refused() -> None:
    with pytest.raises(ValueError, match=r"both be \(n, D\)"):
        halftone_shift(np.zeros((3, 2), np.float32), np.zeros((3, 4), np.float32))
