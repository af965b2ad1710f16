"""Which images the victims are tested on; no victim trains on them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import UserError
from ..sources import shown
from ..types import UNLABELLED, Bool, Dataset, Inspection, Int64, Truth, UInt8

SHARE, MOST = 0.2, 10_000
TEST_SPLIT = "test"


@dataclass(frozen=True, eq=False)
class TestSet:
    """Images that victims are judged by.

    dataset: the test images alone.  labels: int64 (m,), as indices into the training set's classes.
    rows: int64 (m,), their rows in the training set; (0,) where they come from another source.
    kept_out: bool (n,), rows of the training set that no victim may train on.
    came_from: "source", "split" or "held_out".  words: for people.
    """

    # not a test, whatever pytest thinks of its name
    __test__ = False

    dataset: Dataset
    labels: Int64
    rows: Int64
    kept_out: Bool
    came_from: str
    words: str


def trusted(inspection: Inspection, truth: Truth | None) -> Bool:
    """bool (n,): labelled rows that the truth calls clean; without truth, that are not suspicious and carry no finding."""
    labels = inspection.dataset.labels
    if truth is not None:
        wrong = (truth.original_labels != UNLABELLED) & (truth.original_labels != labels)
        covers = np.zeros(len(labels), dtype=bool) if truth.is_cover is None else truth.is_cover
        return np.asarray((labels != UNLABELLED) & ~truth.is_poisoned & ~wrong & ~covers)
    fine: Bool = (labels != UNLABELLED) & ~inspection.is_suspicious
    for finding in inspection.findings:
        fine[finding.rows] = fine[finding.covers] = False
    return fine


def own_test(inspection: Inspection, truth: Truth | None) -> TestSet:
    """The split "test" of the set, else about a fifth of its trusted rows, drawn in every class by the set's digest.

    Raises UserError where no row can be had.
    """
    dataset, fine = inspection.dataset, trusted(inspection, truth)
    judge = "the truth calls clean" if truth is not None else "are not suspicious and carry no pattern"
    in_split = np.array([split == TEST_SPLIT for split in dataset.splits], dtype=bool)
    if in_split.any():
        rows, came_from = np.flatnonzero(in_split & fine), "split"
        words = f"{len(rows):,} images of the split 'test' that {judge}"
    else:
        rows, came_from = held_out(dataset, fine), "held_out"
        words = f"{len(rows):,} images of the set that {judge}, held out from every training"
    if not len(rows):
        raise UserError("no image is left to test on", f"labelled images that {judge}", "give other images with --test SOURCE2")
    kept_out = in_split | _same_images(dataset.image_digests, dataset.image_digests[rows])
    kept_out[rows] = True
    return TestSet(dataset.select(rows), dataset.labels[rows], rows, kept_out, came_from, words)


def held_out(dataset: Dataset, fine: Bool) -> Int64:
    """Rows, ascending: about a fifth of each class's `fine` rows; the same for the same content."""
    rng = np.random.default_rng(int(dataset.digest[:16], 16))
    share = min(SHARE, MOST / max(int(fine.sum()), 1))
    chosen = []
    for label in range(len(dataset.classes)):
        rows = np.flatnonzero(fine & (dataset.labels == label))
        # a class of one image keeps it for training
        count = min(max(1, round(share * len(rows))), len(rows) - 1)
        if count > 0:
            chosen.append(rng.choice(rows, count, replace=False))
    return np.sort(np.concatenate(chosen)) if chosen else np.zeros(0, np.int64)


def other_test(inspection: Inspection, test: Dataset) -> TestSet:
    """The labelled images of another source, its classes matched by name; where its truth is known, clean ones alone.

    Raises UserError for a class that the training set has not.
    """
    classes = inspection.dataset.classes
    present = np.unique(test.labels[test.labels != UNLABELLED])
    foreign = [test.classes[i] for i in present if test.classes[i] not in classes]
    if foreign:
        names = ", ".join(shown(name, 24) for name in classes[:8]) + (", …" if len(classes) > 8 else "")
        raise UserError(
            f"--test has a class {shown(foreign[0], 40)} that the set has not",
            f"classes named as in the set: {names}",
            "give a test source of the same classes",
        )
    number = {name: i for i, name in enumerate(classes)}
    fine = test.labels != UNLABELLED
    if test.truth is not None:
        fine &= ~test.truth.is_poisoned
    rows = np.flatnonzero(fine)
    if not len(rows):
        raise UserError("--test holds no labelled image to test on", "images with labels", "give another test source")
    labels = np.array([number[test.classes[i]] for i in test.labels[rows]], dtype=np.int64)
    chosen = test.select(rows)
    kept_out = _same_images(inspection.dataset.image_digests, chosen.image_digests)
    return TestSet(chosen, labels, np.zeros(0, np.int64), kept_out, "source", f"{len(rows):,} images of another source")


def _same_images(digests: UInt8, others: UInt8) -> Bool:
    """bool (n,): rows whose image is, byte for byte, one of `others`."""
    kind = np.dtype((np.void, digests.shape[1]))
    mine, theirs = (np.ascontiguousarray(d).view(kind).ravel() for d in (digests, others))
    return np.isin(mine, theirs)
