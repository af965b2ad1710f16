"""Groups that other witnesses part from their class: who is believed, what becomes of them, and where they stay without a finding."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from core.triggers import MiningSettings
from core.triggers.groups import Group, group_finding, is_contradicted, merged, uncovered, witnessed
from core.triggers.material import Material
from core.types import Float32, Int64
from tests.support.finding_toys import a_finding
from tests.support.trigger_toys import CLASSES, TARGET, Toy, mined, pictures, poisoned


def material(toy: Toy, **settings: Any) -> Material:
    return Material(
        toy.pixels, toy.labels, CLASSES, toy.suspect, toy.vectors, torch.device("cpu"), 0, replace(MiningSettings(), **settings)
    )


def planted(count: int = 40, *, votes: bool = True) -> tuple[Toy, Int64]:
    """Rows of other classes under the target's label; `votes`: an embedding that sees their trigger takes them for each other's like."""
    toy = pictures(800)
    rows = poisoned(toy, count)
    toy.labels[rows] = TARGET
    if votes:
        toy.vectors[rows, -1] += 4
        toy.vectors[rows] /= np.linalg.norm(toy.vectors[rows], axis=1, keepdims=True)
    return toy, rows


def known_of(toy: Toy, rows: Int64, chance: float = 0.99, others: float = 0.6) -> Float32:
    """Chance of the given label by a network that did not see the row."""
    known = np.full(len(toy.labels), others, np.float32)
    known[rows] = chance
    return known


def test_rows_that_vote_for_each_other_are_contradicted_once_they_may_not():
    toy, rows = planted()
    found = material(toy)
    # by the vote of all they bear the right label
    assert found.contradicted(rows, np.zeros(0, np.int64)).mean() < 0.5
    assert found.contradicted(rows, rows).mean() > 0.9
    assert is_contradicted(found, TARGET, rows)


@pytest.mark.parametrize("given", ["group", "rest"])
def test_a_part_that_the_network_is_sure_of_and_content_contradicts_is_a_group(given: str):
    toy, rows = planted()
    rest = np.setdiff1d(np.flatnonzero(toy.labels == TARGET), rows)
    # the network parts the class in two, and does not say which part is which
    found = witnessed(material(toy), [(TARGET, rows if given == "group" else rest)], known_of(toy, rows))
    assert [group.witness for group in found] == ["network"]
    assert found[0].label == TARGET and np.array_equal(found[0].rows, rows)


def test_kinds_of_content_of_an_honest_class_are_no_group():
    toy = pictures(800)
    own = toy.rows_of(TARGET)
    part = own[: len(own) // 3]
    assert witnessed(material(toy), [(TARGET, part)], known_of(toy, part)) == []


def test_frames_of_one_thing_are_no_group_though_nobody_else_shows_it():
    toy, rows = planted()
    # four films of ten frames
    for film in np.array_split(rows, 4):
        toy.pixels[film] = toy.pixels[film[0]]
    assert not is_contradicted(material(toy), TARGET, rows)
    assert witnessed(material(toy), [(TARGET, rows)], known_of(toy, rows)) == []


@pytest.mark.parametrize(("chance", "others"), [(0.7, 0.6), (0.99, 0.97)])
def test_a_network_that_is_unsure_or_as_sure_of_the_rest_is_no_witness(chance: float, others: float):
    toy, rows = planted()
    assert witnessed(material(toy), [(TARGET, rows)], known_of(toy, rows, chance, others)) == []


def test_too_few_and_too_many_are_no_group():
    toy, rows = planted()
    assert witnessed(material(toy), [(TARGET, rows[:5])], known_of(toy, rows[:5])) == []
    assert witnessed(material(toy, too_many_to_silence=0.1), [(TARGET, rows)], known_of(toy, rows)) == []


def test_what_a_finding_holds_already_is_left_and_of_two_groups_the_larger_stays():
    groups = [Group(0, np.arange(10), "network"), Group(0, np.arange(30), "content"), Group(1, np.arange(40, 60), "network")]
    finding = a_finding(100, np.arange(40, 55), label=1)
    left = uncovered(groups, [finding], 0.5)
    assert [(group.label, len(group.rows)) for group in left] == [(0, 30)]
    assert len(uncovered(groups, [finding], 0.8)) == 2


def test_groups_of_one_label_that_share_most_rows_are_one():
    network, content = Group(0, np.arange(20), "network"), Group(0, np.arange(5, 30), "content")
    other = Group(1, np.arange(5, 30), "content")
    found = merged([network, content, other, Group(0, np.arange(60, 70), "network")])
    assert [(g.label, len(g.rows)) for g in found] == [(0, 30), (1, 25), (0, 10)]


def test_a_group_without_a_pattern_is_a_finding_with_its_evidence():
    toy, rows = planted()
    known = known_of(toy, rows)
    known[rows[7]] = 1.0
    found = group_finding(material(toy), Group(TARGET, rows, "network"), known)
    assert found.kind == "group" and found.label == TARGET and found.rows[0] == rows[7]
    assert np.array_equal(np.sort(found.rows), rows) and not found.pattern.any() and not found.mask.any()
    assert found.mislabelled > 0.9 and np.array_equal(np.flatnonzero(found.row_scores >= found.threshold), rows)


@pytest.mark.slow
def test_the_search_ends_with_the_group_where_it_draws_no_pattern():
    toy, rows = planted()
    # without a witness nothing is found: the pictures hold no pattern at all
    assert mined(toy).findings == ()
    found = mined(toy, parts=[(TARGET, rows)], known=known_of(toy, rows))
    assert [finding.kind for finding in found.findings] == ["group"] and found.findings[0].trigger_id == "t1"
    assert (found.chance[rows] > 0.8).all() and found.chance[np.setdiff1d(np.arange(800), rows)].max() < 0.5
    # what lies under it is asked without the group's votes
    assert np.array_equal(found.rows, rows) and (found.shares.argmax(1) == toy.content[rows]).mean() > 0.9


@pytest.mark.slow
def test_rows_that_content_gathers_are_a_group_too():
    toy, rows = planted(votes=False)
    found = mined(toy, gathered=[(TARGET, rows)])
    assert [finding.kind for finding in found.findings] == ["group"]
