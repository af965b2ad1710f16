"""The parts of the search: what its formulas say, what its settings decide, what one space sees and another does not."""

from __future__ import annotations

import ast
from dataclasses import fields, replace
from graphlib import TopologicalSorter
from pathlib import Path

import numpy as np
import pytest
import torch

import core.triggers as mining
from core.triggers import MiningSettings
from core.triggers.accept import accept
from core.triggers.candidate import Candidate, Guess, far_more_suspect, more_suspect, with_suspicion
from core.triggers.expected import calm, expect
from core.triggers.joint_score import FIXED, discriminant, scores_of
from core.triggers.material import Material
from core.triggers.pursuit import Pursued, pursue
from core.triggers.search import _of_rounds
from core.triggers.separation import Separation, covers_from, separate
from core.triggers.spaces import Space
from tests.support.trigger_toys import SIDE, TARGET, checker, mined, pictures, poisoned, stamp

SETTINGS = MiningSettings()
NOWHERE = torch.zeros(1, 1)
CORNER = np.array([SIDE - 4, SIDE - 4])


def test_suspects_are_counted_alike_by_rows_and_by_lift():
    suspect = np.arange(1000) < 300
    for many in (30, 60, 90, 120):
        # `many` of the suspects carry it, and 30 of the others
        carries = np.isin(np.arange(1000), np.r_[:many, 900:930])
        lift = (many / 300) / (30 / 700)
        assert far_more_suspect(lift, float(suspect.mean()), 0.5) == more_suspect(suspect, carries, 0.5) == (many >= 60)
    assert not far_more_suspect(1.0, 0.3, 0.5) and far_more_suspect(60.0, 0.3, 0.5)


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


@pytest.mark.slow
@pytest.mark.parametrize("change", [{"least_agreement": 1.1, "suspect_agreement": 1.1}, {"least_rows": 60}, {"least_class": 2_000}])
def test_settings_decide_what_is_believed(change: dict[str, float]):
    toy = pictures(800)
    rows = poisoned(toy, 40)
    stamp(toy, rows, checker(), np.tile(CORNER, (len(rows), 1)))
    toy.labels[rows] = TARGET
    assert mined(toy, settings=replace(SETTINGS, **change)).findings == ()
