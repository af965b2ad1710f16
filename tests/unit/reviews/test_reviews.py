"""The decision log: what it keeps, refuses and survives."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from core.errors import UserError
from core.reviews.log import Reviews, fold
from core.types import Decision

DATA = "d" * 32


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "new folder" / "reviews.db"


@pytest.fixture
def reviews(path: Path) -> Iterator[Reviews]:
    log = Reviews(path)
    yield log
    log.close()


def standing(reviews: Reviews, dataset: str = DATA) -> dict[str, tuple[str, str, str]]:
    return {i: (d.reviewer, d.action, d.label) for i, d in fold(reviews.log(dataset)).items()}


# ---- deciding


def test_a_group_is_one_event_with_one_line_per_image(reviews: Reviews) -> None:
    lines = reviews.decide(DATA, ["b", "a", "b"], "relabel", reviewer=" ann ", label="cat", note="n", score_version="v1", session="s")
    assert [(d.seq, d.image_id) for d in lines] == [(1, "b"), (2, "a")]
    assert {(d.reviewer, d.action, d.label, d.note, d.score_version, d.dataset) for d in lines} == {
        ("ann", "relabel", "cat", "n", "v1", DATA)
    }
    assert len({d.event for d in lines}) == 1 and len(lines[0].event) == 32
    assert lines[0].at.endswith("+00:00") and lines[0].at[10] == "T" and len(lines[0].at) == 32
    assert lines == reviews.log(DATA)
    assert reviews.decide(DATA, ["a"], "keep", reviewer="ann")[0].event != lines[0].event


def test_log_and_state_are_cut_by_seq_and_data_set(reviews: Reviews) -> None:
    reviews.decide(DATA, ["a"], "exclude", reviewer="ann")
    reviews.decide("older", ["a"], "keep", reviewer="ann")
    reviews.decide(DATA, ["a", "b"], "keep", reviewer="bob")
    assert [d.seq for d in reviews.log(DATA)] == [1, 3, 4]
    assert [d.seq for d in reviews.log(DATA, after=1, upto=3)] == [3]
    assert [d.seq for d in reviews.log([DATA, "older"])] == [1, 2, 3, 4]
    assert (reviews.head(DATA), reviews.head("older"), reviews.head([DATA, "older"]), reviews.head("x")) == (4, 2, 4, 0)
    assert fold(reviews.log(DATA, upto=1))["a"].action == "exclude"
    assert fold(reviews.log(DATA))["a"].reviewer == "bob"
    assert fold(reviews.log(["older", DATA], upto=2))["a"].action == "keep"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"action": "delete"}, "keep, relabel, exclude, needs_review"),
        ({"action": "undo"}, "choose one of"),
        ({"action": "relabel"}, "needs the new class"),
        ({"label": "cat"}, "takes no class"),
        ({"reviewer": "  "}, "name of its reviewer"),
        ({"reviewer": "x" * 81}, "too long"),
        ({"image_ids": []}, "no image"),
        ({"image_ids": "a.png"}, "list of image ids"),
        ({"dataset": ""}, "data set"),
        ({"session_seq": 1}, "session"),
        ({"session": "s", "session_seq": 2**63}, "session"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_bad_decisions_are_refused_in_one_line(reviews: Reviews, change: dict[str, object], says: str) -> None:
    good: dict[str, object] = {"dataset": DATA, "image_ids": ["a"], "action": "keep", "reviewer": "ann"}
    with pytest.raises(UserError, match=says) as error:
        reviews.decide(**(good | change))  # type: ignore[arg-type]
    assert "\n" not in str(error.value)
    assert reviews.head(DATA) == 0


HOSTILE = [
    "'; DROP TABLE lines; --",
    "a\x00b",
    "caf\udce9.png",
    "\ud800",
    "日本\u202e",
    "\r\n=cmd()",
    "<img onerror=1>",
]


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
def test_hostile_names_come_back_as_given(reviews: Reviews, path: Path, name: str) -> None:
    reviews.decide(name, [name], "relabel", reviewer="r" + name, label=name, note=name, session=name, session_seq=0)
    reviews.close()
    (line,) = Reviews(path).log(name)
    assert (line.dataset, line.image_id, line.label, line.note) == (name, name, name, name)
    assert line.reviewer == ("r" + name).strip()


# ---- taking back


def test_undo_brings_back_the_earlier_decision_of_another_reviewer(reviews: Reviews) -> None:
    reviews.decide(DATA, ["a"], "exclude", reviewer="ann")
    reviews.decide(DATA, ["a", "b"], "keep", reviewer="bob")
    back = reviews.undo(DATA, reviewer="bob")
    assert [(d.image_id, d.action, d.undoes, d.seq) for d in back] == [("a", "undo", 2, 4), ("b", "undo", 3, 5)]
    assert standing(reviews) == {"a": ("ann", "exclude", "")}
    assert reviews.undo(DATA, reviewer="bob") == []
    reviews.decide(DATA, ["b"], "exclude", reviewer="bob")
    assert standing(reviews)["b"] == ("bob", "exclude", "")


def test_undo_is_unlimited_and_survives_a_restart(reviews: Reviews, path: Path) -> None:
    for i in range(20):
        reviews.decide(DATA, [f"{i}"], "keep", reviewer="ann")
    for left in range(19, -1, -1):
        reviews.close()
        reviews = Reviews(path)
        assert [d.image_id for d in reviews.undo(DATA, reviewer="ann")] == [f"{left}"]
        assert len(fold(reviews.log(DATA))) == left
    assert reviews.undo(DATA, reviewer="ann") == []


def test_a_named_event_is_undone_once_and_an_undo_never(reviews: Reviews) -> None:
    first = reviews.decide(DATA, ["a"], "exclude", reviewer="ann")[0]
    reviews.decide(DATA, ["b"], "exclude", reviewer="ann")
    undone = reviews.undo(DATA, reviewer="bob", event=first.event)
    assert [(d.reviewer, d.undoes) for d in undone] == [("bob", first.seq)]
    assert standing(reviews) == {"b": ("ann", "exclude", "")}
    assert reviews.undo(DATA, reviewer="ann", event=first.event) == []
    with pytest.raises(UserError, match="itself an undo"):
        reviews.undo(DATA, reviewer="ann", event=undone[0].event)
    with pytest.raises(UserError, match="not known"):
        reviews.undo("other", reviewer="ann", event=first.event)


def test_undo_over_several_digests_is_written_to_the_digest_decided_on(reviews: Reviews) -> None:
    reviews.decide("old", ["a"], "exclude", reviewer="ann")
    (line,) = reviews.undo(["old", "new"], reviewer="ann")
    assert line.dataset == "old" and fold(reviews.log("old")) == {} and reviews.head("new") == 0


# ---- the same message twice


def test_the_same_message_is_written_once(reviews: Reviews) -> None:
    first = reviews.decide(DATA, ["a", "b"], "exclude", reviewer="ann", session="s", session_seq=7)
    again = reviews.decide(DATA, ["a", "b"], "keep", reviewer="ann", session="s", session_seq=7)
    assert again == first and reviews.log(DATA) == first
    other = reviews.decide(DATA, ["a"], "keep", reviewer="ann", session="t", session_seq=7)
    assert other[0].seq == 3
    undone = reviews.undo(DATA, reviewer="ann", session="s", session_seq=8)
    assert reviews.undo(DATA, reviewer="ann", session="s", session_seq=8) == undone
    assert reviews.head(DATA) == 4 and len(fold(reviews.log(DATA))) == 2


def test_an_undo_of_nothing_sent_again_later_still_undoes_nothing(reviews: Reviews) -> None:
    assert reviews.undo(DATA, reviewer="ann", session="s", session_seq=0) == []
    reviews.decide(DATA, ["a"], "keep", reviewer="ann", session="s", session_seq=1)
    assert reviews.undo(DATA, reviewer="ann", session="s", session_seq=0) == []
    assert standing(reviews) == {"a": ("ann", "keep", "")}


def test_many_threads_with_the_same_message_write_it_once(reviews: Reviews) -> None:
    def send(i: int) -> list[Decision]:
        return reviews.decide(DATA, [f"{i % 4}"], "keep", reviewer="ann", session="s", session_seq=i % 4)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(send, range(40)))
    assert len(reviews.log(DATA)) == 4
    assert all(answers[i] == answers[i % 4] for i in range(40))


# ---- append-only


@pytest.mark.parametrize("table", ["lines", "events"])
@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE {t} SET undoes = NULL",
        "DELETE FROM {t}",
        "REPLACE INTO {t} SELECT * FROM {t}",
        "INSERT OR REPLACE INTO {t} SELECT * FROM {t} WHERE undoes IS NOT NULL",
    ],
)
def test_the_log_cannot_be_rewritten(reviews: Reviews, path: Path, table: str, sql: str) -> None:
    reviews.decide(DATA, ["a"], "exclude", reviewer="ann")
    reviews.undo(DATA, reviewer="ann")
    before = reviews.log(DATA)
    connection = sqlite3.connect(path)
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        connection.execute(sql.format(t=table))
    connection.close()
    assert reviews.log(DATA) == before


def test_fold_does_not_depend_on_the_order_of_lines(reviews: Reviews) -> None:
    reviews.decide(DATA, ["a", "b"], "exclude", reviewer="ann")
    reviews.decide(DATA, ["a"], "keep", reviewer="ann")
    reviews.undo(DATA, reviewer="ann")
    lines = reviews.log(DATA)
    assert fold(reversed(lines)) == fold(lines) == {"a": lines[0], "b": lines[1]}
