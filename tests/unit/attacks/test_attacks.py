"""The simulator changes what its truth says, and nothing else."""

from __future__ import annotations

import pickle
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from core.attacks.apply import ALIASES, ATTACKS, apply_attack, find_attack
from core.errors import UserError
from core.types import Dataset, Truth, content_digest
from tests.support.attack_toys import (
    CLEAN,
    DIRTY,
    DRAWN,
    PIXEL,
    cover_rows,
    make_dataset,
    one_line,
    pixels,
    poisoned_rows,
    random_images,
    toy_dataset,
)


@pytest.fixture(scope="module")
def toy() -> Dataset:
    return toy_dataset()


# ---- changed rows are the truth's rows, and nothing else changes


@pytest.mark.parametrize("name", DRAWN)
def test_changed_rows_are_the_poisoned_ones_and_the_rest_is_untouched(toy, name):
    rate = 0.2
    new = apply_attack(toy, name, rate=rate, target="bee", seed=3)
    rows, covers = poisoned_rows(new), cover_rows(new)
    assert len(rows) == 12 and not set(rows) & set(covers)
    assert new.ids == toy.ids and new.classes == toy.classes
    assert np.array_equal(new.truth.original_labels, toy.labels)
    for row in range(60):
        changed_label = new.labels[row] != toy.labels[row]
        changed_pixels = not np.array_equal(pixels(new, row), pixels(toy, row))
        changed_digest = not np.array_equal(new.image_digests[row], toy.image_digests[row])
        assert (changed_label or changed_pixels) == (row in rows or row in covers)
        assert changed_pixels == changed_digest == (row in covers or (row in rows and name in PIXEL))
        assert not (changed_label and row in covers)
        if not changed_pixels:
            assert new.raw(row) == toy.raw(row)
        else:
            data, suffix = new.raw(row)
            assert suffix == toy.raw(row)[1] and np.array_equal(np.asarray(Image.open(BytesIO(data))), pixels(new, row))
    assert new.digest == content_digest(new.ids, new.labels, new.classes, new.image_digests) != toy.digest


@pytest.mark.parametrize("name", DIRTY)
def test_dirty_label_victims_come_from_other_classes_and_become_the_target(toy, name):
    new = apply_attack(toy, name, rate=0.2, target=2, seed=1)
    rows = poisoned_rows(new)
    assert (toy.labels[rows] != 2).all() and (new.labels[rows] == 2).all()


@pytest.mark.parametrize("name", CLEAN)
def test_clean_label_attacks_keep_every_label(toy, name):
    new = apply_attack(toy, name, rate=0.25, target=3)
    assert np.array_equal(new.labels, toy.labels)
    assert poisoned_rows(new) == np.flatnonzero(toy.labels == 3).tolist()


@settings(max_examples=60, deadline=None)
@given(
    name=st.sampled_from(("badnets", "all_to_all", "symmetric", "pair_flip")),
    rate=st.floats(0.001, 0.5),
    target=st.integers(0, 3),
    seed=st.integers(0, 2**40),
)
def test_a_flip_never_keeps_its_label_and_the_rate_is_kept(toy, name, rate, target, seed):
    new = apply_attack(toy, name, rate=rate, target=target, seed=seed)
    flipped = np.flatnonzero(new.labels != toy.labels)
    assert flipped.tolist() == poisoned_rows(new)
    assert len(flipped) == max(1, round(rate * 60))
    assert new.labels.min() >= 0 and new.labels.max() < 4


@pytest.mark.parametrize("name", ["pair_flip", "all_to_all"])
def test_next_class_attacks_go_one_step_round(toy, name):
    new = apply_attack(toy, name, rate=0.5, seed=2)
    rows = poisoned_rows(new)
    assert np.array_equal(new.labels[rows], (toy.labels[rows] + 1) % 4)


def test_pair_flip_of_everything_in_a_balanced_set_keeps_the_label_counts(toy):
    new = apply_attack(toy, "pair_flip", rate=1)
    assert np.array_equal(np.bincount(new.labels), np.bincount(toy.labels))
    assert (new.labels != toy.labels).all()


def test_symmetric_noise_reaches_every_other_class(toy):
    new = apply_attack(toy, "symmetric", rate=1, seed=0)
    steps = (new.labels - toy.labels) % 4
    assert set(steps.tolist()) == {1, 2, 3}


# ---- determinism


@pytest.mark.parametrize("name", DRAWN)
def test_same_seed_same_set_other_seed_other_rows(toy, name):
    first, again, other = (apply_attack(toy, name, rate=0.1, seed=seed) for seed in (5, 5, 6))
    assert first.digest == again.digest != other.digest
    assert poisoned_rows(first) == poisoned_rows(again) != poisoned_rows(other)
    for row in poisoned_rows(first):
        assert first.raw(row) == again.raw(row)


def test_settings_and_seed_change_the_digest_of_changed_images_only(toy):
    mild, strong = (apply_attack(toy, "blended", rate=0.1, alpha=alpha) for alpha in (0.2, 0.3))
    rows = poisoned_rows(mild)
    assert rows == poisoned_rows(strong)
    differs = (mild.image_digests != strong.image_digests).any(axis=1)
    assert np.flatnonzero(differs).tolist() == rows


def test_copies_of_an_image_stay_copies_under_a_fixed_trigger_but_not_under_noise():
    same = make_dataset([random_images(1)[0]] * 60, np.arange(60) % 4)
    store = same.image_digests[1]  # row 1 is a PNG, like rows 5, 13, 17 of the same class
    fixed = apply_attack(same, "clean_label", rate=0.25, target=1)
    noisy = apply_attack(same, "clean_label", rate=0.25, target=1, noise=0.3)
    assert np.array_equal(fixed.image_digests[1], fixed.image_digests[5])
    assert not np.array_equal(fixed.image_digests[1], store)
    assert not np.array_equal(noisy.image_digests[1], noisy.image_digests[5])
    assert not np.array_equal(pixels(noisy, 1), pixels(noisy, 5))


def test_a_poisoned_set_travels_to_another_process(toy):
    for name in PIXEL:
        new = apply_attack(toy, name, rate=0.05)
        there = pickle.loads(pickle.dumps(new))
        row = poisoned_rows(new)[0]
        assert there.raw(row) == new.raw(row)


# ---- attacks on top of attacks


def test_two_attacks_share_one_truth(toy):
    first = apply_attack(toy, "badnets", rate=0.2, target=0, seed=0)
    both = apply_attack(first, "symmetric", rate=0.2, seed=0, exclude_poisoned=True)
    backdoored, all_rows = set(poisoned_rows(first)), set(poisoned_rows(both))
    noisy = set(np.flatnonzero(both.labels != first.labels).tolist())
    assert len(noisy) == 12 and not noisy & backdoored and all_rows == noisy | backdoored
    assert np.array_equal(both.truth.original_labels, toy.labels)
    for row in range(60):
        assert both.raw(row) == first.raw(row)
        assert (both.raw(row) == toy.raw(row)) == (row not in backdoored)


def test_triggers_lie_on_top_of_each_other(toy):
    first = apply_attack(toy, "sig", rate=0.5, target=0)
    both = apply_attack(first, "badnets", rate=0.5, target=1, pattern="white", encode="lossless")
    twice = set(poisoned_rows(first)) & set(np.flatnonzero(both.labels != first.labels).tolist())
    assert twice
    for row in twice:
        expected = pixels(first, row)
        expected[28:31, 28:31] = 255
        assert np.array_equal(pixels(both, row), expected)


def test_attack_on_a_selection_reads_the_right_images(toy):
    part = toy.select(np.arange(59, 19, -1))
    new = apply_attack(part, "badnets", rate=0.2, encode="lossless")
    again = new.select(np.array(poisoned_rows(new)))
    for row in range(len(again)):
        here, there = pixels(again, row), pixels(toy, toy.ids.index(again.ids[row]))
        assert np.array_equal(here[:28], there[:28]) and not np.array_equal(here, there)


def test_unlabelled_rows_are_never_chosen(toy):
    labels = toy.labels.copy()
    labels[::2] = -1
    dataset = replace(toy, labels=labels)
    for name in ("badnets", "all_to_all", "symmetric"):
        rows = poisoned_rows(apply_attack(dataset, name, rate=0.2, target=1, seed=1))
        assert rows and all(row % 2 == 1 for row in rows)


def test_old_unknown_labels_stay_unknown(toy):
    unknown = Truth(np.zeros(60, dtype=bool), np.full(60, -1, dtype=np.int64))
    new = apply_attack(replace(toy, truth=unknown), "symmetric", rate=0.1)
    assert len(poisoned_rows(new)) == 6 and (new.truth.original_labels == -1).all()


# ---- what the user can get wrong


@pytest.mark.parametrize(
    ("name", "asked", "parts"),
    [
        ("badnet5", {}, ["attack 'badnet5' is not known", "badnets", "label_file"]),
        ("badnets", {"rate": 0}, ["rate 0", "at most 0.5"]),
        ("badnets", {"rate": 0.6}, ["rate 0.6", "at most 0.5"]),
        ("symmetric", {"rate": 1.01}, ["at most 1"]),
        ("badnets", {"rate": float("nan")}, ["rate nan"]),
        ("badnets", {"target": "cow"}, ["target 'cow'", "ant, bee, cat, dog"]),
        ("badnets", {"target": 4}, ["target '4'", "0…3"]),
        ("badnets", {"target": -1}, ["target '-1'"]),
        ("badnets", {"seed": -1}, ["seed -1"]),
        ("badnets", {"alpha": 0.1}, ["no setting 'alpha'", "patch_size"]),
        ("badnets", {"patch_size": 2.5}, ["patch_size", "whole number"]),
        ("badnets", {"patch_size": 0}, ["patch_size is 0", "1…32"]),
        ("badnets", {"position": "middle"}, ["position 'middle'", "bottom_right"]),
        ("badnets", {"position": 3}, ["position", "text"]),
        ("blended", {"alpha": "much"}, ["alpha", "a number"]),
        ("blended", {"alpha": 1.5}, ["alpha is 1.5"]),
        ("wanet", {"k": float("inf")}, ["k is inf"]),
        ("clean_label", {"rate": 0.5}, ["class 'ant'", "largest possible rate here is 0.25"]),
        ("sig_clean_label", {"rate": 0.3, "target": "dog"}, ["class 'dog'", "0.25"]),
        ("label_file", {}, ["got no file"]),
        ("badnets", {"labels_file": Path("x.csv")}, ["takes no labels file"]),
    ],
)
def test_a_wrong_recipe_is_one_clear_line(toy, name, asked, parts):
    with pytest.raises(UserError) as error:
        apply_attack(toy, name, **{"rate": 0.1, **asked})
    one_line(error, *parts)


def test_the_largest_rate_named_in_the_error_works(toy):
    dataset = toy.select(np.flatnonzero((toy.labels != 2) | (np.arange(60) < 30)))
    with pytest.raises(UserError) as error:
        apply_attack(dataset, "clean_label", rate=0.4, target="cat")
    rate = float(str(error.value).split("largest possible rate here is ")[1].split(" ")[0])
    assert len(poisoned_rows(apply_attack(dataset, "clean_label", rate=rate, target="cat"))) == 7


def test_sets_without_labels_or_with_one_class_are_refused(toy):
    with pytest.raises(UserError) as error:
        apply_attack(toy.select(np.array([], dtype=np.int64)), "badnets", rate=0.1)
    one_line(error, "no labelled image")
    single = make_dataset(random_images(6), np.zeros(6), ("only",))
    for name in ("badnets", "symmetric", "all_to_all"):
        with pytest.raises(UserError) as error:
            apply_attack(single, name, rate=0.1)
        one_line(error, "at least two")


def test_numbers_may_come_as_text_and_names_as_numbers(toy):
    plain = apply_attack(toy, "badnets", rate=0.1, target=1, patch_size=4)
    as_text = apply_attack(toy, "BadNet", rate=0.1, target="1", patch_size="4")
    assert plain.digest == as_text.digest
    digits = replace(toy, classes=("3", "2", "1", "0"))
    assert (apply_attack(digits, "badnets", rate=0.1, target="0").labels[poisoned_rows(plain)] == 3).any()


def test_registry_and_aliases_agree():
    assert all(name == attack.name for name, attack in ATTACKS.items())
    assert all(find_attack(alias).name == name for alias, name in ALIASES.items())
    assert all((attack.trigger is None) == (attack.kind == "label_noise") for attack in ATTACKS.values())
    assert find_attack("Label-Consistent").name == "clean_label"
