"""The package as others get it: light to import, its names, and the same requirements everywhere."""

from __future__ import annotations

import subprocess
import sys

import pytest

import core
from tests.support.app_server import ROOT

NAMES = ("open_dataset", "scan", "load", "evaluate", "cleanse", "prove", "export")


def test_importing_it_loads_nothing_heavy() -> None:
    heavy = "('torch', 'streamlit', 'faiss', 'umap', 'plotly', 'sklearn', 'pandas', 'numpy')"
    code = f"import sys, core; print([name for name in {heavy} if name in sys.modules])"
    said = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"


@pytest.mark.parametrize("name", NAMES)
def test_its_functions_are_there_whatever_room_was_used_before(name: str) -> None:
    import core.cli
    import core.scans

    assert callable(getattr(core, name)) and (getattr(core, name).__doc__ or "").strip()


@pytest.mark.parametrize("name", ["SCORES", "EMBEDDERS", "ATTACKS", "EXPORTS", "SOURCES"])
def test_its_registries_are_there(name: str) -> None:
    assert len(getattr(core, name)) >= 5


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="frobnicate"):
        _ = core.frobnicate


def test_what_pip_installs_is_what_make_installs() -> None:
    listed = [line.strip() for line in (ROOT / "requirements.txt").read_text().splitlines() if line.strip() and not line.startswith("#")]
    project = (ROOT / "pyproject.toml").read_text()
    section = project.split("dependencies = [", 1)[1].split("\n]", 1)[0]
    declared = [line.strip().rstrip(",")[1:-1] for line in section.splitlines() if line.strip()]
    assert declared == listed
