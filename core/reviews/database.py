"""The SQLite file of the review log: its settings, its schema and its migrations; and what its faults mean."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from functools import partial
from pathlib import Path
from urllib.parse import quote

from ..errors import UserError

BUSY_SECONDS = 10.0
VERSION_TABLE = "taster_schema"


def _append_only(table: str, clash: str) -> tuple[str, ...]:
    # REPLACE deletes the row it clashes with and fires no DELETE trigger, so inserting over a row is refused too
    refuse = "BEGIN SELECT RAISE(ABORT, 'the review log is append-only'); END"
    return (
        f"CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table} {refuse}",
        f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} {refuse}",
        f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} WHEN EXISTS (SELECT 1 FROM {table} WHERE {clash}) {refuse}",
    )


# (name, statements); the version is the position, from 1. Never edit one that was released: append.
MIGRATIONS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "events and lines",
        (
            "CREATE TABLE events (number INTEGER PRIMARY KEY AUTOINCREMENT, event TEXT NOT NULL UNIQUE,"
            " at TEXT NOT NULL, reviewer TEXT NOT NULL, dataset TEXT NOT NULL, action TEXT NOT NULL,"
            " label TEXT NOT NULL, note TEXT NOT NULL, score_version TEXT NOT NULL, session TEXT NOT NULL,"
            " session_seq INTEGER, undoes INTEGER UNIQUE REFERENCES events (number), UNIQUE (session, session_seq))",
            "CREATE TABLE lines (seq INTEGER PRIMARY KEY AUTOINCREMENT,"
            " event INTEGER NOT NULL REFERENCES events (number), image_id TEXT NOT NULL,"
            " undoes INTEGER UNIQUE REFERENCES lines (seq))",
            "CREATE INDEX events_dataset ON events (dataset)",
            "CREATE INDEX events_reviewer ON events (reviewer, dataset)",
            "CREATE INDEX lines_event ON lines (event)",
            *_append_only(
                "events",
                "number = NEW.number OR event = NEW.event OR undoes = NEW.undoes"
                " OR (session = NEW.session AND session_seq = NEW.session_seq)",
            ),
            *_append_only("lines", "seq = NEW.seq OR undoes = NEW.undoes"),
        ),
    ),
    # NULL: the event's own label; an event may give each of its images another one
    ("a label for each line", ("ALTER TABLE lines ADD COLUMN label TEXT",)),
    # NULL: the event's own action; one event may relabel some images and leave others out
    ("an action for each line", ("ALTER TABLE lines ADD COLUMN action TEXT",)),
    # NULL: written before the column was there; the note tells then (log.py)
    ("the group of an event", ("ALTER TABLE events ADD COLUMN group_name TEXT",)),
)

# (what SQLite says, what is wrong, what is allowed, the way out)
_CAUSES = (
    (("locked", "busy"), "is in use by another program", "Taster waited and wrote nothing", "try again"),
    (
        ("full", "no space"),
        "cannot grow: the disk is full",
        "nothing was written",
        "free some space, then decide again",
    ),
    (("readonly", "read-only"), "cannot be written: it is read-only", "", "choose a workspace that you may write to"),
    (
        (
            "malformed",
            "not a database",
            "corrupt",
            "can't decode",
            "no such table",
            "no such column",
            "has no column",
            "already exists",
            "duplicate column",
            "datatype mismatch",
        ),
        "is damaged or is not a SQLite database",
        "a review log that Taster wrote",
        "put back a copy of it, or choose another workspace",
    ),
    (
        ("unable to open", "disk i/o error", "directory", "file exists", "permission"),
        "cannot be opened or written",
        "a file on a local disk with room on it",
        "check the disk and the folder's permissions, or choose another workspace",
    ),
)


def connect(path: Path) -> sqlite3.Connection:
    """A connection to the log at `path` that waits for other writers and has each commit on disk when it returns.

    Transactions are opened by hand (isolation_level None). Text is read back with the lone surrogates that names of
    files may hold.
    """
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    # not a function of ours: it is called for every cell that is read
    connection.text_factory = partial(str, encoding="utf-8", errors="surrogatepass")
    try:
        _use_wal(connection)
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def refuse_foreign(path: Path) -> None:
    """Raises UserError, without a change to the file, if `path` holds anything but a review log of this version.

    A missing or empty file is fine; damage is looked for through the whole file, so opening takes longer as the log grows.
    """
    # looked at and not opened: closing a file gives up the locks that this process has on it
    for file in (path, *(Path(f"{path}{end}") for end in ("-journal", "-wal", "-shm"))):
        if file.exists() and not file.is_file():
            raise UserError(f"the review log '{file}' is no regular file", "a file that Taster wrote", "choose another workspace")
    if not path.exists() or path.stat().st_size == 0:
        return
    # a journal means that a writer died while it made the file: only a writable connection can roll that back
    mode = "rw" if Path(f"{path}-journal").exists() else "ro"
    address = f"file:{quote(str(path).encode('utf-8', 'surrogateescape'))}?mode={mode}"
    with closing(sqlite3.connect(address, uri=True, timeout=BUSY_SECONDS)) as connection:
        damage = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if damage != "ok":
            raise sqlite3.DatabaseError("database disk image is malformed")
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if tables and VERSION_TABLE not in tables:
            raise UserError(
                f"'{path}' is a database of another program",
                "a review log that Taster wrote",
                "choose another workspace",
            )
        version = _version(connection)
    if version > len(MIGRATIONS):
        raise UserError(
            f"the review log '{path}' was written by a newer Taster (version {version} of the log)",
            f"version {len(MIGRATIONS)} or older",
            "update Taster, or choose another workspace",
        )


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the log to the newest version; each migration and its record are one transaction."""
    while _version(connection) < len(MIGRATIONS):
        with connection:  # commits, or rolls back when a statement fails
            # read again under the lock: another process may have migrated meanwhile
            connection.execute("BEGIN IMMEDIATE")
            version = _version(connection)
            if version < len(MIGRATIONS):
                _apply(connection, version + 1)


def why(path: Path, error: Exception) -> UserError | None:
    """The fault of the file or the disk behind `error`, for a person; None if it is something else."""
    # the bare reason: the whole message of an OSError holds the path, which could hold any of the signs
    message = str(getattr(error, "strerror", None) or getattr(error, "orig", None) or error).lower()
    for signs, what, allowed, way_out in _CAUSES:
        if any(sign in message for sign in signs):
            return UserError(f"the review log '{path}' {what}", allowed, way_out)
    return None


def _apply(connection: sqlite3.Connection, version: int) -> None:
    name, statements = MIGRATIONS[version - 1]
    for statement in statements:
        connection.execute(statement)
    connection.execute(
        f"CREATE TABLE IF NOT EXISTS {VERSION_TABLE} (version INTEGER PRIMARY KEY, name TEXT NOT NULL,"
        " applied_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP)"
    )
    connection.execute(f"INSERT INTO {VERSION_TABLE} (version, name) VALUES (?, ?)", (version, name))


def _version(connection: sqlite3.Connection) -> int:
    known = connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (VERSION_TABLE,)).fetchone()
    newest = connection.execute(f"SELECT MAX(version) FROM {VERSION_TABLE}").fetchone() if known else None
    return int(newest[0] or 0) if newest else 0


def _use_wal(connection: sqlite3.Connection) -> None:
    # SQLite does not wait for this lock by itself when several programs make the file at the same moment
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.02)
