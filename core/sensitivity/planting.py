"""Known patterns put into a copy of the set in memory: images of other classes get the pattern and a class's label."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import blake2b

import numpy as np
from PIL import Image

from ..attacks import Overlay
from ..types import DIGEST_BYTES, UNLABELLED, Bool, Dataset, Inspection, Int64, content_digest
from .kinds import TURNS, Alter, alter_of

# more planted images than this share of the set would change what its classes look like
MOST_PLANTED = 0.2


@dataclass(frozen=True, eq=False)
class Planting:
    """One pattern in one class. kind: a name in KINDS.  label: class that the images are called.  rows: int64 (m,).  turn: see kinds.py."""

    kind: str
    label: int
    rows: Int64
    turn: int


def honest_rows(inspection: Inspection) -> Bool:
    """bool (n,): labelled rows that nothing is held against."""
    fine: Bool = (inspection.dataset.labels != UNLABELLED) & ~inspection.is_suspicious
    for finding in inspection.findings:
        fine[finding.rows] = fine[finding.covers] = False
    return fine


def open_classes(inspection: Inspection, least: int) -> Int64:
    """Classes of at least `least` honest images of which no finding speaks, in an order drawn by the set's digest."""
    dataset = inspection.dataset
    sizes = np.bincount(dataset.labels[honest_rows(inspection)], minlength=len(dataset.classes))
    named = {finding.label for finding in inspection.findings}
    free = np.array([label for label in np.flatnonzero(sizes >= least) if label not in named], dtype=np.int64)
    return np.random.default_rng(int(dataset.digest[:12], 16)).permutation(free)


def plan(inspection: Inspection, counts: Mapping[str, int], classes: Int64, each: int, seed: int) -> list[Planting]:
    """What one pass plants: every kind of `counts` that many images, in up to `each` classes of its own, as far as classes go.

    Images are drawn from all other classes alike, each is used once, and no more than a fifth of the set is.
    """
    dataset, rng = inspection.dataset, np.random.default_rng([int(inspection.dataset.digest[:12], 16), seed])
    free, left = honest_rows(inspection), int(MOST_PLANTED * len(inspection.dataset))
    made: list[Planting] = []
    waiting = classes.tolist()
    for number in range(each):
        for kind, count in counts.items():
            if not waiting or count > left:
                continue
            label = waiting.pop(0)
            pool = np.flatnonzero(free & (dataset.labels != label))
            if len(pool) < count:
                continue
            rows = np.sort(rng.choice(pool, count, replace=False))
            free[rows] = False
            left -= count
            made.append(Planting(kind, label, rows, number % TURNS))
    return made


@dataclass(frozen=True, eq=False)
class Planted:
    """`source` with its plantings, as a loader of images."""

    source: Dataset
    plantings: Sequence[Planting]
    side: int

    @cached_property
    def _overlays(self) -> dict[int, Overlay]:
        found: dict[int, Overlay] = {}
        for planting in self.plantings:
            alter: Alter = alter_of(planting.kind, self.side, planting.turn)
            overlay = Overlay(self.source, frozenset(planting.rows.tolist()), alter, "source")
            found |= dict.fromkeys(planting.rows.tolist(), overlay)
        return found

    def load(self, row: int) -> Image.Image:
        """RGB image of `row`, with its pattern where it has one."""
        overlay = self._overlays.get(row)
        return self.source.load(row) if overlay is None else overlay.load(row)


def planted(dataset: Dataset, plantings: Sequence[Planting], side: int) -> Dataset:
    """The set with the patterns in it and the labels changed, in memory; files and decisions are not touched."""
    labels, digests = dataset.labels.copy(), dataset.image_digests.copy()
    for planting in plantings:
        labels[planting.rows] = planting.label
        for row in planting.rows.tolist():
            named = digests[row].tobytes() + f"{planting.kind} {planting.turn} {side}".encode()
            digests[row] = np.frombuffer(blake2b(named, digest_size=DIGEST_BYTES).digest(), np.uint8)
    return replace(
        dataset,
        labels=labels,
        loader=Planted(dataset, plantings, side).load,
        encoded=dataset.raw,
        source_rows=None,
        image_digests=digests,
        truth=None,
        digest=content_digest(dataset.ids, labels, dataset.classes, digests),
    )
