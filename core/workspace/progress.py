"""How far a scan is: one small file that is replaced as the work goes on, and whoever listens."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..errors import Cancelled, TasterError
from ..files import read_json, write_json

STAGES = ("read", "train", "embed", "neighbours", "scores", "pixels", "halftone", "probe", "patterns", "map")
STAGE_WORDS = {
    "read": "reading the source",
    "train": "learning from the images, without labels",
    "embed": "embedding images",
    "neighbours": "finding neighbours",
    "scores": "scoring",
    "pixels": "reading small pictures",
    "halftone": "comparing with halftones",
    "patterns": "searching for patterns",
    "probe": "training a short probe",
    "map": "drawing the map",
}
WRITE_EVERY = 0.25


@dataclass(frozen=True)
class State:
    """What progress.json holds.

    state: running, done, failed or cancelled.  done/total: of this stage.  rate: per second.
    left: seconds left in this stage, None while unknown.  pid: of the scan's process.
    """

    state: str
    stage: str
    done: int = 0
    total: int = 0
    rate: float = 0.0
    left: float | None = None
    message: str = ""
    pid: int = 0
    started: float = 0.0


class Progress:
    """Counts a stage's work, writes `path` at most four times a second, and tells `listener` each time."""

    def __init__(self, path: Path | None, listener: Callable[[State], None] | None = None) -> None:
        self._path, self._listener = path, listener
        self._started = time.time()
        self._stage, self._stage_started, self._first = "read", time.monotonic(), 0
        self._written = 0.0

    def move_to(self, path: Path) -> None:
        """From now on write to `path`: the scan's folder is known only once the source has been read."""
        self._path = path

    def stage(self, name: str, *, done: int = 0, total: int = 0) -> None:
        """Begin a stage; `done` of it may be finished already (a resumed scan)."""
        self._stage, self._stage_started, self._first = name, time.monotonic(), done
        self._written = 0.0
        self.update(done, total)

    def update(self, done: int, total: int, *, words: str = "") -> None:
        """`done` of `total` in this stage; `words` say it where a count would mean nothing to a reader."""
        now = time.monotonic()
        if now - self._written < WRITE_EVERY and done < total:
            return
        self._written = now
        seconds = now - self._stage_started
        rate = (done - self._first) / seconds if seconds > 0.2 else 0.0
        left = (total - done) / rate if rate > 0 else None
        self._tell(State("running", self._stage, done, total, rate, left, words, os.getpid(), self._started))

    def finish(self, state: str, message: str = "") -> None:
        """The end: done, failed or cancelled."""
        self._tell(State(state, self._stage, message=message, pid=os.getpid(), started=self._started))

    def _tell(self, state: State) -> None:
        if self._path is not None:
            write_json(self._path, asdict(state))
        if self._listener is not None:
            self._listener(state)


def read_progress(path: Path) -> State | None:
    """The state at `path`; a "running" scan whose process is gone reads as "stopped"."""
    found: Any = read_json(path)
    if not isinstance(found, dict):
        return None
    try:
        state = State(**found)
    except TypeError:
        return None
    if state.state == "running" and not alive(state.pid):
        return State(**{**asdict(state), "state": "stopped"})
    return state


def alive(pid: int) -> bool:
    """True while the process `pid` runs (a finished child that nobody has waited for does not count)."""
    if pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (OSError, IndexError):
        return True


@contextmanager
def ended(progress: Progress) -> Iterator[None]:
    """Write how the work ended, however it ended."""
    try:
        yield
    except (Cancelled, KeyboardInterrupt):
        progress.finish("cancelled")
        raise
    except TasterError as error:
        progress.finish("failed", str(error))
        raise
    except Exception as error:
        progress.finish("failed", f"internal fault: {type(error).__name__}")
        raise
    progress.finish("done")
