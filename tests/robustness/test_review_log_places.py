"""Review logs that others changed, and things in the log's place that are no file: one line each, and no waiting."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from core.cli.program import main
from core.errors import UserError
from core.reviews import Reviews

DATA = "d"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    reviews = Reviews(tmp_path / "reviews.sqlite")
    reviews.decide(DATA, ["a", "b"], "relabel", label="cat", reviewer="Ada")
    reviews.close()
    return tmp_path / "reviews.sqlite"


CHANGES = {
    "no lines": "DROP TABLE lines",
    "no events": "DROP TABLE events",
    "no version": "DROP TABLE taster_schema",
    "no action": "ALTER TABLE lines DROP COLUMN action",
    "no note": "ALTER TABLE events DROP COLUMN note",
    "no group": "ALTER TABLE events DROP COLUMN group_name",
    "no migration known": "DELETE FROM taster_schema",
    "an action of nobody's": "DROP TRIGGER events_no_update; UPDATE events SET action = 'frobnicate'",
    "bytes for a name": "DROP TRIGGER lines_no_update; UPDATE lines SET image_id = x'ff00'",
    "a number for a class": "DROP TRIGGER lines_no_update; UPDATE lines SET label = x'01'",
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_log_that_was_changed_is_one_line(path: Path, change: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.executescript(change)
    with pytest.raises(UserError) as error:
        reviews = Reviews(path)
        reviews.log(DATA)
    assert "review log" in str(error.value) or "another program" in str(error.value)
    assert "\n" not in str(error.value)


def test_the_command_says_it_in_one_line(tmp_path: Path, demo_workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = tmp_path / "home"
    shutil.copytree(demo_workspace, home)
    Reviews(home / "reviews.sqlite").close()
    with closing(sqlite3.connect(home / "reviews.sqlite")) as connection:
        connection.execute("DROP TABLE lines")
    for command in (["export", "demo", "--to", "csv"], ["cleanse", "demo"]):
        capsys.readouterr()
        code = main([*command, "--out", str(tmp_path / "out"), "--workspace", str(home)])
        out, err = capsys.readouterr()
        assert (code, out) == (2, "") and "damaged" in err and "internal" not in err and len(err.strip().splitlines()) == 1


PLACES: dict[str, Callable[[Path], None]] = {
    "FIFO": os.mkfifo,
    "folder": Path.mkdir,
    "device": lambda path: path.symlink_to("/dev/zero"),
    "link to a FIFO": lambda path: (os.mkfifo(path.with_name("pipe")), path.symlink_to("pipe"))[1],
}


@pytest.mark.parametrize("name", ["reviews.sqlite", "reviews.sqlite-wal", "reviews.sqlite-journal"])
@pytest.mark.parametrize("make", PLACES.values(), ids=PLACES)
def test_what_is_no_file_is_not_opened(path: Path, make: Callable[[Path], None], name: str) -> None:
    place = path.with_name(name)
    place.unlink(missing_ok=True)
    make(place)
    with pytest.raises(UserError, match="is no regular file") as error:
        Reviews(path)
    assert "\n" not in str(error.value)
