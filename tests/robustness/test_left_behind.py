"""Killed writers leave folders that the next one removes; what is alive or somebody else's stays."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from core.errors import UserError
from core.files import written_beside, written_folder
from core.files.destinations import CONTENT, LOCK

ROOT = Path(__file__).resolve().parents[2]
HELP = f"""
import os, signal, sys
sys.path.insert(0, {str(ROOT)!r})
from dataclasses import replace
from pathlib import Path
from core.attacks import apply_attack, write_poisoned
from core.cleansing import cleansing, write_cleansed
from core.exports import export
from core.reviews import review_state
from tests.support.attack_toys import toy_dataset
from tests.support.hostile_inspection import inspection, png
out, killed, found = Path(sys.argv[1]), sys.argv[2] == "killed", inspection(None)
asked = []
def encoded(row):
    asked.append(row)
    # the first time is for the suffix
    if killed and asked.count(20) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return png(row), ".png"
found = replace(found, dataset=replace(found.dataset, encoded=encoded))
state = review_state(found.dataset)
"""
WRITERS = {
    "export": 'export(found, state, to="folder", out=out)',
    "cleanse": "write_cleansed(cleansing(found, state, auto=False), out, source=None)",
    "poison": """
def stop(done, n):
    if killed and done == 20:
        os.kill(os.getpid(), signal.SIGKILL)
write_poisoned(apply_attack(toy_dataset(), "symmetric", rate=0.1), out, recipe={}, progress=stop)
""",
}


def run(code: str, out: Path, how: str) -> int:
    return subprocess.run([sys.executable, "-c", HELP + code, str(out), how], check=False).returncode


@pytest.mark.parametrize("code", WRITERS.values(), ids=WRITERS)
def test_what_a_killed_writer_left_is_gone_after_the_next_run(tmp_path: Path, code: str) -> None:
    assert run(code, tmp_path / "one", "killed") == -9
    (left,) = tmp_path.iterdir()
    assert left.name.startswith(".taster-") and len(list(left.rglob("*.*"))) > 3
    assert run(code, tmp_path / "two", "whole") == 0
    assert [path.name for path in tmp_path.iterdir()] == ["two"]


def test_the_folder_of_a_living_writer_stays(tmp_path: Path) -> None:
    with written_folder(tmp_path / "slow") as slow:
        (slow / "a").write_text("a")
        with written_folder(tmp_path / "fast") as fast:
            (fast / "b").write_text("b")
        assert (slow / "a").read_text() == "a"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fast", "slow"] and (tmp_path / "slow" / "a").is_file()


def test_what_others_have_there_stays(tmp_path: Path) -> None:
    token = "0" * 32
    mine = tmp_path / ".taster-notes"
    alike, elsewhere = tmp_path / f".taster-{token}", tmp_path / "elsewhere"
    for folder in (mine, alike, elsewhere, tmp_path / f".taster-{'1' * 32}"):
        folder.mkdir()
        (folder / "precious").write_text("mine")
    # a lock file of another folder's, one that is a FIFO, and a link to a folder that could pass for one
    (alike / LOCK).write_text(f"Taster writes .taster-{'3' * 32}\n")
    os.mkfifo(tmp_path / f".taster-{'1' * 32}" / LOCK)
    (elsewhere / LOCK).write_text(f"Taster writes .taster-{'2' * 32}\n")
    (tmp_path / f".taster-{'2' * 32}").symlink_to(elsewhere)
    (tmp_path / f".taster-{'4' * 32}").write_text("a file")
    before = sorted(str(path) for path in tmp_path.rglob("*"))
    with written_beside(tmp_path / "out") as content:
        assert content.name == CONTENT
    assert sorted(str(path) for path in tmp_path.rglob("*")) == before


def test_one_that_is_left_goes(tmp_path: Path) -> None:
    left = tmp_path / f".taster-{'0' * 32}"
    (left / CONTENT).mkdir(parents=True)
    (left / LOCK).write_text(f"Taster writes {left.name}\n")
    with written_beside(tmp_path / "out"):
        assert not left.exists()


def test_a_fault_of_the_disk_is_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be written: no more"), written_folder(tmp_path / "out"):
        raise OSError(28, "no more")
    with pytest.raises(KeyboardInterrupt), written_folder(tmp_path / "out"):
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []
