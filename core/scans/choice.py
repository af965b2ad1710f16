"""Which embedder suits a set: decided by the set itself, by a rule that is said, and kept in the workspace.

The rule. Images whose shorter side is mostly below 64 px get `gradients`: it was made for them, takes 0.2 ms an image and needs no
knowledge of what they show. Larger ones are photographs, or are not: up to 500 of them, evenly spaced, are embedded by `lite0` and
by `gradients`, and the one under which more images have the label that their ten nearest others vote for is taken, unless
embedding the whole set with it would take longer than half an hour. On traffic signs `gradients` wins, on photographs of things `lite0`.
The labels may be poisoned; a few in a hundred wrong ones lower both shares alike.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..embedders import find_embedder
from ..errors import UnreadableImage, UserError
from ..files import read_json, write_json
from ..neighbours import nearest, vote
from ..types import UNLABELLED, Dataset, Evidence
from ..workspace import Workspace
from .options import AUTO, ScanOptions

log = logging.getLogger(__name__)

VERSION = 1
FOR_SMALL, FOR_LARGE = "gradients", "lite0"
LEAST_SIDE, MEASURED_SIZES = 64, 32
SAMPLE, NEIGHBOURS = 500, 10
MOST_SECONDS = 1800.0

Tell = Callable[[int, int], None]


@dataclass(frozen=True)
class Choice:
    """embedder: a name of the registry.  reason: one sentence with the figures that decided."""

    embedder: str
    reason: str


def settled(options: ScanOptions, dataset: Dataset, workspace: Workspace, tell: Tell | None = None) -> tuple[ScanOptions, str]:
    """(`options` with an embedder that is named, why it was chosen, "" where a person named it)."""
    if options.embedder != AUTO:
        return options, ""
    file = workspace.root / "choices" / f"{dataset.digest}-{VERSION}.json"
    kept = read_json(file)
    if isinstance(kept, dict) and kept.get("embedder") in (FOR_SMALL, FOR_LARGE):
        return replace(options, embedder=kept["embedder"]), str(kept.get("reason", ""))
    found = choose_embedder(dataset, options, workspace, tell)
    write_json(file, {"embedder": found.embedder, "reason": found.reason})
    return replace(options, embedder=found.embedder), found.reason


def choose_embedder(dataset: Dataset, options: ScanOptions, workspace: Workspace, tell: Tell | None = None) -> Choice:
    """The rule above; what was embedded for it stays in the workspace, so the scan need not do it again."""
    side = _usual_side(dataset)
    if side < LEAST_SIDE:
        return Choice(FOR_SMALL, f"images are small (usually {side:.0f} px), for which {FOR_SMALL} was made")
    labelled = np.flatnonzero(dataset.labels != UNLABELLED)
    if len(np.unique(dataset.labels[labelled])) < 2:
        return Choice(FOR_LARGE, f"images are large (usually {side:.0f} px), and too few are labelled to compare embedders")
    sample = dataset.select(labelled[np.unique(np.linspace(0, len(labelled) - 1, min(SAMPLE, len(labelled))).astype(int))])
    agreement, seconds = {}, {}
    for name in (FOR_SMALL, FOR_LARGE):
        try:
            agreement[name], seconds[name] = _measured(sample, replace(options, embedder=name), workspace, tell)
        except UserError as error:
            # no weights, or too few images that can be read: the scan itself will say the latter
            log.warning("%s could not be tried: %s", name, error)
    if FOR_LARGE not in agreement:
        return Choice(FOR_SMALL, f"{FOR_LARGE} could not be tried here")
    figures = " and ".join(f"{share:.0%} under {name}" for name, share in agreement.items())
    said = f"of {len(sample)} images of the set (usually {side:.0f} px) the label agrees with the nearest others' for {figures}"
    if agreement[FOR_LARGE] < agreement.get(FOR_SMALL, 0.0):
        return Choice(FOR_SMALL, said)
    if seconds[FOR_LARGE] * len(dataset) > MOST_SECONDS:
        return Choice(FOR_SMALL, f"{said}, but {FOR_LARGE} would take more than {MOST_SECONDS / 60:.0f} minutes here")
    return Choice(FOR_LARGE, said)


def _usual_side(dataset: Dataset) -> float:
    """Median shorter side in pixels of up to 32 images; 0 where none can be read."""
    sides = []
    for row in np.unique(np.linspace(0, len(dataset) - 1, min(MEASURED_SIZES, len(dataset))).astype(int)):
        try:
            sides.append(min(dataset.load(int(row)).size))
        except UnreadableImage:
            continue
    return float(np.median(sides)) if sides else 0.0


def _measured(sample: Dataset, options: ScanOptions, workspace: Workspace, tell: Tell | None) -> tuple[float, float]:
    """(share of the sample whose label is the one its nearest others vote for, seconds an image)."""
    from .embedding import embed

    model: Any = find_embedder(options.embedder).load(options.settings())
    started = time.monotonic()
    found = embed(sample, model, workspace.features_dir(model.key), progress=tell)
    fresh = len(found.dataset) - found.reused
    seconds = (time.monotonic() - started) / fresh if fresh > 0 else 0.0
    k = min(NEIGHBOURS, len(found.dataset) - 1)
    evidence = Evidence(found.dataset.labels, found.dataset.classes, found.vectors, *nearest(found.vectors, k))
    named = vote(evidence).shares(np.arange(len(evidence))).argmax(1)
    return float((named == evidence.labels).mean()), seconds
