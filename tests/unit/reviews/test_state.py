"""The state of the reviews: arrays by row, one meaning of undecided, and groups that the log names."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import numpy as np
import pytest

from core.reviews import Reviews, fold, review_state
from core.reviews import database as reviews_file
from core.types import ACTIONS, Decision, Inspection
from tests.support.hostile_inspection import CLASSES, ROWS, decisions, inspection, line

KEEP, RELABEL, EXCLUDE, NEEDS_REVIEW = range(len(ACTIONS))


@pytest.fixture
def found() -> Inspection:
    return inspection(None)


@pytest.fixture
def log(found: Inspection) -> list[Decision]:
    return decisions(found)


def test_it_is_the_fold_by_row(found: Inspection, log: list[Decision]) -> None:
    state = review_state(found.dataset, reversed(log))
    held = {found.dataset.row_of(name): decision for name, decision in fold(log).items()}
    assert dict(state.decided) == {row: d for row, d in held.items() if row is not None}
    assert [row for row, _ in state.decided] == sorted(row for row in held if row is not None)
    assert state.actions.dtype == np.int8 and state.labels.dtype == np.int64
    assert {int(row): ACTIONS[state.actions[row]] for row in np.flatnonzero(state.actions >= 0)} == {r: d.action for r, d in state.decided}
    assert state.standing["not/in/this/set.png"].action == "exclude" and state.seq == 9 and list(state.log) == log


def test_new_classes_stand_behind_the_sets_own(found: Inspection, log: list[Decision]) -> None:
    state = review_state(found.dataset, log)
    assert state.classes == (*CLASSES, "new\x00 class") and state.labels[0] == len(CLASSES)
    assert state.labels[3] == found.dataset.labels[3], "an excluded row keeps its label"
    with pytest.raises(ValueError, match="read-only"):
        state.labels[0] = 1


def test_what_needs_review_is_undecided(found: Inspection, log: list[Decision]) -> None:
    state = review_state(found.dataset, log)
    assert state.actions[17] == NEEDS_REVIEW and state.undecided[17] and state.kept[17]
    assert np.flatnonzero(~state.undecided).tolist() == [0, 1, 3, 10, 39]


def test_an_earlier_line_is_an_earlier_state(found: Inspection, log: list[Decision]) -> None:
    assert review_state(found.dataset, log, upto=4).actions[3] == EXCLUDE
    assert review_state(found.dataset, log, upto=5).actions[3] == -1, "taken back"
    empty = review_state(found.dataset, log, upto=0)
    assert (empty.seq, len(empty.log), review_state(found.dataset).seq) == (0, 0, 0) and empty.undecided.all()
    assert review_state(found.dataset, log[:2], upto=7).seq == 7


def test_more_decisions_complete_it_and_leave_it_alone(found: Inspection, log: list[Decision]) -> None:
    state = review_state(found.dataset, log)
    more = state.completed({found.dataset.ids[17]: line(0, found.dataset.ids[17], "relabel", "cat")})
    assert more.actions[17] == RELABEL and state.actions[17] == NEEDS_REVIEW
    assert more.classes[more.labels[17]] == "cat" and more.actions[3] == EXCLUDE and more.seq == state.seq


def test_changes_and_classes_add_up(found: Inspection, log: list[Decision]) -> None:
    state = review_state(found.dataset, log)
    assert sum(state.changes().values()) == ROWS
    assert sum(after for _, after in state.class_counts().values()) == int((state.labels[state.kept] >= 0).sum())


# ---- groups in the log


def test_a_group_is_a_field_of_its_event(tmp_path: Path) -> None:
    reviews = Reviews(tmp_path / "r.db")
    lines = reviews.decide("d", ["a", "b"], "exclude", reviewer="Ada", note="t1, audit: 2 of 2 poisoned", group="t7")
    assert [line.group for line in lines] == ["t7", "t7"]
    # a note that looks like an old one is a note
    (plain,) = reviews.decide("d", ["c"], "keep", reviewer="Ada", note="t1, audit: 2 of 2 poisoned")
    assert plain.group == "" and reviews.undo("d", reviewer="Ada")[0].group == ""
    assert [line.group for line in reviews.log("d")] == ["t7", "t7", "", ""]
    reviews.close()


def test_logs_from_before_are_read_by_their_notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, notes = tmp_path / "r.db", ("t12, audit: 3 of 4 poisoned", "proposals from 90 %, audit: 1 of 1 right", "t3 is odd", "")
    with monkeypatch.context() as patch:
        patch.setattr(reviews_file, "MIGRATIONS", reviews_file.MIGRATIONS[:3])
        with sqlite3.connect(path, isolation_level=None) as connection:
            reviews_file.migrate(connection)
            for number, note in enumerate(notes, 1):
                connection.execute(
                    "INSERT INTO events (event, at, reviewer, dataset, action, label, note, score_version, session)"
                    " VALUES (?, 'then', 'Ada', 'd', 'exclude', '', ?, 'v', '')",
                    (f"e{number}", note),
                )
                connection.execute("INSERT INTO lines (event, image_id) VALUES (?, ?)", (number, f"i{number}"))
        connection.close()
    reviews = Reviews(path)
    assert [line.group for line in reviews.log("d")] == ["t12", "proposals", "", ""]
    assert [line.note for line in reviews.log("d")] == list(notes)
    reviews.close()


def test_what_needs_review_can_be_decided_with_many_others(tmp_path: Path) -> None:
    reviews = Reviews(tmp_path / "r.db")
    reviews.decide("d", ["a", "b", "c"], "needs_review", reviewer="Bob")
    reviews.decide("d", ["b"], "keep", reviewer="Bob")
    reviews.decide("d", ["c"], "keep", reviewer="Bob")
    reviews.undo("d", reviewer="Bob")
    lines = reviews.decide("d", ["a", "b", "c"], "exclude", reviewer="Ada", undecided_in=["d"])
    assert [line.image_id for line in lines] == ["a", "c"]
    reviews.close()
