"""Where the measurement of one scan lies."""

from __future__ import annotations

from typing import Any

from ..files import read_sealed
from ..workspace import State, Workspace, read_progress

VERSION = 1


class SensitivityFolder:
    """Where the measurement of one scan lies: result.json (sealed), progress.json, and a scratch folder while it runs."""

    def __init__(self, workspace: Workspace, key: str) -> None:
        self.root = workspace.root / "sensitivity" / workspace.scan_dir(key).name

    def result(self) -> dict[str, Any] | None:
        """The result; None where nothing was measured, by another version, or where the file was damaged since."""
        found = read_sealed(self.root / "result.json")
        return found if found is not None and found.get("version") == VERSION else None

    def progress(self) -> State | None:
        """How far the work is, as its process wrote it."""
        return read_progress(self.root / "progress.json")
