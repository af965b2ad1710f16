"""The documents tell the truth: they name what there is, what they link to exists, and every command and snippet in them runs."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from core.attacks import ATTACKS
from core.cli.program import COMMANDS
from core.embedders import EMBEDDERS
from core.exports import EXPORTS
from core.scores import SCORES
from tests.support.app_server import ROOT

PAGES = {file.relative_to(ROOT).as_posix(): file.read_text("utf-8") for file in (*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"))}
EVERYTHING = "\n".join(PAGES.values())
COMMAND = re.compile(r"^\.venv/bin/python -m core ([^#\n]+)", re.MULTILINE)
SNIPPET = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("name", [*SCORES, *EMBEDDERS, *ATTACKS, *EXPORTS, *(command.__name__.rpartition(".")[2] for command in COMMANDS)])
def test_the_documents_name_it(name: str) -> None:
    assert f"`{name}" in EVERYTHING


@pytest.mark.parametrize("page", list(PAGES))
def test_what_a_page_links_to_is_there(page: str) -> None:
    for link in re.findall(r"\]\((?!http)([^)#]+)[^)]*\)", PAGES[page]):
        assert (ROOT / page).parent.joinpath(link).exists(), link


@pytest.fixture
def at(tmp_path: Path, demo_workspace: Path) -> tuple[Path, dict[str, str]]:
    """A folder to work in, and an environment whose workspace holds a finished scan of the demo."""
    shutil.copytree(demo_workspace, tmp_path / "workspace")
    # a checkout is imported as `core`; installed, the same package is `taster`
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "taster").symlink_to(ROOT / "core")
    return tmp_path, {**os.environ, "TASTER_HOME": str(tmp_path / "workspace"), "PYTHONPATH": f"{ROOT}:{tmp_path / 'lib'}"}


def test_every_command_runs(at: tuple[Path, dict[str, str]]) -> None:
    folder, environment = at
    commands = [(page, command) for page, text in PAGES.items() for command in COMMAND.findall(text)]
    assert len(commands) >= 12
    ran: set[str] = set()
    for page, command in commands:
        if command in ran:
            continue
        ran.add(command)
        done = subprocess.run(
            [sys.executable, "-m", "core", *shlex.split(command)], cwd=folder, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0 and done.stdout, (page, command, done.stderr)


@pytest.mark.parametrize(("page", "code"), [(page, code) for page, text in PAGES.items() for code in SNIPPET.findall(text)])
def test_every_snippet_runs(at: tuple[Path, dict[str, str]], page: str, code: str) -> None:
    folder, environment = at
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout, (page, done.stderr)


def test_the_app_and_the_makefile_know_what_is_promised() -> None:
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert set(re.findall(r"(?:^|`)make (\w+)", EVERYTHING, re.MULTILINE)) <= set(targets)
    for option in ("--key", "--no-key"):
        assert option in (ROOT / "ui" / "app" / "arguments.py").read_text()
