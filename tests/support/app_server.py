"""The real app, started as a user starts it, for the journeys in a browser."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.component_harness.browser import free_port

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Served:
    """address: of the app.  workspace: its folder.  log: file with what it printed."""

    address: str
    workspace: Path
    log: Path


@contextlib.contextmanager
def running_app(
    folder: Path, workspace: Path, source: str = "demo", command: str = "program", access: Sequence[str] = ("--no-key",)
) -> Iterator[Served]:
    """`python app.py` (or `streamlit run app.py`) on a free port until the block ends; its scans are stopped too.

    access: the arguments that say who is let in.
    """
    port = free_port()
    if command == "program":
        started = [sys.executable, "app.py", source, "--workspace", str(workspace), "--port", str(port), *access]
    else:
        started = [
            sys.executable,
            "-m",
            "streamlit",
            "run",
            "app.py",
            "--server.port",
            str(port),
            "--",
            source,
            "--workspace",
            str(workspace),
            *access,
        ]
    log = folder / f"app-{port}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(started, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT, env={**os.environ, "PYTHONUNBUFFERED": "1"})
    served = Served(f"http://127.0.0.1:{port}", workspace, log)
    try:
        _wait(served, process)
        yield served
    finally:
        process.terminate()
        process.wait(20)


def _wait(served: Served, process: subprocess.Popen[bytes]) -> None:
    for _ in range(400):
        if process.poll() is not None:
            break
        try:
            urllib.request.urlopen(f"{served.address}/_stcore/health", timeout=2).close()
            return
        except OSError:
            time.sleep(0.1)
    raise AssertionError(f"the app did not start:\n{served.log.read_text()}")
