"""The README tells the truth: it names what there is, and its commands run."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from core.attacks.apply import ATTACKS
from core.embedders import EMBEDDERS
from core.exports.write import EXPORTS
from core.scores import SCORES
from tests.support.app_server import ROOT

README = (ROOT / "README.md").read_text("utf-8")
COMMANDS = re.findall(r"^\.venv/bin/python -m core (.+)$", README, re.MULTILINE)


@pytest.mark.parametrize(
    "name", [*SCORES, *EMBEDDERS, *ATTACKS, *EXPORTS, "scan", "learn", "poison", "evaluate", "export", "cleanse", "prove", "info"]
)
def test_the_readme_names_it(name):
    assert f"`{name}" in README


def test_the_readme_shows_commands():
    assert len(COMMANDS) >= 5


def test_the_commands_of_the_readme_run(tmp_path, demo_workspace):
    workspace = tmp_path / "workspace"
    shutil.copytree(demo_workspace, workspace)
    environment = {**os.environ, "TASTER_HOME": str(workspace), "PYTHONPATH": str(ROOT)}
    for command in COMMANDS:
        done = subprocess.run(
            [sys.executable, "-m", "core", *shlex.split(command)],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, (command, done.stderr)
        assert done.stdout
    assert (tmp_path / "scores.parquet").exists()
    assert (tmp_path / "noisy" / "truth.parquet").exists()


def test_what_the_readme_shows_is_there():
    for path in re.findall(r"\]\((?!http)([^)#]+)\)", README):
        assert Path(ROOT, path).exists(), path
