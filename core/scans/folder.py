"""A scan's folder: every file of a scan is named, written, read and verified here.

<step>.files.json   size and digest of each file that the step wrote, and of the record of the step before;
                    written last: a step is finished where its record and all its files verify
progress.json, learning.json, scan.log, lock    tell of the work, not of its result, and are not recorded
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import blake2b
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from ..files import file_record, read_array, read_json, read_sealed, remove_temporaries, verifies, write_array, write_json, write_sealed
from ..workspace import State, read_progress

log = logging.getLogger(__name__)

# in the order in which they are taken, each with the step that its result rests on. How a scan was begun (its options, its place)
# changes nothing of what is computed: the folder's name stands for that
RESTS_ON = {"begun": None, "rows": None, "neighbours": "rows", "scores": "neighbours", "patterns": "scores", "map": "neighbours"}
STEPS = tuple(RESTS_ON)
# the file that a step of an earlier version wrote last, when there were no records
LAST_FILE = {
    "begun": "source.json",
    "rows": "rows.json",
    "neighbours": "similarity.npy",
    "scores": "scores.json",
    "patterns": "fused.json",
    "map": "map.json",
}


class Step:
    """The files of one step while it is written; paths are made from plain names."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.files: dict[str, list[Any]] = {}

    def array(self, name: str, value: NDArray[Any]) -> None:
        """`value` as <name>.npy."""
        write_array(self._root / f"{name}.npy", value)
        self.files[f"{name}.npy"] = file_record(self._root / f"{name}.npy")

    def json(self, name: str, value: Any) -> None:
        """`value` as <name>.json."""
        write_json(self._root / f"{name}.json", value)
        self.files[f"{name}.json"] = file_record(self._root / f"{name}.json")


class ScanFolder:
    """One scan on disk. Reading what `holds` says is there raises nothing but the errors of a failing disk."""

    def __init__(self, root: Path) -> None:
        self.root = root

    # ---- steps

    @contextmanager
    def writing(self, step: str) -> Iterator[Step]:
        """The step's files are written inside the block; the step is finished when it ends without an error."""
        files = Step(self.root)
        yield files
        write_sealed(self._record(step), {"after": self._before(step), "files": files.files})

    def holds(self, step: str) -> bool:
        """Whether the step and those it rests on are finished, and every one of their files is as it was written."""
        if self.is_unrecorded:
            return (self.root / LAST_FILE[step]).is_file()
        record = read_sealed(self._record(step))
        return (
            record is not None
            and record["after"] == self._before(step)
            and all(verifies(self.root / name, known) for name, known in record["files"].items())
        )

    def is_finished(self) -> bool:
        """True once every step holds."""
        return all(map(self.holds, STEPS))

    @property
    def was_finished(self) -> bool:
        """Whether the scan came to its end once, whatever became of its files since."""
        state = self.progress()
        return (state is not None and state.state == "done") or all(self._record(step).exists() for step in STEPS)

    @property
    def is_unrecorded(self) -> bool:
        """Whether an earlier version made it, which kept no digests: such a scan is read as it is."""
        return (self.root / LAST_FILE["rows"]).is_file() and not any(self._record(step).exists() for step in STEPS)

    def damage(self) -> list[str]:
        """Names of files that a finished step left and that are no longer as they were written."""
        found = []
        for step in STEPS:
            record = read_sealed(self._record(step))
            if record is None:
                found += [self._record(step).name] if self._record(step).exists() or self.was_finished else []
            else:
                found += [name for name, known in record["files"].items() if not verifies(self.root / name, known)]
        return found

    def prepare(self) -> None:
        """Before work goes on: what a killed process left half written goes, and what is damaged is said."""
        remove_temporaries(self.root)
        if not self.is_unrecorded and (names := self.damage()):
            log.warning(
                "scan %s: %s %s damaged or missing and will be computed again",
                self.root.name[:8],
                ", ".join(names),
                "is" if len(names) == 1 else "are",
            )

    def _record(self, step: str) -> Path:
        return self.root / f"{step}.files.json"

    def _before(self, step: str) -> str:
        """Digest of the record of the step that this one rests on: another result there makes this one anew."""
        rests_on = RESTS_ON[step]
        record = read_sealed(self._record(rests_on)) if rests_on else None
        return "" if record is None else blake2b(json.dumps(record["files"], sort_keys=True).encode(), digest_size=16).hexdigest()

    def signature(self) -> tuple[int, ...]:
        """Changes when a step is finished or made anew: whoever keeps what it read here reads again then."""
        return tuple(_changed(self._record(step), self.root / LAST_FILE[step]) for step in STEPS)

    # ---- files

    def array(self, name: str) -> NDArray[Any]:
        """<name>.npy, read-only, memory-mapped where it is large."""
        return read_array(self.root / f"{name}.npy")

    def has_array(self, name: str) -> bool:
        return (self.root / f"{name}.npy").is_file()

    def json(self, name: str) -> Any:
        """<name>.json; None where it is not there."""
        return read_json(self.root / f"{name}.json")

    # ---- how the work goes

    @property
    def progress_file(self) -> Path:
        return self.root / "progress.json"

    @property
    def learning_file(self) -> Path:
        """The curve of an embedder that learns from the set."""
        return self.root / "learning.json"

    @property
    def log_file(self) -> Path:
        return self.root / "scan.log"

    def progress(self) -> State | None:
        """How far the scan is, as its process wrote it."""
        return read_progress(self.progress_file)


def _changed(*files: Path) -> int:
    """Time of change of the first of `files` that is there, 0 where none is."""
    for file in files:
        with suppress(OSError):
            return file.stat().st_mtime_ns
    return 0
