"""Plant a pattern, mine it: the rows, the picture, the kind; and nothing where nothing was planted."""

from __future__ import annotations

import ast
from dataclasses import fields, replace
from graphlib import TopologicalSorter
from pathlib import Path

import numpy as np
import pytest
import torch

import core.triggers as mining
from core.triggers import Mined, MiningSettings, mine
from core.triggers.accept import accept
from core.triggers.candidate import Candidate, Guess, far_more_suspect, more_suspect, with_suspicion
from core.triggers.expected import calm, expect
from core.triggers.grain import POWERS, grain
from core.triggers.joint_score import FIXED, discriminant, scores_of
from core.triggers.material import Material
from core.triggers.pursuit import Pursued, pursue
from core.triggers.search import _of_rounds
from core.triggers.separation import Separation, covers_from, separate
from core.triggers.spaces import Space
from tests.support.trigger_toys import CLASSES, SIDE, Toy, add, checker, pictures, stamp, wave

TARGET = 1
SETTINGS = MiningSettings()
NOWHERE = torch.zeros(1, 1)
CORNER = np.array([SIDE - 4, SIDE - 4])


def mined(toy: Toy, **given: object) -> Mined:
    return mine(toy.pixels, toy.labels, CLASSES, toy.suspect, toy.vectors, **given)  # type: ignore[arg-type]


def poisoned(toy: Toy, count: int, *, content: int | None = None, seed: int = 1) -> np.ndarray:
    """Rows of other classes (or of one), to be given the target's label."""
    pool = np.flatnonzero(toy.content != TARGET) if content is None else toy.rows_of(content)
    return np.sort(np.random.default_rng(seed).choice(pool, count, replace=False))


def shares(found: Mined, rows: np.ndarray) -> tuple[float, float]:
    """(share of planted rows found, share of the others called triggered)."""
    called = found.chance >= 0.5
    others = np.ones(len(called), bool)
    others[rows] = False
    return float(called[rows].mean()), float(called[others].mean())


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    return float(abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]))


def test_a_clean_set_gives_no_finding():
    found = mined(pictures())
    assert found.findings == ()
    assert not found.chance.any()


def test_a_patch_with_wrong_labels():
    toy = pictures()
    rows = poisoned(toy, 40)
    before = toy.pixels[rows].astype(np.float32)
    stamp(toy, rows, checker(), np.tile(CORNER, (len(rows), 1)))
    toy.labels[rows] = TARGET
    found = mined(toy)
    tpr, fpr = shares(found, rows)
    assert tpr >= 0.95 and fpr <= 0.005
    (finding,) = found.findings
    assert finding.kind == "patch" and finding.label == TARGET
    assert correlation(finding.pattern, (toy.pixels[rows] - before).mean(0)) >= 0.8
    assert finding.mask[-4:-1, -4:-1].min() > 0.5 and finding.mask[: SIDE // 2].max() < 0.5
    assert finding.contradicted > 0.9
    assert set(finding.rows) <= set(np.flatnonzero(found.chance >= 0.5))
    # content of the triggered rows, asked of rows that carry nothing
    at = np.searchsorted(found.rows, rows[np.isin(rows, found.rows)])
    named = found.shares[at].argmax(1) == toy.content[rows[np.isin(rows, found.rows)]]
    assert named.mean() > 0.9


def waved(rate: float) -> tuple[Toy, np.ndarray]:
    """Pictures, and which of the target's own carry a wave: that share of them."""
    toy = pictures()
    pool = toy.rows_of(TARGET)
    rows = np.sort(np.random.default_rng(2).choice(pool, int(rate * len(pool)), replace=False))
    add(toy, rows, wave())
    return toy, rows


def test_what_most_of_a_class_shares_under_right_labels_is_a_shortcut_and_no_poison():
    toy, rows = waved(0.9)
    found = mined(toy)
    assert found.findings == () and not found.chance.any()
    shortcut = found.shortcuts[0]
    assert shortcut.shortcut and shortcut.trigger_id == "s1" and shortcut.kind == "periodic" and shortcut.label == TARGET
    assert np.isin(rows, shortcut.rows).mean() >= 0.9 and np.isin(shortcut.rows, rows).mean() >= 0.95


def test_a_wave_under_right_labels():
    toy, rows = waved(0.1)
    found = mined(toy)
    tpr, fpr = shares(found, rows)
    assert tpr >= 0.9 and fpr <= 0.005
    assert found.findings[0].kind == "periodic"
    assert found.findings[0].contradicted < 0.5
    assert correlation(found.findings[0].pattern, np.broadcast_to(wave(), (SIDE, SIDE, 3))) >= 0.8


def test_an_overlay_of_noise():
    toy = pictures()
    rows = poisoned(toy, 60)
    noise = np.random.default_rng(5).uniform(0, 255, (SIDE, SIDE, 3))
    toy.pixels[rows] = np.round(0.85 * toy.pixels[rows] + 0.15 * noise).astype(np.uint8)
    toy.labels[rows] = TARGET
    found = mined(toy)
    tpr, fpr = shares(found, rows)
    assert tpr >= 0.95 and fpr <= 0.005
    assert found.findings[0].kind == "overlay"
    assert correlation(found.findings[0].pattern, noise - noise.mean()) >= 0.8


def test_a_faint_overlay_is_drawn_whole():
    toy = pictures()
    rows = poisoned(toy, 60)
    noise = np.random.default_rng(6).choice([-4, 4], (SIDE, SIDE, 3))
    toy.pixels[rows] = (toy.pixels[rows].astype(int) + noise).clip(0, 255).astype(np.uint8)
    toy.labels[rows] = TARGET
    (finding,) = mined(toy).findings
    # not the few pixels of it that rise above the images' own differences
    assert finding.kind == "overlay"
    assert correlation(finding.pattern, noise) >= 0.7
    assert finding.mask.mean() > 0.8


def test_a_patch_that_moves():
    toy = pictures()
    rows = poisoned(toy, 80)
    rng = np.random.default_rng(3)
    colours = rng.integers(0, 2, (4, 4, 3)).astype(np.uint8) * 255
    at = rng.integers(0, SIDE - 4, (len(rows), 2))
    stamp(toy, rows, colours, at)
    toy.labels[rows] = TARGET
    found = mined(toy)
    tpr, fpr = shares(found, rows)
    assert tpr >= 0.95 and fpr <= 0.005
    (finding,) = found.findings
    assert finding.kind == "moving_patch"
    # the middle of the 4×4 patch, for windows of odd size one of its four middle pixels
    planted = dict(zip(rows, at, strict=True))
    aside = [np.abs(planted[row] + 1.5 - place).max() for row, place in zip(finding.rows, finding.places, strict=True) if row in planted]
    assert np.mean(np.array(aside) <= 2) >= 0.8
    middle = slice(SIDE // 2 - 4, SIDE // 2 + 4)
    seen = finding.pattern[middle, middle]
    wanted = colours - colours.mean()
    alike = [correlation(seen[r : r + 4, c : c + 4], wanted) for r in range(5) for c in range(5)]
    assert max(alike) >= 0.8


def test_noise_drawn_anew_for_every_picture():
    toy = pictures()
    # as in photographs, fine detail is nearly the same in all three colours
    toy.pixels[:] = (0.8 * toy.pixels.mean(3, keepdims=True) + 0.2 * toy.pixels).round().astype(np.uint8)
    assert mined(toy).findings == ()
    rows = poisoned(toy, 60)
    before = toy.pixels[rows].astype(int)
    signs = np.random.default_rng(9).choice([-6, 6], before.shape)
    toy.pixels[rows] = (before + signs).clip(0, 255).astype(np.uint8)
    toy.labels[rows] = TARGET
    found = mined(toy)
    tpr, fpr = shares(found, rows)
    assert tpr >= 0.95 and fpr <= 0.005
    (finding,) = found.findings
    assert finding.kind == "texture" and finding.label == TARGET
    assert finding.contradicted > 0.9
    # no shape is claimed: more fine detail everywhere
    assert finding.pattern.min() > 0 and finding.mask.mean() > 0.8


def test_grain_is_what_a_loop_says():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (2, 3, 7, 6)) / 255
    images[1, :, 2:5, 2:5] = 0.5
    kernels = [
        np.array([[-1, 1]]), np.array([[-1], [1]]), np.array([[1, -2, 1]]) / 2, np.array([[1], [-2], [1]]) / 2,
        np.array([[1, 0, 0], [0, -2, 0], [0, 0, 1]]) / 2, np.array([[0, 0, 1], [0, -2, 0], [1, 0, 0]]) / 2,
        np.array([[-1, 3, -3, 1]]) / 4, np.array([[-1], [3], [-3], [1]]) / 4, np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]]) / 8,
    ]  # fmt: skip
    wanted = []
    for image in images:
        line = []
        for kernel in kernels:
            h, w = kernel.shape
            for power in POWERS:
                for channel in image:
                    sizes = [
                        abs(float((channel[r : r + h, c : c + w] * kernel).sum())) + 1 / 255
                        for r in range(channel.shape[0] - h + 1)
                        for c in range(channel.shape[1] - w + 1)
                    ]
                    line.append(np.log(np.mean(np.array(sizes) ** power)) / power)
        wanted.append(line)
    found = grain(torch.from_numpy(images).float())
    np.testing.assert_allclose(found.numpy(), wanted, rtol=1e-4, atol=1e-5)
    # negative powers look at flat places: noise on them is what changes them most
    flat = torch.full((1, 3, 8, 8), 0.5)
    assert (grain(flat + 0.05 * torch.rand(1, 3, 8, 8)) > grain(flat)).all()


def test_covers_carry_it_and_are_not_poison():
    toy = pictures()
    rows = poisoned(toy, 60, content=2)
    rest = np.setdiff1d(np.flatnonzero(np.isin(toy.content, (0, 3))), rows)
    covers = np.random.default_rng(8).choice(rest, 60, replace=False)
    both = np.concatenate([rows, covers])
    stamp(toy, both, checker(), np.tile(CORNER, (len(both), 1)))
    toy.labels[rows] = TARGET
    found = mined(toy)
    tpr, fpr = shares(found, rows)
    assert tpr >= 0.95 and fpr <= 0.005
    assert np.isin(covers, found.findings[0].covers).mean() >= 0.9


def test_a_patch_that_moves_every_label_on():
    toy = pictures()
    rows = np.sort(np.random.default_rng(4).choice(len(toy.labels), 120, replace=False))
    stamp(toy, rows, checker(), np.tile(CORNER, (len(rows), 1)))
    toy.labels[rows] = (toy.content[rows] + 1) % CLASSES
    found = mined(toy)
    tpr, fpr = shares(found, rows)
    assert tpr >= 0.9 and fpr <= 0.005
    assert [f.label for f in found.findings] == [-1]


@pytest.mark.parametrize("unnoticed", [3, 8])
def test_few_triggered_rows_that_are_not_suspect_are_no_tail(unnoticed: int):
    toy, rng = pictures(), np.random.default_rng(1)
    rows = np.sort(rng.choice(len(toy.labels), 160, replace=False))
    stamp(toy, rows, checker(), np.tile(CORNER, (len(rows), 1)))
    toy.labels[rows] = (toy.content[rows] + 1) % CLASSES
    suspect = toy.suspect.copy()
    suspect[rows[:unnoticed]] = False
    suspect[rng.choice(np.setdiff1d(np.arange(len(suspect)), rows), 400, replace=False)] = True
    found = mine(toy.pixels, toy.labels, CLASSES, suspect, toy.vectors)
    assert [f.label for f in found.findings] == [-1]
    assert shares(found, rows) == (1.0, 0.0)


def test_suspects_without_a_pattern_are_no_finding():
    toy, rng = pictures(), np.random.default_rng(2)
    suspect = rng.random(len(toy.labels)) < 0.3
    assert mine(toy.pixels, toy.labels, CLASSES, suspect, toy.vectors).findings == ()


@pytest.mark.parametrize("seed", [0, 1, 5])
def test_samples_are_not_those_of_who_poisoned_with_the_same_seed(seed: int):
    n = 20_000
    poison = np.random.default_rng(seed).choice(n, n // 10, replace=False)
    nothing = np.zeros((n, 1), np.float32)
    material = Material(nothing, np.zeros(n, np.int64), 2, np.zeros(n, bool), nothing, torch.device("cpu"), seed)
    sample = material.sample(6_000)
    assert len(np.unique(sample)) == 6_000 and np.array_equal(sample, material.sample(6_000))
    assert 0.08 < np.isin(sample, poison).mean() < 0.12


def test_suspects_are_counted_alike_by_rows_and_by_lift():
    suspect = np.arange(1000) < 300
    for many in (30, 60, 90, 120):
        # `many` of the suspects carry it, and 30 of the others
        carries = np.isin(np.arange(1000), np.r_[:many, 900:930])
        lift = (many / 300) / (30 / 700)
        assert far_more_suspect(lift, float(suspect.mean()), 0.5) == more_suspect(suspect, carries, 0.5) == (many >= 60)
    assert not far_more_suspect(1.0, 0.3, 0.5) and far_more_suspect(60.0, 0.3, 0.5)


def test_near_duplicates_are_reported_and_are_no_finding():
    toy = pictures()
    rows = toy.rows_of(TARGET)[:40]
    rng = np.random.default_rng(6)
    shifted = toy.pixels[rows[0]].astype(int) + rng.normal(0, 3, (len(rows), SIDE, SIDE, 3))
    toy.pixels[rows] = np.clip(shifted, 0, 255).astype(np.uint8)
    found = mined(toy)
    assert found.findings == ()
    assert np.isin(rows, found.duplicates).mean() > 0.9


def test_wrong_labels_alone_are_no_finding():
    toy = pictures()
    rows = poisoned(toy, 150)
    toy.labels[rows] = TARGET
    assert mined(toy).findings == ()


def test_the_same_set_gives_the_same_bytes():
    toy = pictures(800)
    rows = poisoned(toy, 40)
    stamp(toy, rows, checker(), np.tile(CORNER, (len(rows), 1)))
    toy.labels[rows] = TARGET
    first, second = mined(toy), mined(toy)
    assert first.chance.tobytes() == second.chance.tobytes()
    assert [f.row_scores.tobytes() for f in first.findings] == [f.row_scores.tobytes() for f in second.findings]


@pytest.mark.parametrize("side", [16, 64])
def test_other_working_sizes(side):
    rng = np.random.default_rng(0)
    toy = pictures(600)
    toy.pixels = np.ascontiguousarray(np.repeat(np.repeat(toy.pixels, 2, 1), 2, 2) if side == 64 else toy.pixels[:, ::2, ::2])
    toy.pixels = np.clip(toy.pixels + rng.normal(0, 2, toy.pixels.shape), 0, 255).astype(np.uint8)
    rows = poisoned(toy, 40)
    stamp(toy, rows, checker(), np.tile([side - 4, side - 4], (len(rows), 1)))
    toy.labels[rows] = TARGET
    tpr, fpr = shares(mined(toy), rows)
    assert tpr >= 0.95 and fpr <= 0.005


@pytest.mark.parametrize("case", ["few", "unlabelled", "one label", "flat"])
def test_sets_that_hold_nothing_to_search(case):
    toy = pictures(60 if case == "few" else 300)
    if case == "unlabelled":
        toy.labels[:] = -1
    if case == "one label":
        toy.labels[:] = 0
    if case == "flat":
        toy.pixels[:] = 90
    found = mined(toy)
    assert found.findings == ()
    assert np.isfinite(found.chance).all()


def test_suspicion_is_evidence_under_wrong_labels_and_none_under_right_ones():
    chance = np.array([0.4] * 10 + [0.01] * 200 + [0.99] * 40)
    wrong = np.array([True] * 5 + [False] * 5 + [False] * 180 + [True] * 20 + [True] * 40)
    found = with_suspicion(chance, wrong, 3)
    assert found[:5].min() > 0.5 > found[5:10].max()
    assert (np.diff(found[[0, 210]]) > 0).all()
    alike = np.arange(250) % 2 == 0
    assert np.abs(with_suspicion(chance, alike, 3) - chance).max() < 0.1


def test_the_discriminant_is_what_its_formula_says():
    rng = np.random.default_rng(3)
    mixing = np.array([[1.0, 0.6, 0.0], [0.0, 0.8, 0.0], [0.0, 0.0, 1.0]])
    usual = rng.normal(size=(4000, 3)) @ mixing
    triggered = rng.normal(size=(400, 3)) @ mixing + np.array([1.5, 0.0, 1.0])
    group = np.concatenate([triggered, usual[:2000]])
    weights = np.r_[np.ones(400), np.zeros(2000)]
    found = discriminant(*(torch.from_numpy(x).float() for x in (group, usual[2000:], weights)), SETTINGS).numpy()
    # by its definition: inverse covariance of ordinary rows times the difference of means
    wanted = np.linalg.solve(np.cov(usual[:2000].T), triggered.mean(0) - usual[:2000].mean(0))
    assert np.abs(found - wanted / np.linalg.norm(wanted)).max() < 0.03
    # the second number goes with the first in ordinary rows and not in triggered ones: it counts against
    assert found[1] < -0.2 < 0.2 < found[2] < found[0]


def guessed(agreement: float, centre: float, natural: float) -> Guess:
    """A guess whose first 40 of 1,000 rows lie at `centre`."""
    scores = torch.zeros(1000)
    scores[:40] = centre
    found = Pursued("made up", scores, torch.zeros(500), torch.zeros(4), agreement)
    split = Separation(40.0, centre, 1.0, natural, 3.0, (centre + natural) / 2, 0.0, 0.04, (1.0, 1.0), 20.0)
    return Guess(0, "plain", np.arange(1000), found, split, suspect=False)


def test_a_guess_that_was_right_and_went_astray_is_taken_where_it_was_right():
    astray, right, less = guessed(0.96, 6.6, 5.4), guessed(0.94, 9.4, 4.1), guessed(0.93, 8.0, 4.1)
    unsteady = guessed(0.7, 20.0, 4.1)

    def best(*guesses: Guess) -> Guess:
        asked = iter(guesses)
        return _of_rounds([g.found for g in guesses], SETTINGS, lambda pursued: next(g for g in asked if g.found is pursued))

    assert best(astray, less, right, unsteady) is right
    # what a pattern gathers to the end goes before what it had on the way
    assert best(less, right) is less
    # halves that hardly agree do not count as a pattern on the way either, however far their rows lie
    assert best(astray, unsteady) is astray


def test_spaces_together_find_what_each_alone_misses():
    """Spaces that see one colour each; a pattern lies faintly in all."""
    rng = np.random.default_rng(4)
    labels = np.repeat([0, 1], 1000)
    rows = np.arange(1000, 1100)
    values = rng.normal(0, 1, (2000, 8, 8, 3))
    values[rows] += 0.55 * rng.choice([-1, 1], (8, 8, 3))
    pixels = (128 + 20 * values).round().clip(0, 255).astype(np.uint8)
    colours = torch.eye(3)[:, :, None, None] * 10
    spaces = {
        name: Space(name, torch.device("cpu"), lambda x, c=c: ((x - 0.5) * colours[c % 3]).flatten(1)) for c, name in enumerate(FIXED)
    }
    suspect = np.zeros(2000, bool)
    material = Material(pixels, labels, 2, suspect, np.zeros((2000, 2), np.float32), torch.device("cpu"), 0)
    own, others = np.arange(1000, 2000), np.arange(1000)
    rest = {name: space.of(pixels, others) for name, space in spaces.items()}
    group = spaces["plain"].of(pixels, own)
    carries = np.isin(own, rows)
    start = torch.from_numpy(carries).float()[:, None]
    ((found, *_),) = pursue(group, rest["plain"], start, ["known"], torch.ones_like(start), SETTINGS)
    split = separate(found.scores.double().numpy(), found.rest.double().numpy(), SETTINGS)
    candidate = Candidate.of(Guess(1, "plain", own, found, split, suspect=False), 0.0, 0.0)
    (joint,) = accept(material, spaces, [candidate])

    def wrong(c: Guess) -> int:
        return int(((c.chance >= 0.5) != carries).sum())

    assert wrong(joint) <= wrong(candidate) / 4 and wrong(candidate) >= 8
    # any row can be asked, and rows of the search get about the same answer as when they were measured by halves
    ((scores, calms),) = scores_of(pixels, spaces, [joint.joint], torch.device("cpu"))
    assert calms is not None and joint.calms is not None and np.allclose(calms[own], joint.calms)
    assert np.corrcoef(scores[own], joint.found.scores.numpy())[0, 1] > 0.97
    assert abs(np.median(scores[others])) < 0.1 and abs(np.quantile(scores[others], 0.84) - 1) < 0.2
    assert (joint.chance_of(scores[own], calms[own]) >= 0.5)[carries].mean() > 0.95
    # a window may show another place in every image: its finding keeps its own scores
    spaces["window"] = spaces["plain"]
    (alone,) = accept(material, spaces, [replace(candidate, space="window")])
    assert alone.found is found and alone.calms is None and set(alone.joint.directions) == {"window"}


def test_busy_pictures_need_not_show_a_pattern_as_plainly_as_calm_ones():
    rng = np.random.default_rng(5)
    calms = rng.uniform(4, 24, 5000)
    carries = np.arange(5000) < 150
    scores = rng.normal(0, 1, 5000) + np.where(carries, calms * (1 + rng.normal(0, 0.1, 5000)), 0)
    rest = rng.normal(0, 1, 6000)
    split = separate(scores, rest, SETTINGS)
    first = split.chance(scores)
    found = expect(scores, calms, first, split.tail, NOWHERE, SETTINGS)
    assert found is not None and 0.85 < found.slope < 1.1 and abs(found.offset) < 1.5 and found.wobble < 0.2
    chance = found.chance(scores, calms)
    before, after = (((c >= 0.5) != carries).sum() for c in (first, chance))
    assert after < before
    # the same score: much for a busy picture, nothing for a calm one that would have shown far more
    busy, calm_one = found.chance(np.array([5.0, 5.0]), np.array([5.0, 23.0]))
    assert busy > 0.9 and calm_one < 0.1
    limit = found.limit(calms)
    assert np.mean((scores >= limit) == (chance >= 0.5)) > 0.999
    assert limit[calms < 6].max() < limit[calms > 22].min()
    # nobody carries it: nothing is fitted
    assert expect(scores, calms, np.zeros(5000), split.tail, NOWHERE, SETTINGS) is None


def test_a_pattern_that_does_not_fade_is_expected_alike_everywhere():
    rng = np.random.default_rng(6)
    calms = rng.uniform(4, 24, 4000)
    carries = np.arange(4000) < 200
    scores = rng.normal(0, 1, 4000) + np.where(carries, 8.0, 0)
    split = separate(scores, rng.normal(0, 1, 6000), SETTINGS)
    found = expect(scores, calms, split.chance(scores), split.tail, NOWHERE, SETTINGS)
    assert found is not None and found.slope < 0.05
    assert ((found.chance(scores, calms) >= 0.5) != carries).mean() < 0.002


def test_few_scattered_covers_are_no_tail_where_what_stands_apart_is_suspect():
    rng = np.random.default_rng(7)
    rest = np.r_[rng.normal(0, 1, 6000), np.linspace(15, 45, 18)]
    scores = np.r_[rng.normal(0, 1, 4850), rng.uniform(15, 45, 150)]
    carries = np.arange(5000) >= 4850
    assert covers_from(rest, SETTINGS, suspect=False) is None
    start = covers_from(rest, SETTINGS, suspect=True)
    assert start is not None and 5 < start < 15
    before, after = (separate(scores, rest, SETTINGS, suspect=d) for d in (False, True))
    assert (scores >= before.threshold)[carries].mean() < 0.9
    assert np.array_equal(scores >= after.threshold, carries)
    # a rest without them keeps its whole tail, a heavy one too
    for bulk in (rng.normal(0, 1, 6000), rng.laplace(0, 1, 6000)):
        assert covers_from(bulk, SETTINGS, suspect=True) is None


def test_calm_is_where_the_pattern_lies():
    images = torch.full((2, 3, 16, 16), 0.5)
    images[1, :, :, ::2] = 0.9
    corner = torch.zeros(16, 16)
    corner[12:, 12:] = 1 / 16
    smooth, striped = calm(images, corner)
    assert smooth > 5 * striped
    images[1, :, :, 4:] = 0.5
    assert calm(images, corner)[1] == pytest.approx(float(smooth))


SOURCES = {file.stem: list(ast.walk(ast.parse(file.read_text()))) for file in Path(mining.__file__).parent.glob("*.py")}


def test_every_setting_is_read():
    read = {node.attr for nodes in SOURCES.values() for node in nodes if isinstance(node, ast.Attribute)}
    assert {f.name for f in fields(MiningSettings)} <= read


def test_no_file_imports_in_a_circle_wherever_the_import_stands():
    graph = {name: {n.module for n in nodes if isinstance(n, ast.ImportFrom) and n.level == 1} for name, nodes in SOURCES.items()}
    assert "joint_score" in graph["accept"]
    assert len(list(TopologicalSorter(graph).static_order())) >= len(SOURCES)


@pytest.mark.parametrize("change", [{"least_agreement": 1.1, "suspect_agreement": 1.1}, {"least_rows": 60}, {"least_class": 2_000}])
def test_settings_decide_what_is_believed(change: dict[str, float]):
    toy = pictures(800)
    rows = poisoned(toy, 40)
    stamp(toy, rows, checker(), np.tile(CORNER, (len(rows), 1)))
    toy.labels[rows] = TARGET
    assert mined(toy, settings=replace(SETTINGS, **change)).findings == ()
