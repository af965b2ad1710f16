"""From a source to an Inspection: the one place that knows the order of steps.

read → embed → neighbours → scores → map. Each stage writes its result into the scan's folder before the next begins,
so a reader can use what is there (galleries before the map), and a killed scan goes on where it stopped. The folder
holds nothing that depends on when or how often the work was interrupted.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np

from core.embedders import find_embedder
from core.embedders.base import Settings
from core.errors import Cancelled, TasterError, UserError
from core.inspections import load_inspection, write_rows
from core.progress import Progress, State
from core.sources import open_source, source_identity
from core.sources.base import check_usable
from core.store import FileDigests, Workspace, read_array, read_json, remove_temporaries, write_array, write_json
from core.types import Dataset, Evidence, Inspection, Recipe

SCAN_VERSION = 3
DEMO_SEED = 7
DEMO_BACKDOOR_RATE = 0.05
DEMO_MISTAKE_RATE = 0.03


@dataclass(frozen=True)
class ScanOptions:
    """What a person may choose about a scan."""

    embedder: str = "gradients"
    k: int = 50
    device: str = "auto"
    seed: int = 0
    weights: str | None = None
    embeddings: str | None = None
    allow_outside: bool = False

    def recipe(self) -> Recipe:
        """The part of the options that names the result. Raises UserError for what cannot be."""
        find_embedder(self.embedder)
        if not 1 <= self.k <= 1000:
            raise UserError(f"k = {self.k} cannot be", "1 to 1000 neighbours")
        if not 0 <= self.seed < 2**32:
            raise UserError(f"seed = {self.seed} cannot be", "a whole number from 0 to 4294967295")
        if self.embeddings is not None and self.embedder != "precomputed":
            raise UserError(f"--embeddings does not go with embedder '{self.embedder}'", "it is for embedder 'precomputed'", "leave one of the two out")
        if self.weights is not None and self.embedder in ("gradients", "precomputed"):
            raise UserError(f"--weights does not go with embedder '{self.embedder}'", "it is for the torchvision embedders", "leave it out")
        files = {"weights": self.weights, "embeddings": self.embeddings}
        return Recipe(
            self.embedder,
            self.k,
            self.seed,
            tuple((name, _file_digest(name, file)) for name, file in files.items() if file is not None),
        )


def _file_digest(option: str, file: str) -> str:
    try:
        with open(file, "rb") as opened:
            h = blake2b(digest_size=16)
            while block := opened.read(1 << 22):
                h.update(block)
            return h.hexdigest()
    except OSError as error:
        raise UserError(f"--{option} '{file}' cannot be read ({error.strerror})", "a file on this machine") from error


def open_dataset(spec: str, *, allow_outside: bool = False, workspace: Workspace | None = None) -> Dataset:
    """The data set that `spec` names; `demo` is the digits with a backdoor and label mistakes, and has truth."""
    digests = FileDigests(workspace.root / "digests.npz") if workspace is not None else None
    dataset = open_source(spec, allow_outside=allow_outside, digests=digests)
    if digests is not None:
        digests.save()
    return _poisoned_demo(dataset) if source_identity(spec) == "demo" else dataset


def _poisoned_demo(digits: Dataset) -> Dataset:
    """Digits with 5 % carrying a small patch and the label of one class, and 3 % plain mistakes, at a fixed seed."""
    from core.attacks import apply_attack

    backdoored = apply_attack(digits, "badnets", rate=DEMO_BACKDOOR_RATE, target=0, seed=DEMO_SEED)
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


def scan(
    spec: str, options: ScanOptions, workspace: Workspace, *, listener: Callable[[State], None] | None = None
) -> str:
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
        return key
    with workspace.locked(key):
        folder = workspace.scan_dir(key)
        remove_temporaries(folder)
        progress.move_to(folder / "progress.json")
        write_json(folder / "source.json", {"identity": identity, "allow_outside": options.allow_outside})
        write_json(folder / "recipe.json", asdict(recipe))
        try:
            _Scan(dataset, recipe, options, workspace, key, progress).run()
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
    return key


@dataclass
class _Scan:
    """One run through the stages."""

    dataset: Dataset
    recipe: Recipe
    options: ScanOptions
    workspace: Workspace
    key: str
    progress: Progress

    def __post_init__(self) -> None:
        self.folder = self.workspace.scan_dir(self.key)

    def run(self) -> None:
        self.embed()
        self.neighbours()
        self.score()
        self.map()

    def embed(self) -> None:
        if (self.folder / "rows.json").exists():
            return
        from core.embedding import embed

        self.progress.stage("embed", total=len(self.dataset))
        settings = Settings(self.options.device, self.options.weights, self.options.embeddings, self.options.seed)
        model = find_embedder(self.recipe.embedder).load(settings)
        check_rows = getattr(model, "check_rows", None)
        if check_rows is not None:
            check_rows(len(self.dataset))
        started = False

        def tell(done: int, total: int) -> None:
            nonlocal started
            if not started:
                started = True
                self.progress.stage("embed", done=done, total=total)
            self.progress.update(done, total)

        found = embed(self.dataset, model, self.workspace.features_dir(model.key), progress=tell)
        check_usable(found.dataset)
        write_array(self.folder / "vectors.npy", found.vectors)
        write_rows(self.folder, found.dataset, source_digest=self.dataset.digest)

    def neighbours(self) -> None:
        if (self.folder / "similarity.npy").exists():
            return
        from core.embedders.base import pick_device
        from core.neighbours import nearest

        vectors = np.array(read_array(self.folder / "vectors.npy"))
        self.progress.stage("neighbours", total=len(vectors))
        device = pick_device(self.options.device)
        found, similarity = nearest(vectors, self.recipe.k, device=device, progress=self.progress.update)
        write_array(self.folder / "neighbours.npy", found)
        write_array(self.folder / "similarity.npy", similarity)

    def score(self) -> None:
        if (self.folder / "scores.json").exists():
            return
        from core.fuse import fuse
        from core.scores import SCORES
        from core.scores.vote import vote
        from core.suggest import judge

        evidence = self._evidence()
        self.progress.stage("scores", total=len(SCORES) + 1)
        scores = {}
        for done, (name, score) in enumerate(SCORES.items(), start=1):
            scores[name] = score.function(evidence)
            self.progress.update(done, len(SCORES) + 1)
        judged = judge(evidence.labels, len(evidence.classes), vote(evidence).shares)
        fused = fuse(evidence.labels, len(evidence.classes), judged.wrong, scores)
        write_array(self.folder / "scores.npy", np.stack(list(scores.values())))
        write_array(self.folder / "suspicion.npy", fused.suspicion)
        write_array(self.folder / "verdicts.npy", fused.verdicts)
        write_array(self.folder / "suggested.npy", judged.suggestions.labels)
        write_array(self.folder / "confidence.npy", judged.suggestions.confidence)
        write_json(
            self.folder / "scores.json",
            {
                "scores": list(scores),
                "threshold": fused.threshold,
                "error_rate": [round(float(r), 6) for r in judged.model.error_rate],
                "gamma": judged.model.gamma,
            },
        )

    def map(self) -> None:
        if (self.folder / "map.json").exists():
            return
        from core.projection import project

        evidence = self._evidence()
        self.progress.stage("map")
        xy, method = project(
            evidence.vectors,
            evidence.neighbours,
            evidence.similarity,
            seed=self.recipe.seed,
            progress=self.progress.update,
        )
        write_array(self.folder / "xy.npy", xy)
        write_json(self.folder / "map.json", {"projection": method})

    def _evidence(self) -> Evidence:
        rows = read_json(self.folder / "rows.json")
        return Evidence(
            np.array(read_array(self.folder / "labels.npy")),
            tuple(rows["classes"]),
            np.array(read_array(self.folder / "vectors.npy")),
            np.array(read_array(self.folder / "neighbours.npy")),
            np.array(read_array(self.folder / "similarity.npy")),
        )


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


def source_path(workspace: Workspace, key: str) -> Path | None:
    """Where the scan's images lie; None for the demo."""
    source = read_json(workspace.scan_dir(key) / "source.json")
    return None if not source or source["identity"] == "demo" else Path(str(source["identity"]))
