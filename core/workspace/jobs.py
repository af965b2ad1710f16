"""Pieces of work that run as processes of their own and outlive whoever started them: command line, log, state, end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from .progress import State, alive

# `core`, or `taster` where it was installed
PACKAGE = __name__.split(".")[0]
HOME = Path(__file__).resolve().parents[2]
MOST_BYTES = 1 << 20
_HINT = "set TASTER_DEBUG=1 for the traceback"


@dataclass(frozen=True)
class Job:
    """One command line at work, or ended. log: where its errors are appended.  start: bytes of `log` that are older than it."""

    process: subprocess.Popen[bytes]
    log: Path
    start: int

    @property
    def runs(self) -> bool:
        return self.process.poll() is None

    def last_line(self) -> str:
        """The last thing that it said, in one line; its exit code where it said nothing."""
        with self.log.open("rb") as file:
            file.seek(max(self.start, file.seek(0, os.SEEK_END) - MOST_BYTES))
            lines = [line.strip() for line in file.read().decode("utf-8", "replace").replace("\r", "\n").splitlines() if line.strip()]
        told = [line.removeprefix("taster: ") for line in lines if line.startswith("taster: ")] or lines
        return (
            told[-1].replace(_HINT, f"the traceback is in {self.log}") if told else f"it stopped with exit code {self.process.returncode}"
        )


class Jobs:
    """The jobs of one kind that this process has started, by name; at most one of a name runs. Thread-safe.

    folder: where their logs lie.  stage: what a job does before it has written its own progress.
    """

    def __init__(self, folder: Path, stage: str) -> None:
        self._folder, self._stage = folder, stage
        self._jobs: dict[str, Job] = {}
        self._lock = threading.Lock()

    @property
    def running(self) -> bool:
        """Whether any of them runs."""
        return any(job.runs for job in list(self._jobs.values()))

    def start(self, name: str, arguments: Sequence[str]) -> None:
        """Start this package's command line with `arguments`, unless `name` runs already."""
        with self._lock:
            if name not in self._jobs or not self._jobs[name].runs:
                self._jobs[name] = self._started(name, arguments)

    def _started(self, name: str, arguments: Sequence[str]) -> Job:
        self._folder.mkdir(parents=True, exist_ok=True)
        log = self._folder / f"{blake2b(name.encode('utf-8', 'surrogateescape'), digest_size=8).hexdigest()}.log"
        if log.exists() and log.stat().st_size > MOST_BYTES:
            log.replace(log.with_suffix(".log.1"))
        with log.open("ab") as errors:
            start = errors.tell()
            process = subprocess.Popen(
                [sys.executable, "-m", PACKAGE, *arguments],
                cwd=HOME,
                env={**os.environ, "TASTER_DEBUG": "1"},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                start_new_session=True,
            )
            return Job(process, log, start)

    def state(self, name: str, written: State | None) -> State | None:
        """How the work called `name` stands. written: its progress file, which a job of another process may have written too."""
        job = self._jobs.get(name)
        if job is None:
            return written
        if job.runs:
            # one that has written its end and is about to exit is not at work any more
            ours = written is not None and written.pid == job.process.pid
            return written if ours else State("running", self._stage, pid=job.process.pid)
        if job.process.returncode == 0:
            return written
        return State("cancelled" if written and written.state == "cancelled" else "failed", self._stage, message=job.last_line())


def cancel(state: State | None) -> None:
    """Ask the process at work on it to stop; what it has finished stays."""
    if state is not None and state.state == "running" and alive(state.pid):
        os.kill(state.pid, signal.SIGTERM)
