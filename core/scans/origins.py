"""Where a scan comes from: its source, how that was poisoned where it says so, and the data sets it had before."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import UserError
from ..files import check_regular, read_json
from ..workspace import Workspace
from .demo import DEMO_BACKDOOR
from .folder import ScanFolder

MOST_RECIPE_BYTES = 16 << 20


@dataclass(frozen=True)
class Source:
    """Where a scan's images come from: a path, or "demo", and whether names in it may lead out of it."""

    identity: str
    allow_outside: bool

    @property
    def path(self) -> Path | None:
        """Where the images lie; None for the demo."""
        return None if self.identity == "demo" else Path(self.identity)


def source_of(workspace: Workspace, key: str) -> Source:
    """The source of a scan; raises UserError where the scan is not there."""
    folder = ScanFolder(workspace.scan_dir(key))
    found = folder.json("source") if folder.holds("begun") else None
    if not found:
        raise UserError("that scan is not in this workspace", "a scan that was made with it", "scan the source again")
    return Source(str(found["identity"]), bool(found["allow_outside"]))


def source_path(workspace: Workspace, key: str) -> Path | None:
    """Where the scan's images lie; None for the demo."""
    return source_of(workspace, key).path


def lineage(workspace: Workspace, key: str) -> tuple[str, ...]:
    """Digests of the data sets whose decisions count for this scan: the source as it is and as it was before.

    A decision names an image and what its label was judged to be; it still holds when other images were added.
    """
    seen = [digest] if (digest := _digest(workspace, key)) else []
    if not seen:
        return ()
    for entry in workspace.scans_of(source_of(workspace, key).identity):
        before = _digest(workspace, entry["key"])
        if before and before not in seen:
            seen.append(before)
    return tuple(seen)


def _digest(workspace: Workspace, key: str) -> str:
    """Digest of the rows that a scan could read; "" before they are known."""
    folder = ScanFolder(workspace.scan_dir(key))
    return str(folder.json("rows")["digest"]) if folder.holds("begun") and folder.holds("rows") else ""


def attack_recipe(identity: str) -> dict[str, Any] | None:
    """How the source was poisoned, {"attack", "seed", "settings", …}, where it is the demo or `poison` wrote it; else None.

    The file lies beside the images and may come from anywhere: nothing in it is to be believed unchecked.
    """
    if identity == "demo":
        return dict(DEMO_BACKDOOR)
    try:
        check_regular(path := Path(identity) / "recipe.json", "the recipe", most=MOST_RECIPE_BYTES)
    except UserError:
        return None
    found = read_json(path)
    return found if isinstance(found, dict) and "attack" in found else None
