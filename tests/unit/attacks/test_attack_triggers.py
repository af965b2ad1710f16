"""Triggers are those of their papers, and stay where they belong."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.attacks import apply
from core.attacks.apply import ATTACKS
from core.errors import UserError
from core.types import Dataset
from tests.support.attack_toys import (
    PIXEL,
    make_dataset,
    one_line,
    pixels,
    poisoned_rows,
    toy_dataset,
)

# what a trigger draws, before an encoder goes over it
apply_attack = partial(apply.apply_attack, encode="lossless")


@pytest.fixture(scope="module")
def toy() -> Dataset:
    return toy_dataset()


# ---- triggers


@pytest.mark.parametrize(
    ("position", "rows", "columns"),
    [
        ("bottom_right", slice(28, 31), slice(28, 31)),
        ("bottom_left", slice(28, 31), slice(1, 4)),
        ("top_left", slice(1, 4), slice(1, 4)),
        ("top_right", slice(1, 4), slice(28, 31)),
    ],
)
def test_patch_stays_inside_its_place(toy, position, rows, columns):
    new = apply_attack(toy, "badnets", rate=0.1, position=position)
    checker = np.array([[255, 0, 255], [0, 255, 0], [255, 0, 255]])
    for row in poisoned_rows(new):
        expected = pixels(toy, row)
        expected[rows, columns] = checker[:, :, None]
        assert np.array_equal(pixels(new, row), expected)


def test_white_patch_and_four_corners(toy):
    new = apply_attack(toy, "clean_label", rate=0.1, pattern="white")
    mask = np.zeros((32, 32), dtype=bool)
    for top in (0, 29):
        for left in (0, 29):
            mask[top : top + 3, left : left + 3] = True
    for row in poisoned_rows(new):
        after, before = pixels(new, row), pixels(toy, row)
        assert (after[mask] == 255).all() and np.array_equal(after[~mask], before[~mask])


@pytest.mark.parametrize(
    ("height", "width", "side", "gap"), [(64, 96, 6, 2), (224, 224, 21, 7), (16, 40, 2, 0), (4, 4, 1, 0), (1, 1, 1, 0)]
)
def test_patch_grows_with_the_image(height, width, side, gap):
    black = [np.zeros((height, width, 3), dtype=np.uint8)] * 8
    dataset = make_dataset(black, np.arange(8) % 4)
    new = apply_attack(dataset, "badnets", rate=0.1, pattern="white")
    expected = np.zeros((height, width, 3), dtype=int)
    expected[height - gap - side : height - gap, width - gap - side : width - gap] = 255
    row = poisoned_rows(new)[0]
    before = pixels(dataset, row)
    assert np.array_equal(pixels(new, row), np.maximum(expected, before))


@settings(max_examples=40, deadline=None)
@given(height=st.integers(1, 70), width=st.integers(1, 70), name=st.sampled_from(PIXEL))
def test_every_trigger_keeps_the_size_of_any_image(height, width, name):
    attack = ATTACKS[name]
    image = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    before = image.copy()
    image.setflags(write=False)
    changed = attack.trigger(attack.defaults, 0)(image, 0)
    assert changed.shape == image.shape and changed.dtype == np.uint8
    assert np.array_equal(image, before)


def test_a_patch_larger_than_the_image_is_one_clear_line(toy):
    with pytest.raises(UserError) as error:
        apply_attack(toy, "badnets", rate=0.1, patch_size=30, margin=3)
    one_line(error, "does not fit", "32×32")


@pytest.mark.parametrize("alpha", [0.1, 0.2, 0.5])
def test_blended_follows_its_formula_with_one_pattern_for_all(toy, alpha):
    new = apply_attack(toy, "blended", rate=0.2, alpha=alpha, seed=4)
    patterns = []
    for row in poisoned_rows(new):
        before, after = pixels(toy, row), pixels(new, row)
        assert 0 < np.abs(after - before).max() <= 255 * alpha + 0.5
        patterns.append((after - (1 - alpha) * before) / alpha)
    spread = np.ptp(np.array(patterns), axis=0)
    assert spread.max() <= 1.001 / alpha  # rounding of each image, over alpha


@pytest.mark.parametrize("name", ["sig", "sig_clean_label"])
def test_sig_is_the_papers_wave(name):
    grey = [np.full((20, 48, 3), 128, dtype=np.uint8)] * 24
    new = apply_attack(make_dataset(grey, np.arange(24) % 4), name, rate=0.2, delta=20, frequency=6)
    expected = np.empty((20, 48))
    for i in range(20):
        for j in range(48):
            expected[i, j] = 128 + 20 * np.sin(2 * np.pi * j * 6 / 48)
    for row in poisoned_rows(new):
        assert np.abs(pixels(new, row) - expected[:, :, None]).max() <= 0.5001
        assert np.abs(pixels(new, row) - 128).max() == 20


def test_sig_clips_and_stays_within_delta(toy):
    new = apply_attack(toy, "sig", rate=0.3)
    for row in poisoned_rows(new):
        assert np.abs(pixels(new, row) - pixels(toy, row)).max() <= 20


def test_wanet_is_one_smooth_small_field(toy):
    # two ramps show where each pixel was read from
    y, x = np.mgrid[0:64, 0:64] * 4
    ramps = [np.stack([x, y, np.zeros_like(x)], axis=-1).clip(0, 252).astype(np.uint8)] * 16
    dataset = make_dataset(ramps, np.arange(16) % 4)
    dataset = dataset.select(np.array([r for r in range(16) if r % 3]))  # PNG rows alone: exact ramps
    new = apply_attack(dataset, "wanet", rate=0.3, s=4.0, seed=1)
    rows = poisoned_rows(new)
    shifts = [(pixels(new, row) - pixels(dataset, row))[:, :, :2] / 4 for row in rows]
    assert all(np.array_equal(shift, shifts[0]) for shift in shifts)
    shift = shifts[0]
    assert 0.5 < np.abs(shift).mean() < 3  # about s/2 px
    assert np.abs(shift).max() < 6
    # neighbours are read from neighbouring places, in order: the field does not fold
    assert np.abs(np.diff(shift, axis=0)).max() <= 1 and np.abs(np.diff(shift, axis=1)).max() <= 1
    assert np.abs(shift - shift.mean(axis=(0, 1))).max() > 0.5  # no plain translation
    other = apply_attack(dataset, "wanet", rate=0.3, s=4.0, seed=2)
    assert not np.array_equal(pixels(other, poisoned_rows(other)[0]), pixels(new, rows[0]))


def test_wanet_leaves_a_flat_image_flat():
    grey = [np.full((32, 32, 3), 77, dtype=np.uint8)] * 8
    new = apply_attack(make_dataset(grey, np.arange(8) % 4), "wanet", rate=0.1)
    assert (pixels(new, poisoned_rows(new)[0]) == 77).all()


def test_clean_label_noise_is_under_the_patch_and_bounded(toy):
    new = apply_attack(toy, "clean_label", rate=0.1, noise=0.2, pattern="white")
    for row in poisoned_rows(new):
        after = pixels(new, row)
        assert (after[:3, :3] == 255).all()
        assert not np.array_equal(after[5:20, 5:20], pixels(toy, row)[5:20, 5:20])
