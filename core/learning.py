"""Let an embedder learn from the set before it embeds: pixels in, a curve and progress out, labels kept away from it."""

from __future__ import annotations

import math
import os
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from core.pixels import working_pixels, working_side
from core.progress import Progress
from core.store import Workspace, write_json
from core.types import UNLABELLED, Dataset, Float32, Int64

NEIGHBOURS = 20
TEMPERATURE = 0.1
# the progress file counts whole steps; a share of work is told in these
PARTS = 10_000


def learn(dataset: Dataset, model: Any, workspace: Workspace, progress: Progress, file: Path | None) -> None:
    """Bind `model` to the set and let it learn, unless the workspace holds what it learned before.

    Progress is stage "train". `file` gets the curve and the latest figures as JSON, for whoever watches; None writes nothing.
    """
    folder = workspace.features_dir(model.bind(dataset.image_digests, working_side(dataset)))
    if model.known(folder):
        return
    folder.mkdir(parents=True, exist_ok=True)
    # two scans of one set, by two people, learn once; the processes of one learning go together
    together = int(os.environ.get("WORLD_SIZE", 1)) > 1
    with nullcontext() if together else workspace.locked_features(folder):
        if model.known(folder):
            return
        progress.stage("train")
        pixels = working_pixels(dataset, model.plan.side)
        curve: list[dict[str, Any]] = []
        notes: list[str] = []

        def hear(told: Any) -> None:
            progress.update(int(told.share * PARTS), PARTS, words=learning_words(told))
            if told.note and told.note not in notes:
                notes.append(told.note)
            if not math.isnan(told.agreement):
                point = {key: value for key, value in asdict(told).items() if key != "note"}
                if not curve or curve[-1]["agreement"] != told.agreement:
                    curve.append(point)
            if file is not None:
                write_json(file, {"latest": _finite(asdict(told)), "curve": [_finite(p) for p in curve], "notes": notes})

        found = model.learn(pixels, folder, hear, lambda vectors, rows: agreement(vectors, dataset.labels[rows]))
        if file is not None:
            write_json(file, {"curve": [_finite(p) for p in found], "notes": notes, "key": model.key})


def learning_words(told: Any) -> str:
    """How far a learning is, in words for people."""
    words = f"epoch {told.epoch}" if told.epoch else "drawing views"
    words += "" if math.isnan(told.loss) else f", loss {told.loss:.2f}"
    words += f", {told.speed:,.0f} views per second" if told.speed else ""
    words += f", neighbours agree on {100 * told.agreement:.1f} %" if not math.isnan(told.agreement) else ""
    return words + (f" – {told.note}" if told.note else "")


def agreement(vectors: Float32, labels: Int64) -> float:
    """Share of labelled rows whose 20 nearest neighbours, weighted by likeness, vote for their label; NaN without labels.

    vectors (m, D), labels (m,). A row has no vote on itself. Given labels may be poisoned: this is a curve to watch.
    """
    known = np.flatnonzero(labels != UNLABELLED)
    if len(known) <= 1:
        return float("nan")
    rows = torch.from_numpy(np.ascontiguousarray(vectors[known])).float()
    rows = torch.nn.functional.normalize(rows - rows.mean(0), dim=1)
    given = torch.from_numpy(labels[known])
    right, classes = 0, int(labels.max()) + 1
    for start in range(0, len(rows), 1024):
        likeness = rows[start : start + 1024] @ rows.T
        likeness[torch.arange(len(likeness)), start + torch.arange(len(likeness))] = -2
        near, who = likeness.topk(min(NEIGHBOURS, len(rows) - 1), dim=1)
        votes = torch.zeros(len(likeness), classes).scatter_add_(1, given[who], torch.softmax(near / TEMPERATURE, 1))
        right += int((votes.argmax(1) == given[start : start + 1024]).sum())
    return right / len(rows)


def _finite(point: dict[str, Any]) -> dict[str, Any]:
    return {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in point.items()}
