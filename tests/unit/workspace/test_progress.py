"""The progress file: what it says, how often it is written, and who is still alive."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from core.files.atomic import write_json
from core.workspace import progress as module
from core.workspace.progress import STAGE_WORDS, STAGES, Progress, State, alive, read_progress


class Clock:
    """A monotonic clock that goes when it is told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr(module.time, "monotonic", lambda: self.now)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def test_rate_and_time_left_count_only_what_this_run_did(clock: Clock) -> None:
    told: list[State] = []
    progress = Progress(None, told.append)
    progress.stage("embed", done=600, total=1000)
    clock.now += 2
    progress.update(700, 1000)
    assert (told[-1].stage, told[-1].done, told[-1].total) == ("embed", 700, 1000)
    assert told[-1].rate == pytest.approx(50) and told[-1].left == pytest.approx(6)
    assert told[0].rate == 0 and told[0].left is None


def test_it_is_written_at_most_four_times_a_second_but_always_at_the_end(clock: Clock) -> None:
    told: list[State] = []
    progress = Progress(None, told.append)
    progress.stage("scores", total=1000)
    for done in range(1, 1001):
        clock.now += 0.001
        progress.update(done, 1000)
    assert 4 <= len(told) <= 7 and told[-1].done == 1000
    progress.stage("map")
    assert told[-1].stage == "map"


def test_the_file_follows(tmp_path: Path) -> None:
    place = tmp_path / "progress.json"
    progress = Progress(None)
    progress.stage("read")
    progress.move_to(place)
    assert read_progress(place) is None
    progress.stage("embed", total=3)
    state = read_progress(place)
    assert state is not None and (state.state, state.stage, state.total, state.pid) == ("running", "embed", 3, os.getpid())
    for end in ("done", "failed", "cancelled"):
        progress.finish(end, "why")
        state = read_progress(place)
        assert state is not None and (state.state, state.stage, state.message) == (end, "embed", "why")


def test_a_scan_whose_process_is_gone_has_stopped(tmp_path: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    place = tmp_path / "progress.json"
    assert alive(child.pid)
    write_json(place, State("running", "map", pid=child.pid).__dict__)
    assert read_progress(place).state == "running"
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # dead, but nobody has waited for it
    assert not alive(child.pid) and read_progress(place).state == "stopped"
    child.wait()
    assert not alive(child.pid) and read_progress(place).state == "stopped"
    write_json(place, State("done", "map", pid=child.pid).__dict__)
    assert read_progress(place).state == "done"


def test_no_process_has_number_zero() -> None:
    assert not alive(0) and not alive(-1) and alive(os.getpid())


@pytest.mark.parametrize("content", [b"", b"[]", b'{"state": "running"}', b'{"other": 1}', b"null"])
def test_a_damaged_file_says_nothing(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "progress.json").write_bytes(content)
    assert read_progress(tmp_path / "progress.json") is None


def test_every_stage_has_words() -> None:
    assert set(STAGE_WORDS) == set(STAGES)
