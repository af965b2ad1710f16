"""The trigger that victims are attacked with: known, made from a mined pattern, or carriers held back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core.attacks.apply import ATTACKS, settings_for
from core.errors import UserError
from core.proofs.attack import attacked, goals_by_class
from core.proofs.options import ProveOptions
from core.proofs.stamp import stamp_of
from core.proofs.test_set import held_out, other_test, own_test, trusted
from core.sources.working_pixels import working_pixels
from core.types import Truth
from tests.support.finding_toys import a_finding
from tests.support.proof_toys import TARGET, Scanned, perfect, poisoned
from tests.support.trigger_toys import checker, pictures, stamp


@pytest.fixture(scope="module")
def scanned(tmp_path_factory: pytest.TempPathFactory) -> Scanned:
    return poisoned(tmp_path_factory.mktemp("trigger"))


def carriers_and_rest(n: int = 600, count: int = 80):
    """Toy pictures, rows that shall carry something, and the others."""
    toy = pictures(n)
    rows = np.flatnonzero(toy.content != 0)[:count]
    plain = np.ones(n, dtype=bool)
    plain[rows] = False
    return toy, rows, plain


def altered(toy, rows: np.ndarray, attack: str, **settings) -> np.ndarray:
    """The toy's pixels with an attack's own trigger on `rows`."""
    card = ATTACKS[attack]
    assert card.trigger is not None
    alter = card.trigger(settings_for(card, settings), 5)
    found = toy.pixels.copy()
    for row in rows:
        found[row] = alter(toy.pixels[row], int(row))
    return found


def a_pattern(before: np.ndarray, after: np.ndarray, rows: np.ndarray) -> np.ndarray:
    return (after[rows].astype(np.float32) - before[rows]).mean(0) / 255


# ---- made from a pattern


def test_a_patch_is_made_as_it_is():
    toy, rows, plain = carriers_and_rest()
    pixels = altered(toy, rows, "badnets")
    mask = (np.abs(pixels[rows].astype(int) - toy.pixels[rows]).mean((0, 3)) > 1).astype(np.float32)
    assert mask.sum() == 9
    made = stamp_of(a_finding(len(pixels), rows, mask=mask, pattern=a_pattern(toy.pixels, pixels, rows)), pixels, toy.content, plain)
    assert made is not None and made.opacity > 0.99
    others = np.flatnonzero(plain)[:50]
    assert np.abs(made.put(toy.pixels[others]).astype(int) - altered(toy, others, "badnets")[others]).max() <= 1


def test_rows_that_are_no_carriers_do_not_blunt_a_patch():
    toy, rows, plain = carriers_and_rest()
    pixels = altered(toy, rows[:70], "badnets")  # ten of eighty carry nothing
    mask = np.zeros((32, 32), np.float32)
    mask[28:31, 28:31] = 1
    made = stamp_of(a_finding(len(pixels), rows, mask=mask), pixels, toy.content, plain)
    assert made is not None
    others = np.flatnonzero(plain)[:50]
    assert np.abs(made.put(toy.pixels[others]).astype(int) - altered(toy, others, "badnets")[others]).mean() < 0.5


@pytest.mark.parametrize(("attack", "opacity", "kind"), [("blended", 0.2, "overlay"), ("sig", 0.0, "periodic")])
def test_a_pattern_over_the_whole_image_is_as_strong_as_it_was(attack, opacity, kind):
    toy, rows, plain = carriers_and_rest(1200, 300)
    pixels = altered(toy, rows, attack)
    finding = a_finding(len(pixels), rows, kind=kind, pattern=0.7 * a_pattern(toy.pixels, pixels, rows), mask=np.ones((32, 32), np.float32))
    made = stamp_of(finding, pixels, toy.content, plain)
    assert made is not None and abs(made.opacity - opacity) < 0.1
    others = np.flatnonzero(plain)[:50]
    true = altered(toy, others, attack)[others].astype(float)
    put, before = made.put(toy.pixels[others]).astype(float), toy.pixels[others].astype(float)
    moved, wanted = (put - before).ravel(), (true - before).ravel()
    assert np.corrcoef(moved, wanted)[0, 1] > 0.9
    assert 0.8 < np.linalg.norm(moved) / np.linalg.norm(wanted) < 1.25


def test_a_moving_patch_is_put_where_it_was_seen():
    toy, rows, plain = carriers_and_rest()
    rng = np.random.default_rng(2)
    places = rng.integers(4, 24, (len(rows), 2))
    stamp(toy, rows, checker(3), places)
    mask = np.zeros((32, 32), np.float32)
    mask[15:18, 15:18] = 1
    finding = a_finding(len(toy.pixels), rows, kind="moving_patch", mask=mask, places=(places + 1).astype(np.int32))
    made = stamp_of(finding, toy.pixels, toy.content, plain)
    assert made is not None
    others = np.flatnonzero(plain)[:40]
    put = made.put(toy.pixels[others], seed=1)
    assert (put == made.put(toy.pixels[others], seed=1)).all() and (put != made.put(toy.pixels[others], seed=2)).any()
    seen = {tuple(place) for place in places.tolist()}
    for before, after in zip(toy.pixels[others], put, strict=True):
        found = [(r, c) for r in range(30) for c in range(30) if (np.abs(after[r : r + 3, c : c + 3].astype(int) - checker(3)) <= 1).all()]
        assert found and set(found) <= seen
        outside = np.ones((32, 32), dtype=bool)
        outside[found[0][0] : found[0][0] + 3, found[0][1] : found[0][1] + 3] = False
        assert (before[outside] == after[outside]).all()


@pytest.mark.parametrize("kind", ["resampling", "texture"])
def test_no_stamp_makes_what_cannot_be_stamped(kind):
    toy, rows, plain = carriers_and_rest()
    assert stamp_of(a_finding(len(toy.pixels), rows, kind=kind), toy.pixels, toy.content, plain) is None


# ---- the choice


def ask(scanned: Scanned, trigger: str = "auto", *, truth: bool = True, recipe: dict | None = None):
    inspection = scanned.inspection
    pixels = working_pixels(inspection.dataset)
    known = scanned.truth if truth else None
    test = own_test(inspection, known)
    recipe = {"attack": "badnets", "seed": 3, "settings": {}} if recipe is None else recipe
    return attacked(inspection, pixels, test, pixels[test.rows], known, recipe, ProveOptions(trigger=trigger)), test, pixels


def test_the_known_trigger_is_put_on_test_images_of_other_classes(scanned):
    found, test, pixels = ask(scanned)
    target = scanned.inspection.dataset.classes.index(TARGET)
    assert found.facts["from"] == "truth" and found.facts["target"] == TARGET and len(found.kept_out) == 0
    assert (test.labels[found.of_test] != target).all() and (found.goals == target).all()
    assert len(found.of_test) == int((test.labels != target).sum())
    alter = ATTACKS["badnets"].trigger(settings_for(ATTACKS["badnets"], {}), 3)
    wanted = np.stack([alter(pixels[row], 0) for row in test.rows[found.of_test]])
    assert (found.pixels == wanted).all()


@pytest.mark.parametrize(
    "recipe",
    [
        {"attack": "voodoo"},
        {"attack": ["badnets"]},
        {"attack": "badnets", "settings": "no"},
        {"attack": "badnets", "seed": "x"},
        {"attack": "symmetric"},
    ],
    ids=str,
)
def test_a_recipe_that_is_none_is_passed_over(scanned, tmp_path, recipe):
    scanned = scanned.copy(tmp_path / "home")
    scanned.judge(np.zeros(len(scanned.inspection.dataset), dtype=bool))
    found, *_ = ask(scanned, recipe=recipe)
    assert found.facts["from"] == "none" and len(found.pixels) == 0 and "no pattern" in found.facts["reason"]
    with pytest.raises(UserError, match="trigger of this set is not known"):
        ask(scanned, "truth", recipe=recipe)


def test_goals_are_read_from_what_was_done():
    labels = np.array([1, 2, 0, 1, 0, 1, 2])
    truth = Truth(np.array([True, True, True, True, False, False, False]), np.array([0, 1, 2, 0, 0, 1, 2]))
    assert goals_by_class(labels, truth, 4, by_class=True).tolist() == [1, 2, 0, -1]
    assert goals_by_class(labels, truth, 4, by_class=False).tolist() == [1, 1, 1, 1]


def test_carriers_are_held_back_where_no_stamp_will_do(scanned, tmp_path):
    scanned = scanned.copy(tmp_path / "home")
    truth = scanned.truth
    scanned.judge(truth.is_poisoned, [perfect(scanned, kind="resampling")], np.array(truth.original_labels))
    found, test, pixels = ask(scanned, "t1")
    assert found.facts["how"] == "held_out_carriers" and found.facts["target"] == TARGET
    assert len(found.kept_out) == len(found.goals) >= 4 and truth.is_poisoned[found.kept_out].all()
    assert truth.is_poisoned.sum() - len(found.kept_out) >= 4, "the attack is still in the set"
    assert (found.pixels == pixels[found.kept_out]).all() and not set(found.kept_out) & set(test.rows)
    many = scanned.copy(tmp_path / "many")
    many.judge(truth.is_poisoned, [perfect(scanned, label=-1)], np.array(truth.original_labels))
    assert ask(many, "t1")[0].facts["how"] == "held_out_carriers"


def test_carriers_whose_label_is_right_cannot_be_held_back(scanned, tmp_path):
    scanned = scanned.copy(tmp_path / "home")
    scanned.judge(scanned.truth.is_poisoned, [perfect(scanned, kind="texture")], np.array(scanned.inspection.dataset.labels))
    found, *_ = ask(scanned, truth=False)
    assert found.facts["from"] == "none" and "no stamp" in found.facts["reason"]


def test_a_pattern_that_is_not_there_is_named(scanned):
    with pytest.raises(UserError, match="no pattern 't99'"):
        ask(scanned, "t99")


# ---- what is tested on


def test_held_out_rows_are_a_fifth_of_every_class_and_always_the_same(scanned):
    inspection, truth = scanned.inspection, scanned.truth
    fine = trusted(inspection, truth)
    assert not (fine & truth.is_poisoned).any() and fine.sum() == (~truth.is_poisoned).sum()
    rows = held_out(inspection.dataset, fine)
    assert (rows == held_out(inspection.dataset, fine)).all() and fine[rows].all()
    for label in range(3):
        of = fine & (inspection.dataset.labels == label)
        assert int((inspection.dataset.labels[rows] == label).sum()) == round(0.2 * of.sum())


def test_without_truth_only_what_looks_clean_is_held_out(scanned, tmp_path):
    scanned = scanned.copy(tmp_path / "home")
    finding = perfect(scanned)
    bad = np.zeros(len(scanned.inspection.dataset), dtype=bool)
    bad[:5] = True
    scanned.judge(bad, [finding])
    test = own_test(scanned.inspection, None)
    assert not bad[test.rows].any() and not set(test.rows) & set(finding.rows)
    assert test.kept_out[test.rows].all() and test.came_from == "held_out"


def test_exact_copies_of_test_images_are_kept_out(scanned):
    inspection = scanned.inspection
    test = other_test(inspection, inspection.dataset.select(np.arange(7)))
    assert np.flatnonzero(test.kept_out).tolist() == list(range(7)) and len(test.rows) == 0


def test_classes_of_a_test_source_are_matched_by_name(scanned, tmp_path: Path):
    from core.scans.pipeline import open_dataset
    from tests.support.core_toys import image_folder

    other = open_dataset(str(image_folder(tmp_path / "t", classes=("cow", "bee"), size=4)))
    test = other_test(scanned.inspection, other)
    assert {scanned.inspection.dataset.classes[i] for i in test.labels} == {"bee", "cow"}
    assert [scanned.inspection.dataset.classes[i] for i in test.labels] == [other.classes[i] for i in other.labels]
    foreign = open_dataset(str(image_folder(tmp_path / "f", classes=("cow", "yak"), size=4)))
    with pytest.raises(UserError, match="class 'yak' that the set has not"):
        other_test(scanned.inspection, foreign)
