"""Let an embedder learn from the set before it embeds: pixels in, a curve and progress out, labels kept away from it."""

from __future__ import annotations

import math
import time
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from ..embedders import Learner, LearningProgress
from ..files import read_json, remove_temporaries, write_json
from ..neighbours import class_shares, nearest
from ..sources import working_pixels, working_side
from ..types import UNLABELLED, Dataset, Float32, Int64
from ..workspace import Progress, Workspace

NEIGHBOURS = 20
TEMPERATURE = 0.1
# the progress file counts whole steps: a share of work is so many of them
PARTS = 10_000
WRITE_SECONDS = 1.0


def learn(dataset: Dataset, model: Learner, workspace: Workspace, progress: Progress, file: Path | None, *, together: bool = False) -> None:
    """Bind `model` to the set and let it learn, unless the workspace holds what it learned before.

    Progress is stage "train". `file` gets the curve and the latest figures as JSON, for whoever watches; None writes nothing.
    together: this is one of the processes of one learning, as torchrun starts them.
    """
    folder = workspace.features_dir(model.bind(dataset.image_digests, working_side(dataset)))
    if model.known(folder):
        return
    folder.mkdir(parents=True, exist_ok=True)
    # two scans of one set, by two people, learn once; the processes of one learning go together
    with nullcontext() if together else workspace.locked_folder(folder):
        if model.known(folder):
            return
        if file is not None:
            remove_temporaries(folder)
        pixels = working_pixels(dataset, model.side)
        watch = _Watch(progress, file)
        found = model.learn(
            pixels, folder, watch.on_progress, lambda vectors, rows: agreement(vectors, dataset.labels[rows]), together=together
        )
        watch.finish(found, model.key)


class _Watch:
    """Takes how a learning goes and writes it down: as progress, and as the file with its curve."""

    def __init__(self, progress: Progress, file: Path | None) -> None:
        self.progress, self.file = progress, file
        before = (read_json(file) if file is not None else None) or {}
        # of a learning that was stopped the curve so far is known
        self.curve: list[dict[str, Any]] = list(before.get("curve", []))
        self.notes: list[str] = list(before.get("notes", []))
        self.begun, self.written = False, 0.0

    def on_progress(self, now: LearningProgress) -> None:
        done, news = int(now.share * PARTS), False
        if not self.begun:
            self.begun = True
            self.progress.stage("train", done=done, total=PARTS)
        self.progress.update(done, PARTS, words=learning_words(now))
        if now.note and now.note not in self.notes:
            self.notes.append(now.note)
            news = True
        if not math.isnan(now.agreement) and all(now.epoch > p["epoch"] for p in self.curve):
            self.curve.append(_finite({key: value for key, value in asdict(now).items() if key != "note"}))
            news = True
        if self.file is not None and (news or time.monotonic() - self.written > WRITE_SECONDS):
            self.written = time.monotonic()
            write_json(self.file, {"latest": _finite(asdict(now)), "curve": self.curve, "notes": self.notes})

    def finish(self, curve: list[dict[str, float]], key: str) -> None:
        if self.file is not None:
            write_json(self.file, {"curve": [_finite(p) for p in curve], "notes": self.notes, "key": key})


def learning_words(now: LearningProgress) -> str:
    """How far a learning is, in words for people."""
    learning = f"epoch {now.epoch + (now.share < 1)}, loss {now.loss:.2f}"
    words = "making altered copies of the images" if math.isnan(now.loss) else learning
    words += f", {now.speed:,.0f} altered images per second" if now.speed else ""
    words += f", neighbours agree on {100 * now.agreement:.1f} %" if not math.isnan(now.agreement) else ""
    return words + (f" – {now.note}" if now.note else "")


def agreement(vectors: Float32, labels: Int64) -> float:
    """Share of labelled rows whose 20 nearest neighbours, weighted by likeness, vote for their label; NaN without labels.

    vectors (m, D), labels (m,). A row has no vote on itself. Given labels may be poisoned: this is a curve to watch.
    """
    known = np.flatnonzero(labels != UNLABELLED)
    if len(known) <= 1:
        return float("nan")
    given, rows = labels[known], np.asarray(vectors[known], dtype=np.float32)
    rows = rows - rows.mean(0)
    rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    neighbours, similarity = nearest(rows, NEIGHBOURS)
    shares = class_shares(given[neighbours], similarity, int(labels.max()) + 1, TEMPERATURE)
    return float((shares.argmax(1) == given).mean())


def _finite(point: dict[str, Any]) -> dict[str, Any]:
    return {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in point.items()}
