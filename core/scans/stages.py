"""One run through the stages of a scan: each writes its result into the scan's folder before the next begins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np
from PIL import Image

from ..compute import halving, pick_device
from ..embedders import Learner, Model, RowModel, find_embedder
from ..errors import UserError
from ..scores import SCORES, by_need
from ..sources import check_usable, working_pixels
from ..types import Dataset, Evidence, Float32, Recipe, UInt8
from ..workspace import Progress, Workspace
from .analysis import Content, analyse, judge_content
from .folder import ScanFolder
from .learning import learn
from .options import ScanOptions
from .stored import write_findings, write_fused, write_rows

# of the images that were embedded: more that cannot be read any more, and the source is not what was scanned
MOST_GONE = 0.01


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
        self.folder = ScanFolder(self.workspace.scan_dir(self.key))
        self.embedder = find_embedder(self.recipe.embedder)
        self.judged: Content | None = None
        self.model: Model | None = None

    def run(self) -> None:
        self.embed()
        self.neighbours()
        self.score()
        self.patterns()
        self.map()

    def embed(self) -> None:
        if self.folder.holds("rows"):
            return
        from .embedding import embed

        if not self.embedder.learns:
            self.progress.stage("embed", total=len(self.dataset))
        model = self._model()
        self.progress.stage("embed", total=len(self.dataset))
        if self.embedder.by_row:
            cast(RowModel, model).check_rows(len(self.dataset))
        started = False

        def tell(done: int, total: int) -> None:
            nonlocal started
            if not started:
                started = True
                self.progress.stage("embed", done=done, total=total)
            self.progress.update(done, total)

        found = embed(self.dataset, model, self.workspace.features_dir(model.key), by_row=self.embedder.by_row, progress=tell)
        check_usable(found.dataset)
        with self.folder.writing("rows") as step:
            step.array("vectors", found.vectors)
            write_rows(step, found.dataset, source_digest=self.dataset.digest)

    def _model(self) -> Model:
        """The embedder, ready to embed: one that learns from the set has done so."""
        if self.model is None:
            self.model = self.embedder.load(self.options.settings())
            if self.embedder.learns:
                learn(self.dataset, cast(Learner, self.model), self.workspace, self.progress, self.folder.learning_file)
        return self.model

    def neighbours(self) -> None:
        if self.folder.holds("neighbours"):
            return
        from ..neighbours import nearest

        vectors = np.array(self.folder.array("vectors"))
        self.progress.stage("neighbours", total=len(vectors))
        device = pick_device(self.options.device)
        found, similarity = nearest(vectors, self.recipe.k, device=device, progress=self.progress.update)
        with self.folder.writing("neighbours") as step:
            step.array("neighbours", found)
            step.array("similarity", similarity)

    def score(self) -> None:
        if self.folder.holds("scores"):
            return
        content = self.judged = judge_content(self._evidence(), self.progress)
        fused, judged = content.fused, content.judged
        with self.folder.writing("scores") as step:
            step.array("scores", np.stack(list(content.scores.values())))
            step.array("suspicion", fused.suspicion)
            step.array("verdicts", fused.verdicts)
            step.array("suggested", judged.suggestions.labels)
            step.array("confidence", judged.suggestions.confidence)
            error_rate = [round(float(r), 6) for r in judged.model.error_rate]
            about = {"threshold": fused.threshold, "error_rate": error_rate, "gamma": judged.model.gamma}
            step.json("scores", {"scores": list(content.scores), **about})

    def patterns(self) -> None:
        if self.folder.holds("patterns"):
            return
        dataset, evidence = self._readable(), self._evidence()
        pixels, notes = self._pixels(dataset)
        device = pick_device(self.options.device)
        # a scan that resumes here has not got it in memory
        known = self.judged or judge_content(evidence)
        halftoned = self._halftoned(pixels, device)
        found = analyse(evidence, pixels, seed=self.recipe.seed, device=device, progress=self.progress, halftoned=halftoned, known=known)
        with self.folder.writing("patterns") as step:
            write_findings(step, (*found.findings, *found.shortcuts))
            write_fused(
                step,
                scores={name: score for name, score in found.scores.items() if name not in known.scores},
                threshold=found.threshold,
                notes=notes,
                suspicion=found.suspicion,
                verdicts=found.verdicts,
                content=found.content,
                artifact=found.artifact,
                suggested=found.suggestions.labels,
                confidence=found.suggestions.confidence,
            )

    def _pixels(self, dataset: Dataset) -> tuple[UInt8, tuple[str, ...]]:
        """The working pixels, and what is to be said of images that could be embedded but cannot be read any more."""
        self.progress.stage("pixels", total=len(dataset))
        gone: list[int] = []
        pixels = working_pixels(dataset, progress=self.progress.update, unreadable=gone)
        if not gone:
            return pixels, ()
        if len(gone) > MOST_GONE * len(dataset):
            raise UserError(
                f"{len(gone):,} of {len(dataset):,} images cannot be read any more, first '{dataset.ids[min(gone)]}'",
                "the source as it was when the scan began",
                "put the images back and give the same command again: it resumes from here",
            )
        named = ", ".join(dataset.ids[row] for row in sorted(gone)[:20])
        return pixels, (f"{len(gone):,} images could not be read any more when patterns were searched, and count as grey there: {named}",)

    def _readable(self) -> Dataset:
        """The rows of the source that the scan could read."""
        ids = self.folder.json("rows")["ids"]
        return self.dataset if len(ids) == len(self.dataset) else self.dataset.select(self.dataset.rows_of(ids))

    def _halftoned(self, pixels: UInt8, device: str) -> dict[str, Float32]:
        """The scores that compare an image with its halftone; none where embedding everything twice more would take too long."""
        if self.embedder.by_row or (device == "cpu" and not self.embedder.fast):
            return {}
        from ..views import halftone

        model, wanted = self._model(), by_need(SCORES, "halftone")
        self.progress.stage("halftone", total=len(pixels))
        found = {name: np.empty(len(pixels), np.float32) for name in wanted}
        for start in range(0, len(pixels), model.batch_size):
            rows = np.arange(start, min(start + model.batch_size, len(pixels)))
            plain, dotted = pixels[rows], halftone(pixels[rows])
            both = [model.pixels(Image.fromarray(image)) for image in (*plain, *dotted)]
            features = halving(model.features, both, np.concatenate([rows, rows]))
            for name, score in wanted.items():
                found[name][rows] = score.function(features[: len(rows)], features[len(rows) :])
            self.progress.update(int(rows[-1]) + 1, len(pixels))
        return found

    def map(self) -> None:
        if self.folder.holds("map"):
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
        with self.folder.writing("map") as step:
            step.array("xy", xy)
            step.json("map", {"projection": method})

    def _evidence(self) -> Evidence:
        arrays = (np.array(self.folder.array(name)) for name in ("vectors", "neighbours", "similarity"))
        return Evidence(np.array(self.folder.array("labels")), tuple(self.folder.json("rows")["classes"]), *arrays)
