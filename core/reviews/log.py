"""Append-only log of what reviewers decided and took back; the only SQLAlchemy import.

One event (one click, or one lassoed group) is one row of `events` and one line per image in `lines`; both are
written in one transaction and never changed again. What holds now is a pure fold over the log.
Known limit: SQLite's locks need a local disk; a log on a network share is not safe with several writers.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy import event as events
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import QueuePool

from ..errors import UserError
from ..types import ACTIONS, Decision
from .checks import LARGEST_INTEGER, REVIEWER_CHARACTERS, Line, checked_digests, checked_lines, checked_reviewer
from .database import connect, migrate, refuse_foreign, why

__all__ = ["REVIEWER_CHARACTERS", "Reviews", "fold"]

# what an event is called whose images have an action each; no line is ever read as that
EACH_ITS_OWN = "mixed"
_SELECT = (
    "SELECT l.seq, e.at, e.reviewer, e.dataset, l.image_id, coalesce(l.action, e.action), coalesce(l.label, e.label),"
    " e.note, l.undoes, e.score_version, e.event, e.group_name FROM lines l JOIN events e ON e.number = l.event"
)
# how the note of an audited group began before events had a group
_GROUP_IN_NOTE = re.compile(r"(t[0-9]+|proposals)(?: from [0-9]+ %)?, audit: ")


def fold(log: Iterable[Decision]) -> dict[str, Decision]:
    """The decision that holds for each image id: the newest by `seq` that nobody took back.

    Pure; the order of `log` does not matter. Taking back a later decision brings back the earlier one, also
    another reviewer's. Only a log from its start folds to the truth: `log(after=…)` is for following, not folding.
    """
    lines = sorted(log, key=lambda line: line.seq)
    undone = {line.undoes for line in lines if line.action == "undo"}
    return {line.image_id: line for line in lines if line.action != "undo" and line.seq not in undone}


class Reviews:
    """The decision log in the SQLite file `path` (made when missing), for many threads and processes at once.

    Every method raises UserError, in one line and with nothing half-written, when the file is not a review log of
    this version, is damaged, read-only or locked for longer than ten seconds, or when the disk is full.
    """

    def __init__(self, path: Path) -> None:
        self._path = Path(path).absolute()
        with _explained(self._path):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            refuse_foreign(self._path)
            with closing(connect(self._path)) as connection:
                migrate(connection)
            self._engine = _engine(self._path)

    def decide(
        self,
        dataset: str,
        image_ids: Sequence[str],
        action: str | Sequence[str],
        *,
        reviewer: str,
        label: str = "",
        labels: Sequence[str] = (),
        note: str = "",
        group: str = "",
        score_version: str = "",
        session: str = "",
        session_seq: int | None = None,
        undecided_in: Sequence[str] = (),
    ) -> list[Decision]:
        """Append one event that decides `image_ids` (repeats collapsed) alike; returns its lines, once committed.

        action: one of ACTIONS; `relabel` needs the class name `label`, the others take none. Names are kept as given.
        labels: instead of `label`, one class name for each of `image_ids`, which then must not repeat. With one action
        for each image too, labels are "" where the action takes none.
        group: what the images are that are decided together, where they were audited as one (see Decision).
        undecided_in: digests; images that are decided there, also a moment ago, stay as they are ("needs review" leaves
        an image undecided). Where none is left, nothing is written and [] returned.
        session, session_seq: sending the same pair again returns the first event's lines and writes nothing.
        Raises UserError for bad input.
        """
        reviewer = checked_reviewer(reviewer, session, session_seq)
        lines = checked_lines(dataset, image_ids, action, label, labels)
        named = action if isinstance(action, str) else EACH_ITS_OWN
        fields = (dataset, named, label, note, group, score_version, session, session_seq, None)
        with self._transaction(writes=True) as connection:
            known = _sent(connection, session, session_seq)
            if known is None:
                decided = _decided(connection, checked_digests(undecided_in)) if undecided_in else set()
                lines = [line for line in lines if line[0] not in decided]
                if not lines:
                    return []
                known = _append(connection, reviewer, fields, lines)
            return _lines(connection, known)

    def undo(
        self,
        dataset: str | Sequence[str],
        *,
        reviewer: str,
        session: str = "",
        session_seq: int | None = None,
        event: str | None = None,
    ) -> list[Decision]:
        """Append lines that take back the newest standing event of `reviewer`, or `event`; [] when none stands.

        event: the `event` of any decision on `dataset`, also another reviewer's. An undo is never undone: decide
        again. Sending the same (session, session_seq) again changes nothing, also where there was nothing to undo.
        Raises UserError for bad input and for an event that `dataset` does not have.
        """
        reviewer, digests = checked_reviewer(reviewer, session, session_seq), checked_digests(dataset)
        with self._transaction(writes=True) as connection:
            known = _sent(connection, session, session_seq)
            if known is None:
                target = _standing(connection, digests, reviewer, event)
                if target is None and session_seq is None:
                    return []
                known = _append_undo(connection, reviewer, digests, (session, session_seq), target)
            return _lines(connection, known)

    def log(self, dataset: str | Sequence[str], *, after: int = 0, upto: int | None = None) -> list[Decision]:
        """The lines on `dataset` (one digest, or the digests one source had over time), after < seq <= upto."""
        digests = checked_digests(dataset)
        last = LARGEST_INTEGER if upto is None else upto
        # "+" keeps SQLite off the index of data sets: following a long log reads its new end only
        where = f" WHERE {'+' if after else ''}e.dataset IN ({_marks(digests)}) AND l.seq > ? AND l.seq <= ? ORDER BY l.seq"
        with self._transaction(writes=False) as connection:
            return _decisions(connection, _SELECT + where, (*map(_stored, digests), after, last))

    def head(self, dataset: str | Sequence[str]) -> int:
        """The newest `seq` on `dataset`; 0 if there is none."""
        newest = (
            "SELECT l.seq FROM events e JOIN lines l ON l.event = e.number WHERE e.dataset = CAST(? AS TEXT)"
            " ORDER BY e.number DESC, l.seq DESC LIMIT 1"
        )
        with self._transaction(writes=False) as connection:
            heads = [connection.exec_driver_sql(newest, (_stored(d),)).scalar() for d in checked_digests(dataset)]
        return max(int(head or 0) for head in heads)

    def close(self) -> None:
        """Close the connections; the log can be opened again."""
        self._engine.dispose()

    @contextmanager
    def _transaction(self, *, writes: bool) -> Iterator[Connection]:
        with _explained(self._path), self._engine.connect() as connection:
            connection.execution_options(writes=writes)
            with connection.begin():
                yield connection


# ---- the database


def _engine(path: Path) -> Engine:
    # connections are made by `connect` alone, so that every one has the same settings
    engine = create_engine("sqlite://", creator=lambda: connect(path), poolclass=QueuePool, max_overflow=-1)

    @events.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # a writer takes the lock at once: one that reads first could be refused at its first write
        writes = connection.get_execution_options().get("writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Faults of the file or the disk as UserError; anything else passes as it is."""
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error, OSError, UnicodeDecodeError) as error:
        mendable = why(path, error)
        if mendable is None:
            raise
        raise mendable from error


# ---- rows


def _stored(text: str) -> bytes:
    # as bytes, because names of files may hold lone surrogates, which sqlite3 refuses in a str; CAST makes it TEXT
    return text.encode("utf-8", "surrogatepass")


def _marks(values: Sequence[str]) -> str:
    return ", ".join(["CAST(? AS TEXT)"] * len(values))


def _decisions(connection: Connection, sql: str, values: tuple[object, ...]) -> list[Decision]:
    return [_decision(*row) for row in connection.exec_driver_sql(sql, values).fetchall()]


def _decision(*fields: Any) -> Decision:
    """One line as it was read; raises DatabaseError where another program has changed what it means."""
    *values, group = fields
    (*texts, action, label, note), more = values[1:8], values[9:11]
    if action not in (*ACTIONS, "undo") or not all(isinstance(text, str) for text in (*texts, label, note, *more)):
        raise sqlite3.DatabaseError("malformed line")
    if group is None:
        known = _GROUP_IN_NOTE.match(note)
        group = known[1] if known else ""
    return Decision(*(*values, group))


def _lines(connection: Connection, number: int) -> list[Decision]:
    return _decisions(connection, _SELECT + " WHERE l.event = ? ORDER BY l.seq", (number,))


def _sent(connection: Connection, session: str, session_seq: int | None) -> int | None:
    """Number of the event that this pair was sent for already."""
    sql = "SELECT number FROM events WHERE session = CAST(? AS TEXT) AND session_seq = ?"
    found = connection.exec_driver_sql(sql, (_stored(session), session_seq)).scalar()
    return None if found is None else int(found)


def _decided(connection: Connection, digests: tuple[str, ...]) -> set[str]:
    """Ids of the images that are decided: the newest line that stands is no "needs review"."""
    # SQLite takes the action from the row that has the largest seq
    sql = (
        "SELECT image_id FROM (SELECT l.image_id, coalesce(l.action, e.action) AS held, MAX(l.seq)"
        f" FROM events e JOIN lines l ON l.event = e.number WHERE e.dataset IN ({_marks(digests)}) AND e.action <> 'undo'"
        " AND NOT EXISTS (SELECT 1 FROM lines u WHERE u.undoes = l.seq) GROUP BY l.image_id) WHERE held <> 'needs_review'"
    )
    return {str(image) for (image,) in connection.exec_driver_sql(sql, tuple(map(_stored, digests)))}


def _append(connection: Connection, reviewer: str, fields: tuple[object, ...], lines: Sequence[Line]) -> int:
    """Write one event and its lines; returns the event's number."""
    # the time is taken under the write lock, so that it rises with seq as far as the clock does
    at = datetime.now(timezone.utc).isoformat(timespec="microseconds")
    values = [_stored(v) if isinstance(v, str) else v for v in (uuid4().hex, at, reviewer, *fields)]
    marks = ", ".join("CAST(? AS TEXT)" if isinstance(v, bytes) else "?" for v in values)
    columns = "event, at, reviewer, dataset, action, label, note, group_name, score_version, session, session_seq, undoes"
    number = connection.exec_driver_sql(f"INSERT INTO events ({columns}) VALUES ({marks})", tuple(values)).lastrowid
    if lines:
        connection.exec_driver_sql(
            "INSERT INTO lines (event, image_id, undoes, label, action) VALUES (?, CAST(? AS TEXT), ?, CAST(? AS TEXT), ?)",
            [(number, _stored(image), undoes, None if name is None else _stored(name), done) for image, undoes, name, done in lines],
        )
    return int(number)


def _append_undo(
    connection: Connection,
    reviewer: str,
    digests: tuple[str, ...],
    sent: tuple[str, int | None],
    target: tuple[int, str] | None,
) -> int:
    # nothing to undo is written as an event without lines: the same message, sent again later, must not undo either
    number, dataset = target or (None, digests[-1])
    lines = [] if number is None else [(line.image_id, line.seq, None, None) for line in _lines(connection, number)]
    return _append(connection, reviewer, (dataset, "undo", "", "", "", "", *sent, number), lines)


def _standing(connection: Connection, digests: tuple[str, ...], reviewer: str, event: str | None) -> tuple[int, str] | None:
    """(number, dataset) of the event to take back, or None if it, or all of them, are taken back already."""
    where = f"e.dataset IN ({_marks(digests)}) AND e.{'reviewer' if event is None else 'event'} = CAST(? AS TEXT)"
    values = (*map(_stored, digests), _stored(reviewer if event is None else event))
    if event is not None:
        action = connection.exec_driver_sql(f"SELECT action FROM events e WHERE {where}", values).scalar()
        if action is None or action == "undo":
            wrong = "is not known on this data set" if action is None else "is itself an undo"
            raise UserError(f"event '{event}' {wrong}", "the event of a decision", "decide again instead")
    sql = (
        f"SELECT e.number, e.dataset FROM events e WHERE {where} AND e.action <> 'undo'"
        " AND NOT EXISTS (SELECT 1 FROM events u WHERE u.undoes = e.number) ORDER BY e.number DESC LIMIT 1"
    )
    row = connection.exec_driver_sql(sql, values).first()
    return None if row is None else (int(row[0]), str(row[1]))
