"""One run through the stages of a scan: each writes its result into the scan's folder before the next begins."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from ..embedders import Model, find_embedder, halving
from ..files import read_array, read_json, write_array, write_json
from ..sources import check_usable
from ..types import Dataset, Evidence, Float32, Recipe, UInt8
from ..workspace import Progress, Workspace
from .analysis import Content, analyse, judge_content
from .findings_file import write_findings, write_fused
from .folder import write_rows
from .learning import learn
from .options import ScanOptions


@dataclass
class Stages:
    """One run through the stages."""

    dataset: Dataset
    recipe: Recipe
    options: ScanOptions
    workspace: Workspace
    key: str
    progress: Progress

    def __post_init__(self) -> None:
        self.folder = self.workspace.scan_dir(self.key)
        self.judged: Content | None = None
        self.model: Model | None = None

    def run(self) -> None:
        self.embed()
        self.neighbours()
        self.score()
        self.patterns()
        self.map()

    def embed(self) -> None:
        if (self.folder / "rows.json").exists():
            return
        from .embedding import embed

        if not find_embedder(self.recipe.embedder).learns:
            self.progress.stage("embed", total=len(self.dataset))
        model = self._model()
        self.progress.stage("embed", total=len(self.dataset))
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

    def _model(self) -> Model:
        """The embedder, ready to embed: one that learns from the set has done so."""
        if self.model is None:
            self.model = find_embedder(self.recipe.embedder).load(self.options.settings())
            if find_embedder(self.recipe.embedder).learns:
                learn(self.dataset, self.model, self.workspace, self.progress, self.folder / "learning.json")
        return self.model

    def neighbours(self) -> None:
        if (self.folder / "similarity.npy").exists():
            return
        from ..embedders import pick_device
        from ..neighbours import nearest

        vectors = np.array(read_array(self.folder / "vectors.npy"))
        self.progress.stage("neighbours", total=len(vectors))
        device = pick_device(self.options.device)
        found, similarity = nearest(vectors, self.recipe.k, device=device, progress=self.progress.update)
        write_array(self.folder / "neighbours.npy", found)
        write_array(self.folder / "similarity.npy", similarity)

    def score(self) -> None:
        if (self.folder / "scores.json").exists():
            return
        content = self.judged = judge_content(self._evidence(), self.progress)
        fused, judged = content.fused, content.judged
        write_array(self.folder / "scores.npy", np.stack(list(content.scores.values())))
        write_array(self.folder / "suspicion.npy", fused.suspicion)
        write_array(self.folder / "verdicts.npy", fused.verdicts)
        write_array(self.folder / "suggested.npy", judged.suggestions.labels)
        write_array(self.folder / "confidence.npy", judged.suggestions.confidence)
        write_json(
            self.folder / "scores.json",
            {
                "scores": list(content.scores),
                "threshold": fused.threshold,
                "error_rate": [round(float(r), 6) for r in judged.model.error_rate],
                "gamma": judged.model.gamma,
            },
        )

    def patterns(self) -> None:
        if (self.folder / "fused.json").exists():
            return
        from ..embedders import pick_device
        from ..sources import working_pixels

        dataset, evidence = self._readable(), self._evidence()
        self.progress.stage("pixels", total=len(dataset))
        pixels = working_pixels(dataset, progress=self.progress.update)
        device = pick_device(self.options.device)
        shift = self._halftone_shift(pixels, device)
        found = analyse(
            evidence,
            pixels,
            seed=self.recipe.seed,
            device=device,
            progress=self.progress,
            halftone_shift=shift,
            # a scan that goes on here has not got it in memory
            known=self.judged or judge_content(evidence),
        )
        write_findings(self.folder, found.findings)
        write_fused(
            self.folder,
            scores=found.scores,
            threshold=found.threshold,
            suspicion=found.suspicion,
            verdicts=found.verdicts,
            content=found.content,
            artifact=found.artifact,
            suggested=found.suggestions.labels,
            confidence=found.suggestions.confidence,
        )

    def _readable(self) -> Dataset:
        """The rows of the source that the scan could read."""
        ids = read_json(self.folder / "rows.json")["ids"]
        if len(ids) == len(self.dataset):
            return self.dataset
        return self.dataset.select(self.dataset.rows_of(ids))

    def _halftone_shift(self, pixels: UInt8, device: str) -> Float32 | None:
        """How far each image moves when it is halftoned; None where embedding everything twice more would take too long."""
        if self.recipe.embedder == "precomputed" or (self.recipe.embedder != "gradients" and device == "cpu"):
            return None
        from ..scores import halftone_shift
        from ..views import halftone

        model = self._model()
        self.progress.stage("halftone", total=len(pixels))
        shift = np.empty(len(pixels), np.float32)
        for start in range(0, len(pixels), model.batch_size):
            rows = np.arange(start, min(start + model.batch_size, len(pixels)))
            plain, dotted = pixels[rows], halftone(pixels[rows])
            both = [model.pixels(Image.fromarray(image)) for image in (*plain, *dotted)]
            features = halving(model.features, both, np.concatenate([rows, rows]))
            shift[rows] = halftone_shift(features[: len(rows)], features[len(rows) :])
            self.progress.update(int(rows[-1]) + 1, len(pixels))
        return shift

    def map(self) -> None:
        if (self.folder / "map.json").exists():
            return
        from ..projection import project

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
