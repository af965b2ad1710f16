"""Shared by all tests: a finished scan of the demo, and the rule that CI may not skip the browser."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

# read by OpenMP when torch is first loaded: threads that wait by spinning starve the servers and browsers beside them
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import pytest

from tests.support.component_harness.hands import CHROMIUM


def pytest_configure(config: pytest.Config) -> None:
    if os.environ.get("TASTER_NEEDS_BROWSER") and CHROMIUM is None:
        raise pytest.UsageError("TASTER_NEEDS_BROWSER is set, but no chromium, chromium-browser or google-chrome is on the path")


@pytest.fixture(scope="session")
def demo_workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace that holds a finished scan of the demo, made by the command line once per run, for all test processes."""
    base = tmp_path_factory.getbasetemp()
    # under xdist each process has a folder of its own in the run's
    shared = (base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base) / "demo"
    with open(f"{shared}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (shared / "done").exists():
            command = [sys.executable, "-m", "core", "scan", "demo", "--workspace", str(shared / "workspace")]
            subprocess.run(command, cwd=Path(__file__).resolve().parents[1], check=True, capture_output=True)
            (shared / "done").touch()
    return shared / "workspace"


@pytest.fixture
def workspace(tmp_path: Path, demo_workspace: Path) -> Path:
    """A copy of that workspace for one test to change."""
    shutil.copytree(demo_workspace, tmp_path / "workspace")
    return tmp_path / "workspace"


@pytest.fixture
def app_over(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Puts the app's services over a workspace of the test's choice: (workspace, source, change) -> the services.

    change: stands between the services' inspections and the page, for scans as no real set would give them.
    """
    import ui.app.services
    from core.workspace.workspace import Workspace

    def choose(workspace: Path, source: str = "demo", change: Callable[[Any], Any] | None = None) -> Any:
        made = ui.app.services.AppServices(Workspace(workspace), source)
        if change is not None:
            kept: dict[str, Any] = {}
            real = made.inspection
            monkeypatch.setattr(made, "inspection", lambda key: kept.setdefault(key, change(real(key))) if real(key) else None)
        ui.app.services.services.cache_clear()
        monkeypatch.setattr(ui.app.services, "services", lambda: made)
        for module in ("ui.state", "ui.sidebar", "ui.empty", "ui.scanning"):
            monkeypatch.setattr(f"{module}.services", lambda: made)
        return made

    return choose
