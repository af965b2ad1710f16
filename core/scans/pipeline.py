"""From a source to an Inspection: the one place that knows the order of steps.

read → embed → neighbours → scores → patterns → map. Each stage writes its result into the scan's folder before the
next begins (core/scans/stages.py), so a reader can use what is there (galleries before the map), and a killed scan goes on where it stopped. The folder
holds nothing that depends on when or how often the work was interrupted.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any

from ..errors import UserError
from ..files import FileDigests, read_json, remove_temporaries, write_json
from ..sources import open_source, source_identity
from ..types import Dataset, Inspection, Recipe
from ..workspace import Progress, State, Workspace, alive, ended, read_progress
from .analysis import Analysis, analyse
from .folder import load_inspection
from .options import ScanOptions
from .stages import Stages

__all__ = [
    "Analysis",
    "ScanOptions",
    "Source",
    "analyse",
    "attack_recipe",
    "inspection_of",
    "is_finished",
    "lineage",
    "newest_scan",
    "open_dataset",
    "scan",
    "scan_key",
    "source_of",
    "source_path",
]

SCAN_VERSION = 9
DEMO_SEED = 7
DEMO_BACKDOOR = {"attack": "badnets", "rate": 0.05, "target": 0, "seed": DEMO_SEED}
DEMO_MISTAKE_RATE = 0.03


def open_dataset(spec: str, *, allow_outside: bool = False, workspace: Workspace | None = None) -> Dataset:
    """The data set that `spec` names; `demo` is the digits with a backdoor and label mistakes, and has truth."""
    digests = FileDigests(workspace.root / "digests.npz") if workspace is not None else None
    dataset = open_source(spec, allow_outside=allow_outside, digests=digests)
    if digests is not None:
        digests.save()
    return _poisoned_demo(dataset) if source_identity(spec) == "demo" else dataset


def _poisoned_demo(digits: Dataset) -> Dataset:
    """Digits with 5 % carrying a small patch and the label of one class, and 3 % plain mistakes, at a fixed seed."""
    from ..attacks import apply_attack

    backdoored = apply_attack(digits, **DEMO_BACKDOOR)  # type: ignore[arg-type]
    poisoned = apply_attack(backdoored, "symmetric", rate=DEMO_MISTAKE_RATE, seed=DEMO_SEED, exclude_poisoned=True)
    return replace(poisoned, name="demo")


def scan_key(dataset: Dataset, recipe: Recipe) -> str:
    """Hexadecimal name of a scan: content + recipe + version, never a place or a time."""
    named = json.dumps([SCAN_VERSION, dataset.digest, asdict(recipe)], sort_keys=True)
    return blake2b(named.encode(), digest_size=16).hexdigest()


def newest_scan(workspace: Workspace, spec: str, *, finished: bool = True) -> str | None:
    """Key of the newest (finished) scan of `spec` in this workspace, or None."""
    for entry in reversed(workspace.scans_of(source_identity(spec))):
        if not finished or is_finished(workspace, entry["key"]):
            return str(entry["key"])
    return None


def is_finished(workspace: Workspace, key: str) -> bool:
    """True once every stage of the scan has been written."""
    return (workspace.scan_dir(key) / "map.json").exists()


def scan(spec: str, options: ScanOptions, workspace: Workspace, *, listener: Callable[[State], None] | None = None) -> str:
    """Inspect `spec` and return the scan's key; what the workspace holds already is not computed again.

    Raises UserError for what the user can mend; a scan that stops, however it stops, goes on at the next call.
    """
    recipe = options.recipe()
    progress = Progress(None, listener)
    progress.stage("read")
    dataset = open_dataset(spec, allow_outside=options.allow_outside, workspace=workspace)
    key = scan_key(dataset, recipe)
    identity = source_identity(spec)
    workspace.remember_scan(identity, dataset.name, key, dataset.digest)
    if is_finished(workspace, key):
        _tidy(workspace, key)
        return key
    with workspace.locked(key):
        folder = workspace.scan_dir(key)
        remove_temporaries(folder)
        progress.move_to(folder / "progress.json")
        write_json(folder / "source.json", {"identity": identity, "allow_outside": options.allow_outside})
        write_json(folder / "recipe.json", asdict(recipe))
        write_json(folder / "options.json", asdict(options))
        with ended(progress):
            Stages(dataset, recipe, options, workspace, key, progress).run()
    return key


def _tidy(workspace: Workspace, key: str) -> None:
    """Clear up after a scan that was killed between its last result and its last word."""
    folder = workspace.scan_dir(key)
    state = read_progress(folder / "progress.json")
    if state is None or (state.state != "done" and not alive(state.pid)):
        with workspace.locked(key):
            remove_temporaries(folder)
            Progress(folder / "progress.json", None).finish("done")


def inspection_of(workspace: Workspace, key: str) -> Inspection | None:
    """The Inspection of a scan as far as it has come; None until its images have been read."""
    return load_inspection(workspace.scan_dir(key), key, _opener(workspace))


def _opener(workspace: Workspace) -> Callable[[dict[str, Any]], Dataset]:
    def reopen(source: dict[str, Any]) -> Dataset:
        return open_dataset(str(source["identity"]), allow_outside=bool(source["allow_outside"]), workspace=workspace)

    return reopen


def lineage(workspace: Workspace, key: str) -> tuple[str, ...]:
    """Digests of the data sets whose decisions count for this scan: the source as it is and as it was before.

    A decision names an image and what its label was judged to be; it still holds when other images were added.
    """
    folder = workspace.scan_dir(key)
    source, rows = read_json(folder / "source.json"), read_json(folder / "rows.json")
    if not source or not rows:
        return ()
    seen: list[str] = [str(rows["digest"])]
    for entry in workspace.scans_of(str(source["identity"])):
        before = read_json(workspace.scan_dir(entry["key"]) / "rows.json")
        if before and before["digest"] not in seen:
            seen.append(str(before["digest"]))
    return tuple(seen)


def attack_recipe(identity: str) -> dict[str, Any] | None:
    """How the source was poisoned, {"attack", "seed", "settings", …}, where it is the demo or `poison` wrote it; else None.

    The file lies beside the images and may come from anywhere: nothing in it is to be believed unchecked.
    """
    if identity == "demo":
        return dict(DEMO_BACKDOOR)
    found = read_json(Path(identity) / "recipe.json")
    return found if isinstance(found, dict) and "attack" in found else None


@dataclass(frozen=True)
class Source:
    """Where a scan's images come from: a path, or "demo", and whether names in it may lead out of it."""

    identity: str
    allow_outside: bool


def source_of(workspace: Workspace, key: str) -> Source:
    """The source of a scan; raises UserError where the scan is not there."""
    found = read_json(workspace.scan_dir(key) / "source.json")
    if not found:
        raise UserError("that scan is not in this workspace", "a scan that was made with it", "scan the source again")
    return Source(str(found["identity"]), bool(found["allow_outside"]))


def source_path(workspace: Workspace, key: str) -> Path | None:
    """Where the scan's images lie; None for the demo."""
    source = read_json(workspace.scan_dir(key) / "source.json")
    return None if not source or source["identity"] == "demo" else Path(str(source["identity"]))
