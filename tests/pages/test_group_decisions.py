"""Deciding a group: one event with a label or an action for each image, one undo, over the log and over HTTP."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import UserError
from core.reviews.database import MIGRATIONS, connect
from core.reviews.log import Reviews, fold
from tests.support.app_server import ROOT
from tests.support.component_harness.answers import refused
from tests.support.component_harness.fake import CLASSES
from ui.widgets.audit import audit_note, decided_together
from ui.widgets.carrier_audit import CARRIERS

pytest_plugins = ["tests.support.component_harness.client"]
DATA = "d" * 32

# ---- one event with many labels


@pytest.fixture
def reviews(tmp_path):
    log = Reviews(tmp_path / "reviews.db")
    yield log
    log.close()


def test_many_labels_are_one_event_and_one_undo(reviews):
    before = reviews.decide(DATA, ["a"], "exclude", reviewer="Ada")
    lines = reviews.decide(DATA, ["a", "b", "c"], "relabel", labels=["cat", "dog", "cat"], note="t1, audit: …", reviewer="Ada")
    assert [(d.image_id, d.action, d.label) for d in lines] == [("a", "relabel", "cat"), ("b", "relabel", "dog"), ("c", "relabel", "cat")]
    assert len({d.event for d in lines}) == 1
    assert {i: d.label for i, d in fold(reviews.log(DATA)).items()} == {"a": "cat", "b": "dog", "c": "cat"}
    reviews.undo(DATA, reviewer="Ada")
    assert fold(reviews.log(DATA)) == {"a": before[0]}
    assert [d.label for d in reviews.log(DATA)[-3:]] == ["", "", ""]


def test_sending_many_labels_again_writes_nothing(reviews):
    sent = {"labels": ["cat", "dog"], "reviewer": "Ada", "session": "s", "session_seq": 1}
    lines = reviews.decide(DATA, ["a", "b"], "relabel", **sent)
    assert reviews.decide(DATA, ["a", "b"], "relabel", **sent) == lines == reviews.log(DATA)


@pytest.mark.parametrize(
    "bad",
    [
        {"labels": ["cat"]},
        {"labels": ["cat", ""]},
        {"labels": ["cat", "dog"], "label": "cat"},
        {"labels": "ab"},
        {"labels": ["cat", "dog"], "image_ids": ["a", "a"]},
        {"labels": ["cat", "dog"], "action": "exclude"},
    ],
    ids=str,
)
def test_labels_that_do_not_fit_are_refused(reviews, bad):
    fields = {"image_ids": ["a", "b"], "action": "relabel", **bad}
    with pytest.raises(UserError):
        reviews.decide(DATA, reviewer="Ada", **fields)
    assert reviews.log(DATA) == []


@settings(max_examples=25, deadline=None)
@given(steps=st.lists(st.tuples(st.dictionaries(st.sampled_from("abcd"), st.text(min_size=1), min_size=1), st.booleans()), max_size=8))
def test_any_labels_come_back_and_go_again(tmp_path_factory, steps):
    log = Reviews(tmp_path_factory.mktemp("log") / "r.db")
    expected: list[dict[str, str]] = []
    for wanted, undo in steps:
        if undo:
            log.undo(DATA, reviewer="Ada")
            expected = expected[:-1]
        else:
            log.decide(DATA, list(wanted), "relabel", labels=list(wanted.values()), reviewer="Ada")
            expected.append(wanted)
        held = {image: name for group in expected for image, name in group.items()}
        assert {image: d.label for image, d in fold(log.log(DATA)).items()} == held
        assert {image: d.label for image, d in fold(log.log(DATA)).items()} == held
    log.close()


def test_a_log_of_the_first_version_is_brought_up_to_date(tmp_path):
    path = tmp_path / "old.db"
    with connect(path) as old:
        for statement in MIGRATIONS[0][1]:
            old.execute(statement)
        old.execute(
            "CREATE TABLE taster_schema (version INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP)"
        )
        old.execute("INSERT INTO taster_schema (version, name) VALUES (1, 'events and lines')")
        old.execute(
            "INSERT INTO events (event, at, reviewer, dataset, action, label, note, score_version, session, session_seq, undoes)"
            " VALUES ('e', '2026-01-01', 'Ada', ?, 'relabel', 'cat', '', '', '', NULL, NULL)",
            (DATA,),
        )
        old.execute("INSERT INTO lines (event, image_id, undoes) VALUES (1, 'a', NULL)")
    log = Reviews(path)
    assert [(d.image_id, d.label) for d in log.log(DATA)] == [("a", "cat")]
    log.decide(DATA, ["a", "b"], "relabel", labels=["dog", "cat"], reviewer="Ada")
    assert {i: d.label for i, d in fold(log.log(DATA)).items()} == {"a": "dog", "b": "cat"}
    log.close()
    with sqlite3.connect(path) as file, pytest.raises(sqlite3.IntegrityError, match="append-only"):
        file.execute("UPDATE lines SET label = 'dog'")


def test_what_was_decided_together_survives_a_kill(tmp_path):
    """The group is written by a process that is killed the moment it has been told so; the next one finds it whole."""
    path = tmp_path / "reviews.db"
    code = (
        "import os, sys\nfrom pathlib import Path\nfrom core.reviews.log import Reviews\n"
        "Reviews(Path(sys.argv[1])).decide('d', list('abc'), 'relabel', labels=['x', 'y', 'z'], reviewer='Ada', session='s', session_seq=0)\n"
        "os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False)
    assert done.returncode == -signal.SIGKILL
    log = Reviews(path)
    assert {i: d.label for i, d in fold(log.log("d")).items()} == {"a": "x", "b": "y", "c": "z"}
    # the browser does not know that it arrived, and sends it again
    log.decide("d", list("abc"), "relabel", labels=["x", "y", "z"], reviewer="Ada", session="s", session_seq=0)
    assert len(log.log("d")) == 3
    log.undo("d", reviewer="Ada")
    assert fold(log.log("d")) == {}
    log.close()


# ---- one event in which each image has an action of its own


def test_each_image_has_its_own_action_and_one_undo_takes_all_back(reviews):
    before = reviews.decide(DATA, ["a"], "keep", reviewer="Bob")
    lines = reviews.decide(DATA, ["a", "b", "c"], ["relabel", "exclude", "relabel"], labels=["cat", "", "dog"], reviewer="Ada")
    assert [(d.image_id, d.action, d.label) for d in lines] == [("a", "relabel", "cat"), ("b", "exclude", ""), ("c", "relabel", "dog")]
    assert len({d.event for d in lines}) == 1 and reviews.log(DATA)[1:] == lines
    assert {i: (d.action, d.label) for i, d in fold(reviews.log(DATA)).items()} == {
        "a": ("relabel", "cat"),
        "b": ("exclude", ""),
        "c": ("relabel", "dog"),
    }
    taken_back = reviews.undo(DATA, reviewer="Ada")
    assert [(d.action, d.label) for d in taken_back] == [("undo", "")] * 3
    assert fold(reviews.log(DATA)) == {"a": before[0]}


def test_what_is_decided_already_stays_as_it_is(reviews):
    earlier = reviews.decide("older digest", ["a"], "keep", reviewer="Bob")
    reviews.decide(DATA, ["b"], "exclude", reviewer="Bob")
    reviews.undo(DATA, reviewer="Bob")
    both = ("older digest", DATA)
    lines = reviews.decide(DATA, ["a", "b", "c"], ["exclude"] * 3, labels=[""] * 3, reviewer="Ada", undecided_in=both)
    assert [d.image_id for d in lines] == ["b", "c"]
    assert fold(reviews.log(both))["a"] == earlier[0]
    written = reviews.log(both)
    assert reviews.decide(DATA, ["a", "b", "c"], "exclude", reviewer="Ada", undecided_in=both) == []
    assert reviews.log(both) == written
    # sent again under its number it is the first answer, although all is decided by now
    sent = {"reviewer": "Ada", "session": "s", "session_seq": 3, "undecided_in": both}
    assert reviews.decide(DATA, ["c", "d"], "keep", **sent) == reviews.decide(DATA, ["c", "d"], "keep", **sent)
    assert [d.image_id for d in reviews.log(both)[len(written) :]] == ["d"]


@pytest.mark.parametrize(
    "bad",
    [
        {"action": ["exclude"], "labels": [""]},
        {"action": ["exclude", "undo"], "labels": ["", ""]},
        {"action": ["exclude", "relabel"], "labels": ["", ""]},
        {"action": ["exclude", "relabel"], "labels": ["cat", "cat"]},
        {"action": ["exclude", "exclude"], "labels": []},
        {"action": ["relabel", "relabel"], "labels": [], "label": "cat"},
        {"action": ["exclude", "exclude"], "labels": ["", ""], "image_ids": ["a", "a"]},
        {"action": [], "labels": []},
        {"action": "exclude", "labels": ["cat", ""]},
        {"action": "relabel", "labels": ["cat", ""]},
    ],
    ids=str,
)
def test_actions_that_do_not_fit_are_refused(reviews, bad):
    fields = {"image_ids": ["a", "b"], **bad}
    with pytest.raises(UserError):
        reviews.decide(DATA, reviewer="Ada", **fields)
    assert reviews.log(DATA) == []


# ---- over HTTP


def test_a_group_travels_as_class_numbers_and_can_be_taken_back_by_name(services, inspection, decide):
    finding = inspection.findings[0]
    rows = finding.rows.tolist()
    labels = [(int(inspection.dataset.labels[row]) + 1) % len(CLASSES) for row in rows]
    note = audit_note("t1", 2, len(rows), len(rows), CARRIERS)
    answer = decide(rows=rows, action="relabel", labels=labels, note=note, group="t1").json()
    assert answer["saved"] == len(rows)
    assert {c["row"]: c["label"] for c in answer["changes"]} == {row: CLASSES[label] for row, label in zip(rows, labels, strict=True)}
    log = services.reviews().log(inspection.dataset.digest)
    standing = decided_together(log, inspection, finding.trigger_id)
    assert (standing["event"], standing["images"], standing["action"], standing["note"]) == (answer["event"], len(rows), "relabel", note)
    # something else was decided since: the group is still the one that is taken back
    decide(rows=[0 if 0 not in rows else 1], action="keep")
    assert decide("/api/undo", event=answer["event"]).json()["saved"] == len(rows)
    log = services.reviews().log(inspection.dataset.digest)
    assert decided_together(log, inspection, finding.trigger_id) is None
    assert [d.action for d in fold(log).values()] == ["keep"]


def test_another_scans_pattern_of_the_same_name_is_not_taken_for_this_one(services, inspection, decide):
    decide(rows=inspection.findings[0].rows.tolist(), action="exclude", note=audit_note("t1", 1, 2, 9, CARRIERS), group="t1")
    log = services.reviews().log(inspection.dataset.digest)
    assert decided_together(log, inspection, "t1") is not None
    assert decided_together(log, inspection, "t2") is None
    assert decided_together(log, replace(inspection, key="0" * 32), "t1") is None


@pytest.mark.parametrize("bad", [7, None, ["t1"], "t" * 65], ids=str)
def test_a_group_that_is_no_short_text_is_refused(services, inspection, decide, bad):
    refused(decide(rows=[1], action="keep", group=bad), 400)
    assert services.reviews().log(inspection.dataset.digest) == []


@pytest.mark.parametrize(
    "bad",
    [
        {"labels": [1]},
        {"labels": [1, 99]},
        {"labels": [1, True]},
        {"labels": "12"},
        {"labels": [1, 2], "label": CLASSES[0]},
        {"labels": [-1, 1]},
    ],
    ids=str,
)
def test_labels_that_name_nothing_are_refused(services, inspection, decide, bad):
    refused(decide(rows=[1, 2], action="relabel", **bad), 400)
    refused(decide(rows=[1, 1], action="relabel", labels=[1, 2]), 400)
    refused(decide(rows=[1, 2], action="exclude", labels=[1, 2]), 400)
    assert services.reviews().log(inspection.dataset.digest) == []


def test_the_same_number_for_other_labels_is_not_lost(decide):
    decide(rows=[1, 2], action="relabel", labels=[0, 1], seq=500)
    refused(decide(rows=[1, 2], action="relabel", labels=[1, 0], seq=500), 409)


def test_an_event_that_is_not_known_is_refused(decide):
    refused(decide("/api/undo", event="e" * 32), 503)
    refused(decide("/api/undo", event=7), 400)


def test_each_row_travels_with_its_own_action(services, inspection, decide):
    answer = decide(rows=[1, 2, 3], actions=["relabel", "exclude", "keep"], labels=[4, None, None], note="proposals").json()
    assert answer["saved"] == 3
    assert [(c["row"], c["action"], c["label"]) for c in answer["changes"]] == [
        (1, "relabel", CLASSES[4]),
        (2, "exclude", ""),
        (3, "keep", ""),
    ]
    assert decide("/api/undo", event=answer["event"]).json()["saved"] == 3
    assert fold(services.reviews().log(inspection.dataset.digest)) == {}


def test_what_people_decided_meanwhile_is_left_alone(services, inspection, decide):
    decide(rows=[2], action="keep", reviewer="Bob")
    answer = decide(rows=[1, 2], actions=["exclude", "exclude"], labels=[None, None], undecided=True).json()
    assert answer["saved"] == 1
    held = fold(services.reviews().log(inspection.dataset.digest))
    assert {d.image_id: (d.action, d.reviewer) for d in held.values()} == {
        inspection.dataset.ids[1]: ("exclude", "Ada"),
        inspection.dataset.ids[2]: ("keep", "Bob"),
    }
    assert "by now" in refused(decide(rows=[1, 2], actions=["exclude", "exclude"], labels=[None, None], undecided=True), 409)


@pytest.mark.parametrize(
    "bad",
    [
        {"actions": ["exclude"], "labels": [None]},
        {"actions": ["exclude", "undo"], "labels": [None, None]},
        {"actions": ["exclude", ["keep"]], "labels": [None, None]},
        {"actions": "exclude", "labels": [None, None]},
        {"actions": ["exclude", "relabel"], "labels": [None, None]},
        {"actions": ["exclude", "relabel"], "labels": [1, 1]},
        {"actions": ["exclude", "exclude"]},
        {"actions": ["relabel", "relabel"], "labels": [1, 99]},
        {"actions": ["exclude", "exclude"], "labels": [None, None], "action": "exclude"},
        {"action": ["exclude"]},
        {"action": "relabel", "labels": [1, None]},
    ],
    ids=str,
)
def test_actions_that_name_nothing_are_refused(services, inspection, decide, bad):
    refused(decide(rows=[1, 2], **bad), 400)
    assert services.reviews().log(inspection.dataset.digest) == []
