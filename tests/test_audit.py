"""The audit: its sample, its interval, what it offers to decide, and that a group with many labels is one event."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta, binom, hypergeom

from core.audit import interval, sample, sample_within, seed_of
from core.errors import UserError
from core.reviews import Reviews, fold
from core.reviews_file import MIGRATIONS, connect
from core.types import Suggestions
from tests.app_server import ROOT
from tests.component_harness.answers import refused
from tests.component_harness.fake import CLASSES, make_inspection
from ui.audit import audit_note, decided_together, sizes
from ui.carrier_audit import CARRIERS, actions, log_mark

pytest_plugins = ["tests.component_harness.client"]
DATA = "d" * 32

# ---- the sample


def test_a_sample_is_the_same_for_everybody_and_grows_by_its_end():
    rows = np.arange(100, 198)
    seed = seed_of(DATA, "t1")
    drawn = sample(rows, 20, seed)
    assert drawn.dtype == np.int64 and len(set(drawn.tolist())) == 20 and set(drawn.tolist()) <= set(rows.tolist())
    # whoever lists the rows in another order gets the same sample
    assert np.array_equal(drawn, sample(rows[::-1], 20, seed_of(DATA, "t1")))
    assert np.array_equal(drawn, sample(rows, 50, seed)[:20])
    assert sorted(sample(rows, 1000, seed).tolist()) == rows.tolist()
    assert len(sample(rows[:0], 20, seed)) == 0 == len(sample(rows, 0, seed))
    with pytest.raises(ValueError, match="negative"):
        sample(rows, -1, seed)


def test_a_group_that_grows_and_shrinks_is_not_drawn_again():
    rows, seed = np.arange(1000), seed_of(DATA, "proposals")
    large = sample_within(rows[300:], rows, 20, seed)
    small = sample_within(rows[320:], rows, 20, seed)
    assert len(large) == len(small) == 20 and large.min() >= 300 and small.min() >= 320
    # what is in both groups stays in the sample, in the same order
    kept = large[large >= 320]
    assert len(kept) >= 15 and np.array_equal(small[: len(kept)], kept)
    assert sorted(sample_within(rows[990:], rows, 20, seed).tolist()) == list(range(990, 1000))
    assert len(sample_within(rows[:0], rows, 20, seed)) == 0
    with pytest.raises(ValueError, match="negative"):
        sample_within(rows, rows, -1, seed)


def test_every_row_of_a_group_is_drawn_equally_often():
    times = np.zeros(60)
    for seed in range(3000):
        times[sample_within(np.arange(30), np.arange(60), 10, seed)] += 1
    assert np.abs(times[:30] - 1000).max() < 5 * 25.8 and times[30:].sum() == 0


def test_another_set_or_another_pattern_has_another_sample():
    rows = np.arange(1000)
    drawn = {tuple(sample(rows, 20, seed_of(*name)).tolist()) for name in ((DATA, "t1"), (DATA, "t2"), ("e" * 32, "t1"))}
    assert len(drawn) == 3


def test_every_row_is_drawn_equally_often():
    times = np.zeros(30)
    for seed in range(3000):
        times[sample(np.arange(30), 10, seed)] += 1
    # 1000 expected, standard deviation 25.8
    assert np.abs(times - 1000).max() < 5 * 25.8


# ---- the interval


@pytest.mark.parametrize(("hits", "asked"), [(19, 20), (20, 20), (0, 20), (5, 10), (49, 50), (1, 1)])
def test_a_large_group_has_the_interval_of_clopper_and_pearson(hits, asked):
    found = interval(hits, asked, 10**8)
    low = beta.ppf(0.025, hits, asked - hits + 1) if hits else 0.0
    high = beta.ppf(0.975, hits + 1, asked - hits) if hits < asked else 1.0
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-5)
    assert found.share == hits / asked


def test_known_values():
    # Clopper & Pearson's own tails: 19 of 20 at 95 % is 75.13 … 99.87 %
    found = interval(19, 20, 10**8)
    assert (round(100 * found.low, 2), round(100 * found.high, 2)) == (75.13, 99.87)
    assert interval(98, 98, 98) == interval(98, 98, 98, 0.5)
    assert (interval(97, 98, 98).low, interval(97, 98, 98).high) == (97 / 98, 97 / 98)
    nothing = interval(0, 0, 9)
    assert np.isnan(nothing.share) and (nothing.low, nothing.high) == (0, 1)


@pytest.mark.parametrize(("population", "asked"), [(12, 5), (30, 10), (98, 20)])
def test_the_interval_is_what_trying_every_number_finds(population, asked):
    for hits in range(asked + 1):
        fits = [
            held
            for held in range(population + 1)
            if hypergeom.sf(hits - 1, population, held, asked) > 0.025 and hypergeom.cdf(hits, population, held, asked) > 0.025
        ]
        found = interval(hits, asked, population)
        assert (round(found.low * population), round(found.high * population)) == (min(fits), max(fits))


@pytest.mark.parametrize("held", [0, 3, 30, 60, 90, 97, 98])
def test_the_interval_holds_the_truth_at_least_as_often_as_it_says(held):
    """By drawing: `held` of 98 carriers are poisoned, 1,500 audits of 20, each with a sample of its own."""
    poisoned = np.arange(98) < held
    covered = 0
    for seed in range(1500):
        found = interval(int(poisoned[sample(np.arange(98), 20, seed)].sum()), 20, 98)
        covered += found.low <= held / 98 <= found.high
    # were the coverage only just 95 %, so few would be seen less than once in a million times
    assert covered >= binom.ppf(1e-6, 1500, 0.95)


def test_an_interval_that_is_too_narrow_would_be_noticed():
    """The normal approximation says that all are poisoned after 20 of 20; the same drawing finds it out."""
    poisoned = np.arange(98) < 90
    covered = 0
    for seed in range(1500):
        share = poisoned[sample(np.arange(98), 20, seed)].mean()
        covered += abs(share - 90 / 98) <= 1.96 * np.sqrt(share * (1 - share) / 20)
    assert covered < binom.ppf(1e-6, 1500, 0.95)


@pytest.mark.parametrize("bad", [(3, 2, 5), (-1, 2, 5), (1, 6, 5)])
def test_what_is_no_sample_is_refused(bad):
    with pytest.raises(ValueError, match="no sample"):
        interval(*bad)
    with pytest.raises(ValueError, match="level"):
        interval(1, 2, 3, 1.0)


# ---- what is offered


def test_sizes_and_notes():
    assert sizes(400) == [10, 20, 50] and sizes(15) == [10, 15] and sizes(3) == [3] and sizes(0) == []
    assert audit_note("t1", 19, 20, 10**7, CARRIERS) == "t1, audit: 19 of 20 poisoned, 95 % interval 75–100 % of 10000000"
    assert audit_note("t2", 5, 6, 6, CARRIERS) == "t2, audit: 5 of 6 poisoned, every carrier was looked at"


def test_each_carrier_gets_its_own_suggestion_and_the_rest_stays():
    inspection = make_inspection(60)
    finding = inspection.findings[0]
    proposed = inspection.suggestions.labels.copy()
    first, second = finding.rows[:2]
    proposed[first], proposed[second] = -1, inspection.dataset.labels[second]
    inspection = replace(inspection, suggestions=Suggestions(proposed, inspection.suggestions.confidence.copy()))
    relabel = next(action for action in actions(inspection, finding) if action["action"] == "relabel")
    assert relabel["rows"] == finding.rows[2:].tolist()
    assert relabel["labels"] == proposed[finding.rows[2:]].tolist()
    assert "2 have no suggestion" in relabel["says"] or len(finding.rows) == 2


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
    assert {i: d.label for i, d in reviews.state(DATA).items()} == {"a": "cat", "b": "dog", "c": "cat"}
    reviews.undo(DATA, reviewer="Ada")
    assert reviews.state(DATA) == {"a": before[0]}
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
        assert {image: d.label for image, d in log.state(DATA).items()} == held
        assert {image: d.label for image, d in fold(log.log(DATA)).items()} == held
    log.close()


def test_a_log_of_the_first_version_is_brought_up_to_date(tmp_path):
    path = tmp_path / "old.db"
    with connect(path) as old:
        for statement in MIGRATIONS[0][1]:
            old.execute(statement)
        old.execute("CREATE TABLE taster_schema (version INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP)")
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
    assert {i: d.label for i, d in log.state(DATA).items()} == {"a": "dog", "b": "cat"}
    log.close()
    with sqlite3.connect(path) as file, pytest.raises(sqlite3.IntegrityError, match="append-only"):
        file.execute("UPDATE lines SET label = 'dog'")


def test_what_was_decided_together_survives_a_kill(tmp_path):
    """The group is written by a process that is killed the moment it has been told so; the next one finds it whole."""
    path = tmp_path / "reviews.db"
    code = (
        "import os, sys\nfrom pathlib import Path\nfrom core.reviews import Reviews\n"
        "Reviews(Path(sys.argv[1])).decide('d', list('abc'), 'relabel', labels=['x', 'y', 'z'], reviewer='Ada', session='s', session_seq=0)\n"
        "os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False)
    assert done.returncode == -signal.SIGKILL
    log = Reviews(path)
    assert {i: d.label for i, d in log.state("d").items()} == {"a": "x", "b": "y", "c": "z"}
    # the browser does not know that it arrived, and sends it again
    log.decide("d", list("abc"), "relabel", labels=["x", "y", "z"], reviewer="Ada", session="s", session_seq=0)
    assert len(log.log("d")) == 3
    log.undo("d", reviewer="Ada")
    assert log.state("d") == {}
    log.close()


# ---- one event in which each image has an action of its own


def test_each_image_has_its_own_action_and_one_undo_takes_all_back(reviews):
    before = reviews.decide(DATA, ["a"], "keep", reviewer="Bob")
    lines = reviews.decide(DATA, ["a", "b", "c"], ["relabel", "exclude", "relabel"], labels=["cat", "", "dog"], reviewer="Ada")
    assert [(d.image_id, d.action, d.label) for d in lines] == [("a", "relabel", "cat"), ("b", "exclude", ""), ("c", "relabel", "dog")]
    assert len({d.event for d in lines}) == 1 and reviews.log(DATA)[1:] == lines
    assert {i: (d.action, d.label) for i, d in reviews.state(DATA).items()} == {"a": ("relabel", "cat"), "b": ("exclude", ""), "c": ("relabel", "dog")}
    taken_back = reviews.undo(DATA, reviewer="Ada")
    assert [(d.action, d.label) for d in taken_back] == [("undo", "")] * 3
    assert reviews.state(DATA) == {"a": before[0]}


def test_what_is_decided_already_stays_as_it_is(reviews):
    earlier = reviews.decide("older digest", ["a"], "keep", reviewer="Bob")
    reviews.decide(DATA, ["b"], "exclude", reviewer="Bob")
    reviews.undo(DATA, reviewer="Bob")
    both = ("older digest", DATA)
    lines = reviews.decide(DATA, ["a", "b", "c"], ["exclude"] * 3, labels=[""] * 3, reviewer="Ada", undecided_in=both)
    assert [d.image_id for d in lines] == ["b", "c"]
    assert reviews.state(both)["a"] == earlier[0]
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
    answer = decide(rows=rows, action="relabel", labels=labels, note=note).json()
    assert answer["saved"] == len(rows)
    assert {c["row"]: c["label"] for c in answer["changes"]} == {row: CLASSES[label] for row, label in zip(rows, labels, strict=True)}
    log = services.reviews().log(inspection.dataset.digest)
    standing = decided_together(log, inspection, log_mark(finding))
    assert (standing["event"], standing["images"], standing["action"], standing["note"]) == (answer["event"], len(rows), "relabel", note)
    # something else was decided since: the group is still the one that is taken back
    decide(rows=[0 if 0 not in rows else 1], action="keep")
    assert decide("/api/undo", event=answer["event"]).json()["saved"] == len(rows)
    log = services.reviews().log(inspection.dataset.digest)
    assert decided_together(log, inspection, log_mark(finding)) is None
    assert [d.action for d in fold(log).values()] == ["keep"]


def test_another_scans_pattern_of_the_same_name_is_not_taken_for_this_one(services, inspection, decide):
    decide(rows=inspection.findings[0].rows.tolist(), action="exclude", note=audit_note("t1", 1, 2, 9, CARRIERS))
    log = services.reviews().log(inspection.dataset.digest)
    assert decided_together(log, inspection, log_mark(inspection.findings[0])) is not None
    assert decided_together(log, inspection, "t2, audit: ") is None
    assert decided_together(log, replace(inspection, key="0" * 32), "t1, audit: ") is None


@pytest.mark.parametrize("bad", [{"labels": [1]}, {"labels": [1, 99]}, {"labels": [1, True]}, {"labels": "12"}, {"labels": [1, 2], "label": CLASSES[0]}, {"labels": [-1, 1]}], ids=str)
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
    assert [(c["row"], c["action"], c["label"]) for c in answer["changes"]] == [(1, "relabel", CLASSES[4]), (2, "exclude", ""), (3, "keep", "")]
    assert decide("/api/undo", event=answer["event"]).json()["saved"] == 3
    assert services.reviews().state(inspection.dataset.digest) == {}


def test_what_people_decided_meanwhile_is_left_alone(services, inspection, decide):
    decide(rows=[2], action="keep", reviewer="Bob")
    answer = decide(rows=[1, 2], actions=["exclude", "exclude"], labels=[None, None], undecided=True).json()
    assert answer["saved"] == 1
    held = services.reviews().state(inspection.dataset.digest)
    assert {d.image_id: (d.action, d.reviewer) for d in held.values()} == {inspection.dataset.ids[1]: ("exclude", "Ada"), inspection.dataset.ids[2]: ("keep", "Bob")}
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
