"""The decision log among many writers, after their deaths, and before files and disks that are no use."""

from __future__ import annotations

import multiprocessing
import signal
import sqlite3
import subprocess
import sys
import types
from pathlib import Path

import pytest

from core.errors import UserError
from core.reviews import database as reviews_file
from core.reviews.log import Reviews

ROOT = Path(__file__).resolve().parents[2]
DATA = "d" * 32


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "new folder" / "reviews.db"


# ---- many programs, and their deaths


def _write_many(path: Path, reviewer: str) -> None:
    log = Reviews(path)
    for i in range(200):
        log.decide(DATA, [f"{reviewer}-{i}"], "keep", reviewer=reviewer, session=reviewer, session_seq=i)
    log.close()


def test_two_processes_lose_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # a page test leaves its script as the main module, and a spawned child would start that
    monkeypatch.setitem(sys.modules, "__main__", types.ModuleType("__main__"))
    spawn = multiprocessing.get_context("spawn")
    workers = [spawn.Process(target=_write_many, args=(path, name)) for name in ("ann", "bob")]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    log = Reviews(path)
    lines = log.log(DATA)
    assert [worker.exitcode for worker in workers] == [0, 0]
    assert [d.seq for d in lines] == list(range(1, 401))
    for name in ("ann", "bob"):
        assert [d.image_id for d in lines if d.reviewer == name] == [f"{name}-{i}" for i in range(200)]
    log.close()


WRITER = """
import sys
from pathlib import Path
from core.reviews.log import Reviews
log = Reviews(Path(sys.argv[1]))
for i in range(100_000):
    print(log.decide("D", [f"{i}-{j}" for j in range(5)], "keep", reviewer="ann")[-1].seq, flush=True)
"""


def test_a_killed_writer_loses_no_acknowledged_decision(path: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    seen = [int(child.stdout.readline()) for _ in range(60)]
    child.send_signal(signal.SIGKILL)
    seen += [int(line) for line in child.communicate()[0].splitlines() if line.strip()]
    log = Reviews(path)
    lines = log.log("D")
    assert set(seen) <= {d.seq for d in lines}
    assert len(lines) % 5 == 0, "half an event was written"
    assert log.decide("D", ["next"], "keep", reviewer="bob")[0].seq == len(lines) + 1
    log.close()


# ---- files that are no review log


def _newer(path: Path) -> None:
    Reviews(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("INSERT INTO taster_schema (version, name) VALUES (99, 'later')")
    connection.close()


def _foreign(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE songs (title TEXT)")
    connection.close()


def _foreign_in_use(path: Path) -> None:
    # a program that died left its last changes in the -wal file, where they must stay
    code = "import os, sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('PRAGMA journal_mode = WAL');"
    code += "c.execute('CREATE TABLE songs (title TEXT)'); c.commit(); os._exit(0)"
    subprocess.run([sys.executable, "-c", code, str(path)], check=True)


def _torn(path: Path) -> None:
    log = Reviews(path)
    log.decide(DATA, [f"{i}" for i in range(5000)], "keep", reviewer="ann")
    log.close()
    content = bytearray(path.read_bytes())
    content[8192:40960] = b"\xa5" * 32768
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda p: p.write_text("id,action\n"), "not a SQLite database"),
        (lambda p: p.write_bytes(b"SQLite format 3\x00" + b"\x07" * 5000), "not a SQLite database"),
        (_torn, "damaged"),
        (_foreign, "another program"),
        (_foreign_in_use, "another program"),
        (_newer, "newer Taster"),
    ],
    ids=["text", "header", "torn", "foreign", "foreign in use", "newer"],
)
def test_other_files_are_refused_and_left_as_they_are(tmp_path: Path, make, says: str) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "x.db"
    make(path)
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir() if p.suffix != ".db-shm"}
    with pytest.raises(UserError, match=says):
        Reviews(path)
    after = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    assert {name: after.get(name) for name in before} == before


def test_places_that_cannot_hold_a_log(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot be opened"):
        Reviews(tmp_path / "file" / "x.db")


def test_an_empty_file_becomes_a_log(tmp_path: Path) -> None:
    (tmp_path / "x.db").touch()
    log = Reviews(tmp_path / "x.db")
    assert log.decide(DATA, ["a"], "keep", reviewer="ann")[0].seq == 1
    log.close()


def test_a_lock_held_too_long_is_a_user_error(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reviews_file, "BUSY_SECONDS", 0.1)
    log, other = Reviews(path), sqlite3.connect(path, isolation_level=None)
    log.decide(DATA, ["a"], "keep", reviewer="ann")
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(UserError, match="in use by another program"):
        log.decide(DATA, ["b"], "keep", reviewer="ann")
    assert [d.image_id for d in log.log(DATA)] == ["a"]  # reading goes on
    other.rollback()
    assert log.decide(DATA, ["b"], "keep", reviewer="ann")[0].seq == 2
    other.close()
    log.close()


FULL = """
import resource, signal, sys
from pathlib import Path
from core.errors import UserError
from core.reviews.log import Reviews
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
log = Reviews(Path(sys.argv[1]))
log.decide("D", ["a"], "keep", reviewer="ann")
resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, resource.RLIM_INFINITY))
try:
    log.decide("D", [f"{i:060d}" for i in range(50_000)], "keep", reviewer="ann")
except UserError as error:
    print(error)
print(log.head("D"))
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
print(log.decide("D", ["b"], "keep", reviewer="ann")[0].seq)
"""


def test_a_full_disk_is_a_user_error_and_writes_nothing(path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", FULL, str(path)], cwd=ROOT, capture_output=True, text=True)
    error, head, following = done.stdout.splitlines()
    assert str(path) in error and (head, following) == ("1", "2"), done.stderr
