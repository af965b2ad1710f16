"""Ways to look at one image: each against a plain loop, and on sizes that break careless code."""

from __future__ import annotations

import math

import numpy as np
import pytest

from core.views import boxes, cover, difference, heat_over, high_pass, occlusion, outlined, reduced, spectrum
from core.views.detail import colour, log_power
from core.views.occlusion import cosine_distance, starts


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


SHAPES = [(1, 1, 3), (3, 200, 3), (200, 3, 3), (1, 7, 3), (32, 32, 3), (9, 6), (9, 6, 1)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_every_view_takes_odd_sizes_and_grey_and_returns_a_picture_of_that_size(shape):
    image = noise(*shape)
    for view in (high_pass(image), spectrum(image), difference(image, np.stack([image, image]))):
        assert view.picture.shape == (*shape[:2], 3) and view.picture.dtype == np.uint8


@pytest.mark.parametrize("wrong", [(0, 4, 3), (4, 4, 4), (4,), (2, 4, 4, 3)], ids=str)
def test_what_is_no_image_is_refused(wrong):
    with pytest.raises(ValueError, match="an image is"):
        high_pass(np.zeros(wrong, np.uint8))


# ---- working size


def test_reduced_is_the_mean_of_whole_blocks():
    image = noise(7, 10, 3)
    small, factor = reduced(image, 4)
    assert factor == 3 and small.shape == (3, 4, 3)
    for row in range(3):
        for column in range(4):
            for channel in range(3):
                levels = [int(image[min(3 * row + i, 6), min(3 * column + j, 9), channel]) for i in range(3) for j in range(3)]
                assert abs(int(small[row, column, channel]) - sum(levels) / 9) <= 0.5 + 1e-9


def test_small_images_keep_every_pixel():
    image = noise(3, 200, 3)
    same, factor = reduced(image, 200)
    assert factor == 1 and same is image


def test_a_huge_image_comes_to_working_size():
    image = np.zeros((4000, 4000, 3), dtype=np.uint8)
    image[2000:] = 200
    small, factor = reduced(image, 1024)
    assert (factor, small.shape) == (4, (1000, 1000, 3))
    assert (small[:500] == 0).all() and (small[500:] == 200).all()
    assert reduced(noise(3, 5000), 1024)[0].shape == (1, 1000)


# ---- fine detail


def test_high_pass_equals_the_loop():
    image = noise(6, 8, 3)
    view = high_pass(image)
    weights = [1, 4, 6, 4, 1]
    for row in range(6):
        for column in range(8):
            for channel in range(3):
                blur = sum(
                    weights[i] * weights[j] * float(image[min(max(row + i - 2, 0), 5), min(max(column + j - 2, 0), 7), channel])
                    for i in range(5)
                    for j in range(5)
                )
                level = 128 + view.gain * (float(image[row, column, channel]) - blur / 256)
                assert abs(min(max(level, 0), 255) - int(view.picture[row, column, channel])) <= 0.51


def test_an_even_image_has_no_detail_and_a_planted_dot_is_the_only_one():
    even = np.full((20, 20, 3), 90, np.uint8)
    assert (high_pass(even).picture == 128).all() and high_pass(even).gain == 1
    even[11, 4] = 110
    found = np.abs(high_pass(even).picture.astype(int) - 128).max(axis=2)
    assert np.unravel_index(found.argmax(), found.shape) == (11, 4)
    assert (found[:8] == 0).all() and (found[:, 8:] == 0).all()


def test_faint_detail_is_amplified_and_strong_detail_is_not():
    faint, strong = np.full((16, 16, 3), 100, np.uint8), np.zeros((16, 16, 3), np.uint8)
    faint[::2], strong[::2] = 102, 255
    assert high_pass(faint).gain >= 16 and high_pass(strong).gain <= 1


# ---- frequencies


@pytest.mark.parametrize("shape", [(5, 6), (4, 4), (1, 3)], ids=str)
def test_log_power_equals_the_fourier_sum(shape):
    image = noise(*shape, 3)
    h, w = shape
    found = log_power(image)
    mean = image.reshape(-1, 3).mean(0)
    for v in range(h):
        for u in range(w):
            power = 0.0
            for channel in range(3):
                total = sum(
                    (float(image[y, x, channel]) - mean[channel]) * np.exp(-2j * math.pi * (v * y / h + u * x / w))
                    for y in range(h)
                    for x in range(w)
                )
                power += abs(total) ** 2
            # zero frequency in the middle
            at = ((v + h // 2) % h, (u + w // 2) % w)
            assert 10.0 ** found[at] == pytest.approx(max(power, 1e-6), rel=1e-3, abs=1e-5)


def test_a_planted_wave_is_the_brightest_place():
    y, x = np.mgrid[0:32, 0:32]
    wave = np.clip(128 + 20 * np.sin(2 * np.pi * (6 * x + 3 * y) / 32), 0, 255).astype(np.uint8)
    levels = spectrum(wave).picture[:, :, 0].astype(int)
    brightest = {tuple(place) for place in np.argwhere(levels == 255)}
    assert brightest == {(16 + 3, 16 + 6), (16 - 3, 16 - 6)}


def test_an_even_image_has_a_black_spectrum():
    assert (spectrum(np.full((17, 32, 3), 77, np.uint8)).picture == 0).all()


# ---- difference


def test_difference_equals_the_loop():
    image, others = noise(4, 5, 3), noise(3, 4, 5, 3, seed=1)
    view = difference(image, others)
    for place in np.ndindex(4, 5, 3):
        mean = sum(float(other[place]) for other in others) / 3
        level = 128 + view.gain * (float(image[place]) - mean)
        assert abs(min(max(level, 0), 255) - int(view.picture[place])) <= 0.51


def test_difference_is_signed():
    others = np.full((2, 8, 8, 3), 100, np.uint8)
    image = np.full((8, 8, 3), 100, np.uint8)
    assert (difference(image, others).picture == 128).all()
    image[2, 2], image[5, 5] = 130, 70
    view = difference(image, others)
    assert view.picture[2, 2, 0] > 128 > view.picture[5, 5, 0]


@pytest.mark.parametrize(("shape", "line"), [((2, 4, 6, 3), "bring them to one size"), ((0, 4, 5, 3), "at least one other")])
def test_difference_refuses_what_cannot_be_compared(shape, line):
    with pytest.raises(ValueError, match=line):
        difference(noise(4, 5, 3), np.zeros(shape, np.uint8))


# ---- occlusion


def pixels_as_features(batch: np.ndarray) -> np.ndarray:
    return batch.reshape(len(batch), -1).astype(np.float32)


def test_occlusion_equals_the_loop():
    image = noise(9, 7, 3)
    found = occlusion(pixels_as_features, image, patch=4, stride=3)
    plain = image.ravel().astype(float)
    total, count = np.zeros((9, 7)), np.zeros((9, 7))
    for a, top in enumerate((0, 3, 5)):
        for b, left in enumerate((0, 3)):
            covered = image.astype(float).copy()
            ring = [
                image[y, x].astype(float)
                for y in range(max(0, top - 2), min(9, top + 6))
                for x in range(max(0, left - 2), min(7, left + 6))
                if not (top <= y < top + 4 and left <= x < left + 4)
            ]
            covered[top : top + 4, left : left + 4] = np.rint(np.mean(ring, axis=0))
            vector = covered.ravel()
            distance = 1 - vector @ plain / np.sqrt((vector @ vector) * (plain @ plain))
            assert found.distances[a, b] == pytest.approx(distance, abs=1e-6)
            total[top : top + 4, left : left + 4] += distance
            count[top : top + 4, left : left + 4] += 1
    assert found.distances.shape == (3, 2)
    assert np.allclose(found.heat, total / count, atol=1e-6)


def test_occlusion_finds_the_place_that_the_features_read():
    def corner(batch):
        # reads the lower right corner and, faintly, everything
        return np.c_[batch[:, 24:28, 25:29].mean((1, 2, 3)), batch.mean((1, 2, 3)), np.full(len(batch), 20.0)]

    image = np.full((32, 32, 3), 40, np.uint8)
    image[24:28, 25:29] = 255
    found = occlusion(corner, image, 8, 4)
    top, left = np.unravel_index(found.heat.argmax(), found.heat.shape)
    assert 20 <= top <= 28 and 20 <= left <= 29
    assert found.heat[:16, :16].max() < 0.05 * found.heat.max()


@pytest.mark.parametrize("shape", [(1, 1, 3), (3, 200, 3), (5, 5, 3)], ids=str)
def test_occlusion_takes_images_smaller_than_the_patch(shape):
    found = occlusion(pixels_as_features, noise(*shape), 8, 4)
    assert found.heat.shape == shape[:2] and np.isfinite(found.heat).all()
    assert found.covered.shape == (found.distances.size, math.prod(shape))


def test_every_pixel_is_covered_once_or_more():
    for length in range(1, 40):
        held = {p for top in starts(length, 8, 3) for p in range(top, min(length, top + 8))}
        assert held == set(range(length))


def test_a_cover_changes_its_square_alone_and_leaves_the_image():
    image = noise(20, 20, 3)
    before = image.copy()
    covered = cover(image, 5, 15, 8)
    assert np.array_equal(image, before)
    changed = (covered != image).any(axis=2)
    changed[5:13, 15:] = False
    assert not changed.any()
    assert (covered[5:13, 15:] == covered[5, 15]).all()


def test_cosine_distance_of_zero_vectors_is_a_number():
    assert cosine_distance(np.zeros((1, 3)), np.zeros(3)).tolist() == [0]
    assert cosine_distance(np.ones((1, 3)), np.zeros(3)).tolist() == [1]
    assert cosine_distance(-np.ones((1, 3)), np.ones(3)) == pytest.approx([2])


@pytest.mark.parametrize(("patch", "stride"), [(0, 1), (4, 0)])
def test_occlusion_refuses_steps_that_lead_nowhere(patch, stride):
    with pytest.raises(ValueError, match="at least 1"):
        occlusion(pixels_as_features, noise(4, 4, 3), patch, stride)


# ---- marks


def test_heat_is_amber_where_it_is_most_and_blue_below_nothing():
    image = np.full((1, 3, 3), 100, np.uint8)
    (most, none, least) = heat_over(image, np.array([[2.0, 0.0, -2.0]], np.float32), most=2.0)[0].astype(int)
    assert most[0] > most[2] and least[2] > least[0]
    assert none.tolist() == [45, 45, 45]
    assert (heat_over(image, np.zeros((1, 3), np.float32), most=0.0) == 45).all()


def test_an_outline_lies_outside_and_the_rest_is_the_image_enlarged():
    image = noise(10, 12, 3)
    region = np.zeros((10, 12), bool)
    region[4:7, 5:8] = True
    drawn = outlined(image, region, 6)
    assert drawn.shape == (60, 72, 3)
    for y, x in np.argwhere(region):
        assert (drawn[6 * y : 6 * y + 6, 6 * x : 6 * x + 6] == image[y, x]).all()
    # a white line touches the region, a black one touches the white
    assert (drawn[22:24, 30:48] == 255).all() and (drawn[20:22, 30:48] == 0).all()
    assert np.array_equal(drawn[:20], np.repeat(np.repeat(image, 6, 0), 6, 1)[:20])


def test_a_region_of_another_size_is_spread_over_the_image():
    region = np.zeros((4, 4), bool)
    region[3, 3] = True
    drawn = outlined(np.full((8, 8, 3), 90, np.uint8), region, 10)
    assert (drawn[60:, 60:] == 90).all() and (drawn[58:60, 62:] == 255).all()


def test_nothing_to_outline_leaves_the_image():
    image = noise(5, 5)
    assert np.array_equal(outlined(image, np.zeros((5, 5), bool), 1), colour(image).astype(np.uint8))


def test_boxes_are_cut_at_the_edge():
    region = boxes((10, 10), np.array([[0, 0], [5, 9]], np.int32), (3, 4))
    expected = np.zeros((10, 10), bool)
    for middle in ((0, 0), (5, 9)):
        for row in range(middle[0] - 1, middle[0] + 2):
            for column in range(middle[1] - 2, middle[1] + 2):
                if 0 <= row < 10 and 0 <= column < 10:
                    expected[row, column] = True
    assert np.array_equal(region, expected)
