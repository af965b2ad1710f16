"""From a source to an Inspection: a scan is begun, resumed, repaired and opened here.

read → embed → neighbours → scores → patterns → map. Each step writes its result into the scan's folder before the
next begins (core/scans/stages.py), so a reader can use what is there (galleries before the map), and a killed scan
resumes. The folder's results do not depend on when or how often the work was interrupted.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import asdict, replace
from hashlib import blake2b
from typing import Any

from ..errors import UserError
from ..files import FileDigests
from ..scores import score_versions
from ..sources import open_source, source_identity
from ..types import Dataset, Inspection, Recipe
from ..workspace import Progress, State, Workspace, alive, ended, logged
from .choice import settled
from .demo import poisoned_demo
from .folder import ScanFolder
from .options import AUTO, ScanOptions
from .stages import Stages
from .stored import load_inspection

log = logging.getLogger(__name__)

SCAN_VERSION = 12

Listener = Callable[[State], None]


def open_dataset(spec: str, *, allow_outside: bool = False, workspace: Workspace | None = None) -> Dataset:
    """The data set that `spec` names; `demo` is the digits with a backdoor and label mistakes, and has truth."""
    digests = FileDigests(workspace.root / "digests.npz") if workspace is not None else None
    dataset = open_source(spec, allow_outside=allow_outside, digests=digests)
    if digests is not None:
        digests.save()
    return poisoned_demo(dataset) if source_identity(spec) == "demo" else dataset


def scan_key(dataset: Dataset, recipe: Recipe) -> str:
    """Hexadecimal name of a scan: content + recipe + versions, never a place or a time."""
    named = json.dumps([SCAN_VERSION, dataset.digest, asdict(recipe), score_versions()], sort_keys=True)
    return blake2b(named.encode(), digest_size=16).hexdigest()


def folder_of(workspace: Workspace, key: str) -> ScanFolder:
    """The folder of a scan, there or not."""
    return ScanFolder(workspace.scan_dir(key))


def is_finished(workspace: Workspace, key: str) -> bool:
    """True once every step of the scan has been written, and while it is as it was written."""
    return folder_of(workspace, key).is_finished()


def newest_scan(workspace: Workspace, spec: str, *, finished: bool = True) -> str | None:
    """Key of the newest (finished) scan of `spec` in this workspace, or None."""
    for entry in reversed(workspace.scans_of(source_identity(spec))):
        if not finished or is_finished(workspace, entry["key"]):
            return str(entry["key"])
    return None


def usable_scan(workspace: Workspace, spec: str, *, listener: Listener | None = None) -> str | None:
    """As `newest_scan`; the newest scan that came to its end and was damaged since is computed again first.

    Another, older scan never stands in for it. Raises UserError where it cannot be made again as it was.
    """
    for entry in reversed(workspace.scans_of(source_identity(spec))):
        key, folder = str(entry["key"]), folder_of(workspace, entry["key"])
        if folder.is_finished():
            return key
        if folder.was_finished:
            return _repaired(workspace, spec, key, listener)
    return None


def _repaired(workspace: Workspace, spec: str, key: str, listener: Listener | None) -> str:
    folder = folder_of(workspace, key)
    names = ", ".join(folder.damage()) or "its files"
    options = _options_of(folder, spec, workspace)
    if options is None:
        raise UserError(
            f"the newest scan of '{spec}' is damaged ({names}) and cannot be made again as it was",
            "its source and its options as they were",
            "scan it again with the options that you want",
        )
    return scan(spec, options, workspace, listener=listener)


def _options_of(folder: ScanFolder, spec: str, workspace: Workspace) -> ScanOptions | None:
    """The options that give this very scan of the source as it is now; one of the files that tell them may be damaged itself."""
    by_recipe = ScanOptions.of(None, folder.json("recipe"))
    if by_recipe is not None and (folder.json("choice") or {}).get("reason"):
        by_recipe = replace(by_recipe, embedder=AUTO)
    for options in (ScanOptions.of(folder.json("options")), by_recipe):
        try:
            if options is not None:
                dataset = open_dataset(spec, allow_outside=options.allow_outside, workspace=workspace)
                if scan_key(dataset, settled(options, dataset, workspace)[0].recipe()) == folder.root.name:
                    return options
        except (UserError, TypeError, ValueError):
            continue
    return None


def scan(spec: str, options: ScanOptions, workspace: Workspace, *, listener: Listener | None = None) -> str:
    """Inspect `spec` and return the scan's key; what the workspace holds already is not computed again.

    Raises UserError for what the user can fix; a scan that stops, however it stops, resumes at the next call.
    """
    options.recipe()
    progress = Progress(None, listener)
    progress.stage("read")
    dataset = open_dataset(spec, allow_outside=options.allow_outside, workspace=workspace)
    asked, (options, reason) = options, settled(options, dataset, workspace)
    recipe = options.recipe()
    key = scan_key(dataset, recipe)
    identity = source_identity(spec)
    workspace.remember_scan(identity, dataset.name, key, dataset.digest)
    folder = folder_of(workspace, key)
    if folder.is_finished():
        _tidy(workspace, folder)
        return key
    with workspace.locked(key), logged(folder.log_file, f"scan {key[:8]} of {dataset.name}"):
        folder.prepare()
        progress.move_to(folder.progress_file)
        with folder.writing("begun") as step:
            step.json("source", {"identity": identity, "allow_outside": options.allow_outside})
            step.json("recipe", asdict(recipe))
            # as asked: a scan whose embedder the set chose is made again with the same reason
            step.json("options", asdict(asked))
            step.json("choice", {"embedder": recipe.embedder, "reason": reason})
        with ended(progress):
            Stages(dataset, recipe, options, workspace, key, progress).run()
    return key


def _tidy(workspace: Workspace, folder: ScanFolder) -> None:
    """Clear up after a scan that was killed between its last result and its last word."""
    state = folder.progress()
    if state is None or (state.state != "done" and not alive(state.pid)):
        with workspace.locked_folder(folder.root):
            folder.prepare()
            Progress(folder.progress_file, None).finish("done")


def inspection_of(workspace: Workspace, key: str) -> Inspection | None:
    """The Inspection of a scan as far as it has come; None until its images have been read."""

    def reopen(source: dict[str, Any]) -> Dataset:
        return open_dataset(str(source["identity"]), allow_outside=bool(source["allow_outside"]), workspace=workspace)

    return load_inspection(folder_of(workspace, key), key, reopen)
