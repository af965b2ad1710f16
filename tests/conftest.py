"""Shared by all tests: a finished scan of the demo, and the rule that CI may not skip the browser."""

from __future__ import annotations

import os
from pathlib import Path

# read by OpenMP when torch is first loaded: threads that wait by spinning starve the servers and browsers beside them
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import pytest

from tests.component_harness.hands import CHROMIUM


def pytest_configure(config: pytest.Config) -> None:
    if os.environ.get("TASTER_NEEDS_BROWSER") and CHROMIUM is None:
        raise pytest.UsageError("TASTER_NEEDS_BROWSER is set, but no chromium, chromium-browser or google-chrome is on the path")


@pytest.fixture(scope="session")
def demo_workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace that holds a finished scan of the demo, made by the command line once per run of the tests."""
    import subprocess
    import sys

    workspace = tmp_path_factory.mktemp("demo") / "workspace"
    root = Path(__file__).resolve().parent.parent
    subprocess.run([sys.executable, "-m", "core", "scan", "demo", "--workspace", str(workspace)], cwd=root, check=True, capture_output=True)
    return workspace
