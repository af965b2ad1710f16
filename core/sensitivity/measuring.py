"""How few images of each kind of pattern the search finds in this very set: planted in memory, searched as a scan searches.

Each pass plants every kind in classes of its own and runs the scan's stages from embedding to verdict on the result. The first
pass plants 24 images a class, the next half as many of the kinds that were found and twice as many of the others. A planting
is found where one finding of its class holds at least half of its images.
Blind to: kinds that are not planted, patterns under right labels, and attackers who know the search.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..compute import pick_device
from ..embedders import find_embedder
from ..errors import UnreadableImage, UserError
from ..files import write_sealed
from ..neighbours import nearest
from ..scans import Analysis, ScanOptions, analyse, cannot_embed, embed, inspection_of
from ..sources import working_pixels
from ..types import Dataset, Evidence, Float32, Inspection, Int64, UInt8
from ..workspace import Progress, State, Workspace, ended
from .folder import VERSION, SensitivityFolder
from .kinds import KINDS
from .planting import Planting, open_classes, plan, planted

LEVELS = (12, 24, 48, 96)
FIRST = 24
PASSES, MOST_PASSES, MOST_EACH = 2, 4, 4
FOUND_AT = 0.5
MEASURED_SIZES = 16


@dataclass
class _Tried:
    """What is known of one kind: images a class -> (plantings found, plantings)."""

    counts: dict[int, tuple[int, int]]

    def next(self, levels: Sequence[int]) -> int | None:
        """The count to try now; None where nothing is left to learn."""
        if not self.counts:
            return FIRST if FIRST in levels else levels[-1]
        found = [count for count, (hits, of) in self.counts.items() if 2 * hits > of]
        below = [level for level in levels if level < min(found, default=0)]
        wanted = (
            below[-1] if found and below else next((level for level in levels if level > max(self.counts)), None) if not found else None
        )
        return None if wanted in self.counts else wanted


def measure(workspace: Workspace, key: str, *, device: str = "auto", listener: Callable[[State], None] | None = None) -> dict[str, Any]:
    """The sensitivity of the finished scan `key`; what was measured before is not measured again.

    Returns {"kinds": {name: {"title", "attack", "settings", "tried": [{"images", "found", "of"}], "smallest"}}, …}; smallest: the
    fewest images a class at which more than half of the plantings were found, None where none were. Raises UserError.
    """
    folder = SensitivityFolder(workspace, key)
    known = folder.result()
    if known is not None:
        return known
    inspection = inspection_of(workspace, key)
    if inspection is None or inspection.suspicion is None or inspection.evidence is None or inspection.content is None:
        raise UserError("that scan is not finished", "a finished scan", "scan the source again")
    with workspace.locked_folder(folder.root):
        # another process may have measured it while this one waited
        if (known := folder.result()) is not None:
            return known
        shutil.rmtree(folder.root / "scratch", ignore_errors=True)
        progress = Progress(folder.root / "progress.json", listener)
        with ended(progress):
            result = _Measurement(workspace, inspection, pick_device(device), progress, folder.root / "scratch").run()
            write_sealed(folder.root / "result.json", result)
    return result


class _Measurement:
    """One run over the passes."""

    def __init__(self, workspace: Workspace, inspection: Inspection, device: str, progress: Progress, scratch: Path) -> None:
        self.workspace, self.inspection, self.device, self.progress, self.scratch = workspace, inspection, device, progress, scratch
        self.side = usual_side(inspection.dataset)
        self.embeds = not cannot_embed(inspection)

    def run(self) -> dict[str, Any]:
        started = time.monotonic()
        classes = open_classes(self.inspection, 2 * LEVELS[0])
        levels = self._levels(classes)
        tried = {kind: _Tried({}) for kind in KINDS}
        passes = 0
        if levels:
            self.progress.stage("pixels", total=len(self.inspection.dataset))
            pixels = working_pixels(self.inspection.dataset, progress=self.progress.update)
            wanted = PASSES * -(-len(KINDS) // len(classes))
            while passes < min(wanted, MOST_PASSES):
                # kinds that have waited longest first: where classes are few, not all kinds go into one pass
                todo = sorted(KINDS, key=lambda kind: len(tried[kind].counts))
                counts = {kind: count for kind in todo if (count := tried[kind].next(levels)) is not None}
                if not counts:
                    break
                self._pass(passes, counts, classes, pixels, tried)
                passes += 1
        return {
            "version": VERSION,
            "scan": self.inspection.key,
            "images": len(self.inspection.dataset),
            "classes": len(classes),
            "side": self.side,
            "embedder": self.inspection.recipe.embedder,
            "embedded": self.embeds,
            "passes": passes,
            "seconds": round(time.monotonic() - started, 1),
            "kinds": {kind: self._told(kind, tried[kind]) for kind in KINDS},
        }

    def _levels(self, classes: Int64) -> list[int]:
        """Counts that may be planted: up to half of the usual class."""
        if not len(classes):
            return []
        usual = float(np.median(np.bincount(self.inspection.dataset.labels[self.inspection.dataset.labels >= 0])[classes]))
        return [level for level in LEVELS if level <= max(usual / 2, LEVELS[0])]

    def _pass(self, number: int, counts: dict[str, int], classes: Int64, pixels: UInt8, tried: dict[str, _Tried]) -> None:
        each = int(np.clip(len(classes) // len(KINDS), 1, MOST_EACH))
        # other classes in every pass, as far as there are others
        turned = np.roll(classes, -number * each * len(KINDS))
        plantings = plan(self.inspection, counts, turned, each, number)
        dataset = planted(self.inspection.dataset, plantings, self.side)
        rows = np.sort(np.concatenate([planting.rows for planting in plantings])) if plantings else np.zeros(0, np.int64)
        seen = pixels.copy()
        seen[rows] = working_pixels(dataset.select(rows), pixels.shape[1])
        found = self._searched(dataset, seen)
        for planting in plantings:
            of = tried[planting.kind].counts
            hits, total = of.get(counts[planting.kind], (0, 0))
            of[counts[planting.kind]] = (hits + is_found(planting, found), total + 1)

    def _searched(self, dataset: Dataset, pixels: UInt8) -> Analysis:
        vectors = self._vectors(dataset)
        self.progress.stage("neighbours", total=len(dataset))
        near = nearest(vectors, self.inspection.recipe.k, device=self.device, progress=self.progress.update)
        evidence = Evidence(dataset.labels, dataset.classes, vectors, *near)
        return analyse(evidence, pixels, seed=self.inspection.recipe.seed, device=self.device, progress=self.progress)

    def _vectors(self, dataset: Dataset) -> Float32:
        evidence = self.inspection.evidence
        assert evidence is not None
        if not self.embeds:
            return np.array(evidence.vectors)
        recipe = self.inspection.recipe
        model: Any = find_embedder(recipe.embedder).load(
            ScanOptions(embedder=recipe.embedder, seed=recipe.seed, device=self.device).settings()
        )
        self.progress.stage("embed", total=len(dataset))
        with _beside(self.workspace.features_dir(model.key), self.scratch) as store:
            found = embed(dataset, model, store, progress=self.progress.update)
        if len(found.dataset) != len(dataset):
            raise UserError("images of this set cannot be read any more", "the source as it was scanned", "put them back, or scan it again")
        return found.vectors

    def _told(self, kind: str, tried: _Tried) -> dict[str, Any]:
        known = KINDS[kind]
        counts = [{"images": count, "found": hits, "of": of} for count, (hits, of) in sorted(tried.counts.items())]
        found = [entry["images"] for entry in counts if 2 * entry["found"] > entry["of"]]
        about = {"title": known.title, "attack": known.attack, "settings": known.settings(self.side)}
        return {**about, "tried": counts, "smallest": min(found, default=None)}


def is_found(planting: Planting, analysis: Analysis) -> bool:
    """Whether one finding of the planting's class holds at least half of its images."""
    return any(
        finding.label in (planting.label, -1) and np.isin(planting.rows, finding.rows).mean() >= FOUND_AT for finding in analysis.findings
    )


def usual_side(dataset: Dataset) -> int:
    """Median shorter side, in pixels, of a few images."""
    sides = []
    for row in np.unique(np.linspace(0, len(dataset) - 1, MEASURED_SIZES).astype(int)):
        try:
            sides.append(min(dataset.load(int(row)).size))
        except UnreadableImage:
            continue
    return int(np.median(sides)) if sides else 32


@contextmanager
def _beside(store: Path, scratch: Path) -> Iterator[Path]:
    """A folder with the store's features, to which others are added that the store shall not keep."""
    scratch.mkdir(parents=True, exist_ok=True)
    try:
        for file in store.iterdir() if store.is_dir() else ():
            try:
                os.link(file, scratch / file.name)
            except OSError:
                # a file system without hard links
                shutil.copyfile(file, scratch / file.name)
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
