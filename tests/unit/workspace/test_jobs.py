"""Work in processes of its own: its errors are kept, the last line is said, one at a time for a name, and it can be cancelled."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from core.workspace import Jobs, State, cancel, jobs

PROGRAM = """
import os, sys, time
what = sys.argv[1]
if what == "fault":
    raise ZeroDivisionError("nothing goes into nothing")
if what == "refused":
    sys.stderr.write("taster: it is full \\u2013 free some space\\n")
    sys.exit(2)
if what == "silent":
    sys.exit(3)
if what == "sleep":
    time.sleep(60)
"""


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Jobs:
    package = tmp_path / "home" / jobs.PACKAGE
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "__main__.py").write_text(PROGRAM)
    monkeypatch.setattr(jobs, "HOME", tmp_path / "home")
    return Jobs(tmp_path / "logs", "read")


def waited(made: Jobs, name: str) -> State | None:
    for _ in range(200):
        if not made.running:
            return made.state(name, None)
        time.sleep(0.05)
    raise AssertionError("it does not end")


def test_the_traceback_of_a_fault_is_kept_and_its_last_line_said(made: Jobs, tmp_path: Path) -> None:
    made.start("a", ["fault"])
    state = waited(made, "a")
    assert state is not None and state.state == "failed" and state.message == "ZeroDivisionError: nothing goes into nothing"
    [log] = (tmp_path / "logs").iterdir()
    assert "Traceback (most recent call last)" in log.read_text()


def test_a_second_job_is_added_to_the_log_and_says_its_own_line(made: Jobs, tmp_path: Path) -> None:
    for what, said in (("fault", "ZeroDivisionError"), ("refused", "it is full – free some space"), ("silent", "exit code 3")):
        made.start("a", [what])
        state = waited(made, "a")
        assert state is not None and said in state.message
    [log] = (tmp_path / "logs").iterdir()
    assert "ZeroDivisionError" in log.read_text() and "it is full" in log.read_text()


def test_the_log_is_bounded(made: Jobs, tmp_path: Path) -> None:
    made.start("a", ["refused"])
    waited(made, "a")
    [log] = (tmp_path / "logs").iterdir()
    log.write_bytes(b"x" * (jobs.MOST_BYTES + 1))
    made.start("a", ["refused"])
    assert "it is full" in waited(made, "a").message and log.stat().st_size < 1000


def test_one_at_a_time_for_a_name_and_it_can_be_cancelled(made: Jobs) -> None:
    made.start("a", ["sleep"])
    first = made.state("a", State("done", "map"))
    made.start("a", ["sleep"])
    second = made.state("a", None)
    assert first == second and first.state == "running" and first.stage == "read" and first.pid != os.getpid()
    cancel(first)
    assert waited(made, "a").state == "failed"
    assert made.state("a", State("cancelled", "embed")).state == "cancelled"


def test_the_progress_of_another_process_stands_where_none_was_started_here(made: Jobs) -> None:
    written = State("running", "embed", pid=os.getpid())
    assert made.state("b", written) is written and made.state("b", None) is None and not made.running


def test_an_installed_package_starts_itself_by_its_own_name() -> None:
    assert jobs.__name__.split(".")[0] == jobs.PACKAGE
    assert (jobs.HOME / jobs.PACKAGE / "__main__.py").is_file()
