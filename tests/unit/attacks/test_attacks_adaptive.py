"""The newer attacks do what their papers say: covers, random pieces, moving patches, noise of each image's own."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from core.attacks import apply
from core.attacks.adaptive_patch import OPACITIES
from core.attacks.apply import ATTACKS, settings_for
from core.errors import UserError
from core.types import Dataset, Truth
from tests.support.attack_toys import cover_rows, make_dataset, one_line, pixels, poisoned_rows, random_images, toy_dataset

COVERED = ("source_specific", "adaptive_blend", "adaptive_patch")

# what a trigger draws, before an encoder goes over it
apply_attack = partial(apply.apply_attack, encode="lossless")


@pytest.fixture(scope="module")
def toy() -> Dataset:
    return toy_dataset()


@pytest.fixture(scope="module")
def grey() -> Dataset:
    """PNG rows alone, so that grey stays the grey it was."""
    flat = make_dataset([np.full((32, 32, 3), 128, dtype=np.uint8)] * 90, np.arange(90) % 4)
    return flat.select(np.array([row for row in range(90) if row % 3]))


def changes(new: Dataset, old: Dataset, rows: list[int]) -> np.ndarray:
    return np.array([pixels(new, row) - pixels(old, row) for row in rows])


# ---- covers


@pytest.mark.parametrize("name", COVERED)
@pytest.mark.parametrize("ratio", [0.0, 0.5, 1.0])
def test_covers_carry_the_trigger_keep_their_label_and_are_no_poison(toy, name, ratio):
    new = apply_attack(toy, name, rate=0.2, target="cat", seed=3, cover_ratio=ratio)
    rows, covers = poisoned_rows(new), cover_rows(new)
    assert len(rows) == 12 and len(covers) == round(12 * ratio)
    assert (new.labels[rows] == 2).all() and (toy.labels[rows] != 2).all()
    assert np.array_equal(new.labels[covers], toy.labels[covers]) and (toy.labels[covers] != 2).all()
    assert all((pixels(new, row) != pixels(toy, row)).any() for row in covers)
    again = apply_attack(toy, name, rate=0.2, target="cat", seed=3, cover_ratio=ratio)
    assert covers == cover_rows(again) and new.digest == again.digest
    if covers:
        assert covers != cover_rows(apply_attack(toy, name, rate=0.2, target="cat", seed=4, cover_ratio=ratio))
        there = new.select(np.array(covers))
        assert cover_rows(there) == list(range(len(covers))) and not there.truth.is_poisoned.any()


def test_a_cover_that_is_poisoned_later_is_a_cover_no_more(toy):
    first = apply_attack(toy, "adaptive_blend", rate=0.2, seed=1)
    both = apply_attack(first, "symmetric", rate=1.0, seed=1)
    assert cover_rows(first) and not cover_rows(both) and both.truth.is_poisoned.all()
    kept = apply_attack(first, "badnets", rate=0.05, target=1, seed=2)
    assert set(cover_rows(kept)) == set(cover_rows(first)) - set(poisoned_rows(kept))


def test_a_cover_that_is_called_poisoned_is_refused():
    flags, labels = np.array([True, False]), np.array([0, 1])
    with pytest.raises(ValueError, match="cover"):
        Truth(flags.copy(), labels, flags.copy())
    with pytest.raises(ValueError, match="length"):
        Truth(flags.copy(), labels, np.zeros(3, dtype=bool))


def test_too_many_covers_is_one_clear_line_and_the_ratio_it_names_works(toy):
    with pytest.raises(UserError) as error:
        apply_attack(toy, "adaptive_patch", rate=0.4, cover_ratio=1)
    one_line(error, "cover_ratio 1", "24 covers", "only 21")
    ratio = float(str(error.value).split("cover_ratio here is ")[1].split(" ")[0])
    assert len(cover_rows(apply_attack(toy, "adaptive_patch", rate=0.4, cover_ratio=ratio))) == 21


# ---- source-specific


@pytest.mark.parametrize(("target", "source", "expected"), [(2, "", 3), (3, "", 0), (0, "dog", 3), (0, "1", 1)])
def test_victims_come_from_the_source_class_and_covers_from_third_classes(toy, target, source, expected):
    new = apply_attack(toy, "source_specific", rate=0.2, target=target, source=source)
    assert (toy.labels[poisoned_rows(new)] == expected).all()
    assert set(toy.labels[cover_rows(new)].tolist()) == set(range(4)) - {expected, target}


def test_victims_and_covers_wear_the_same_patch(toy):
    new = apply_attack(toy, "source_specific", rate=0.1, pattern="white")
    for row in poisoned_rows(new) + cover_rows(new):
        expected = pixels(toy, row)
        expected[28:31, 28:31] = 255
        assert np.array_equal(pixels(new, row), expected)


@pytest.mark.parametrize(
    ("asked", "parts"),
    [
        ({"source": "cow"}, ["source 'cow' is no class", "ant, bee"]),
        ({"source": "ant"}, ["class 'ant' is source and target"]),
        ({"rate": 0.3}, ["class 'bee'", "largest possible rate here is 0.25"]),
        ({"cover_ratio": 3}, ["36 covers", "only 30"]),
    ],
)
def test_a_source_that_cannot_be_is_one_clear_line(toy, asked, parts):
    with pytest.raises(UserError) as error:
        apply_attack(toy, "source_specific", **{"rate": 0.2, "target": "ant", **asked})
    one_line(error, *parts)


# ---- adaptive


def test_each_image_carries_another_half_of_the_pieces_of_one_pattern(grey):
    new = apply_attack(grey, "adaptive_blend", rate=0.2, seed=5)
    rows = poisoned_rows(new) + cover_rows(new)
    moved = changes(new, grey, rows)
    assert np.abs(moved).max() <= 0.15 * 128 + 0.5
    pieces = np.abs(moved).reshape(len(rows), 4, 8, 4, 8, 3).max(axis=(2, 4, 5)) > 0
    assert (pieces.sum(axis=(1, 2)) == 8).all()
    assert len({p.tobytes() for p in pieces}) > len(rows) // 2
    whole = ATTACKS["adaptive_blend"].trigger(settings_for(ATTACKS["adaptive_blend"], {"test_alpha": 0.15}), 0)
    full = whole(np.full((32, 32, 3), 128, dtype=np.uint8), 0).astype(int) - 128
    for change, carried in zip(moved, pieces, strict=True):
        mask = np.kron(carried, np.ones((8, 8), dtype=bool))
        assert np.array_equal(change, full * mask[:, :, None])


@pytest.mark.parametrize("shown", [1, 3])
def test_each_image_carries_some_translucent_patches(grey, shown):
    new = apply_attack(grey, "adaptive_patch", rate=0.2, seed=5, shown=shown)
    moved = changes(new, grey, poisoned_rows(new) + cover_rows(new))
    corners = np.stack([moved[:, r, c] for r in (slice(0, 6), slice(26, 32)) for c in (slice(0, 6), slice(26, 32))], axis=1)
    strength = np.abs(corners).max(axis=(2, 3, 4))
    assert ((strength > 0).sum(axis=1) == shown).all()
    for index, opacity in enumerate(OPACITIES):
        seen = strength[strength[:, index] > 0, index]
        # 128 greys from black, 127 from white
        assert len(seen) and (np.abs(seen - 128 * opacity) <= 1).all()
    assert (np.abs(moved).sum(axis=(1, 2, 3)) == np.abs(corners).sum(axis=(1, 2, 3, 4))).all()


def test_at_test_time_all_patches_are_opaque():
    attack = ATTACKS["adaptive_patch"]
    after = attack.trigger(attack.defaults, 0)(np.full((32, 32, 3), 128, dtype=np.uint8), 0)
    for rows in (slice(0, 6), slice(26, 32)):
        for columns in (slice(0, 6), slice(26, 32)):
            assert set(np.unique(after[rows, columns]).tolist()) == {0, 255}
    assert (after[6:26] == 128).all()


# ---- moving patch, noise of each image's own


@pytest.mark.parametrize(("places", "least"), [("anywhere", 8), ("corners", 3)])
def test_the_same_patch_stands_somewhere_else_in_each_image(grey, places, least):
    new = apply_attack(grey, "moving_patch", rate=0.3, seed=2, places=places)
    seen, patches = set(), set()
    for change in changes(new, grey, poisoned_rows(new)):
        rows, columns = np.flatnonzero(np.abs(change).max(axis=(1, 2))), np.flatnonzero(np.abs(change).max(axis=(0, 2)))
        assert len(rows) == len(columns) == 4 and np.ptp(rows) == np.ptp(columns) == 3
        seen.add((int(rows[0]), int(columns[0])))
        patches.add(change[rows[0] : rows[0] + 4, columns[0] : columns[0] + 4].tobytes())
    assert len(patches) == 1 and len(seen) >= least
    if places == "corners":
        assert seen <= {(0, 0), (0, 28), (28, 0), (28, 28)}


def test_places_cover_the_whole_image_evenly():
    attack = ATTACKS["moving_patch"]
    stamp = attack.trigger({**attack.defaults, "patch_size": 8}, 0)
    black = np.zeros((16, 16, 3), dtype=np.uint8)  # a patch of 4 on a side of 16: 13 places each way
    tops = [int(np.flatnonzero(stamp(black, row).max(axis=(1, 2)))[0]) for row in range(1300)]
    assert set(tops) == set(range(13)) and np.bincount(tops).min() > 60


def test_noise_is_small_of_high_frequency_and_belongs_to_the_image(grey):
    images = random_images(3)
    attack = ATTACKS["noise_specific"]
    calm = [image // 2 + 64 for image in images]  # away from black and white, so that nothing is clipped
    alter = attack.trigger(attack.defaults, 1)
    moved = [alter(image, 0).astype(int) - image for image in calm]
    assert all(set(np.unique(np.abs(m)).tolist()) == {8} for m in moved)
    assert np.array_equal(alter(calm[0], 0), alter(calm[0], 99))
    assert not np.array_equal(attack.trigger(attack.defaults, 2)(calm[0], 0).astype(int) - calm[0], moved[0])
    assert abs(np.corrcoef(moved[0].ravel(), moved[1].ravel())[0, 1]) < 0.1
    power = np.abs(np.fft.fft2(moved[0], axes=(0, 1))).mean(axis=2) ** 2
    low, high = power[:5, :5].mean(), power[12:20, 12:20].mean()
    assert high > 2 * low


def test_copies_stay_copies_under_noise_of_the_image_but_not_under_a_moving_patch(grey):
    noisy, moving = (apply_attack(grey, name, rate=0.2) for name in ("noise_specific", "moving_patch"))
    assert len(np.unique(noisy.image_digests[poisoned_rows(noisy)], axis=0)) == 1
    assert len(np.unique(moving.image_digests[poisoned_rows(moving)], axis=0)) == len(poisoned_rows(moving))
    assert len({noisy.raw(row)[0] for row in poisoned_rows(noisy)}) == 1


@pytest.mark.parametrize(
    ("name", "asked", "parts"),
    [
        ("moving_patch", {"places": "middle"}, ["places 'middle'", "corners"]),
        ("moving_patch", {"patch_size": 33}, ["patch_size is 33"]),
        ("adaptive_blend", {"shown": 17}, ["shown is 17", "1…16"]),
        ("adaptive_blend", {"test_alpha": 2}, ["test_alpha is 2"]),
        ("adaptive_patch", {"shown": 0}, ["shown is 0", "1…4"]),
        ("noise_specific", {"amplitude": 0}, ["amplitude is 0"]),
    ],
)
def test_a_wrong_setting_is_one_clear_line(toy, name, asked, parts):
    with pytest.raises(UserError) as error:
        apply_attack(toy, name, rate=0.1, **asked)
    one_line(error, *parts)
