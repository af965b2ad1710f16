"""What has been decided on one data set, by row: made once from the log, then handed to pages, exports, cleansing and proofs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..types import ACTIONS, UNLABELLED, Bool, Dataset, Decision, Int64, read_only
from .log import fold

CHANGES = ("unchanged", "relabelled", "excluded", "unlabelled")
EXCLUDE, NEEDS_REVIEW = ACTIONS.index("exclude"), ACTIONS.index("needs_review")


@dataclass(frozen=True, eq=False)
class ReviewState:
    """The decisions that stand on one data set, and what they make of it; undecided rows stay as they are.

    log: the lines up to `seq`, rising.  standing: image id -> decision, also of images that the set does not hold.
    actions: int8 (n,), index into ACTIONS, −1 where no decision stands.
    labels: int64 (n,), index into `classes`, what each row is called after its decision; −1 for none.
    classes: the set's own names, then any new name that a reviewer gave.
    """

    dataset: Dataset
    log: Sequence[Decision]
    seq: int
    standing: Mapping[str, Decision]
    actions: NDArray[np.int8]
    labels: Int64
    classes: tuple[str, ...]

    @cached_property
    def decided(self) -> list[tuple[int, Decision]]:
        """(row, decision) of every row on which one stands, by row."""
        return _decided(self.dataset, self.standing)

    @property
    def undecided(self) -> Bool:
        """bool (n,): rows that nobody kept, relabelled or excluded; "needs review" leaves a row open."""
        return np.asarray((self.actions < 0) | (self.actions == NEEDS_REVIEW))

    @property
    def kept(self) -> Bool:
        """bool (n,): rows that stay in the cleansed set."""
        return np.asarray(self.actions != EXCLUDE)

    def changes(self) -> dict[str, int]:
        """How many rows end as each of CHANGES; they add up to n. A row relabelled to its given label is unchanged."""
        moved, bare = self.labels != self.dataset.labels, self.labels == UNLABELLED
        ends = np.select([~self.kept, moved, bare], [CHANGES.index(name) for name in ("excluded", "relabelled", "unlabelled")])
        return {name: int((ends == i).sum()) for i, name in enumerate(CHANGES)}

    def class_counts(self) -> dict[str, tuple[int, int]]:
        """Labelled rows of each class before and after, by name in the order of `classes`."""
        columns = (self.dataset.labels, self.labels[self.kept])
        before, after = (np.bincount(labels[labels >= 0], minlength=len(self.classes)).tolist() for labels in columns)
        return {name: (before[i], after[i]) for i, name in enumerate(self.classes)}

    def completed(self, more: Mapping[str, Decision]) -> ReviewState:
        """This state with the decisions `more`, by image id, in the place of what stands there."""
        return _state(self.dataset, self.log, self.seq, {**self.standing, **more})


def review_state(dataset: Dataset, log: Iterable[Decision] = (), upto: int | None = None) -> ReviewState:
    """What stands on `dataset` after line `upto` of its log (default: the newest of `log`, which begins with the first line)."""
    lines = sorted((line for line in log if upto is None or line.seq <= upto), key=lambda line: line.seq)
    newest = lines[-1].seq if lines else 0
    return _state(dataset, lines, newest if upto is None else upto, fold(lines))


def _state(dataset: Dataset, log: Sequence[Decision], seq: int, standing: Mapping[str, Decision]) -> ReviewState:
    decided = _decided(dataset, standing)
    new = dict.fromkeys(d.label for _, d in decided if d.action == "relabel" and d.label not in dataset.classes)
    classes = (*dataset.classes, *new)
    number = {name: i for i, name in reversed(list(enumerate(classes)))}
    actions, labels = np.full(len(dataset), -1, dtype=np.int8), dataset.labels.copy()
    for row, decision in decided:
        actions[row] = ACTIONS.index(decision.action)
        if decision.action == "relabel":
            labels[row] = number[decision.label]
    return ReviewState(dataset, log, seq, standing, read_only(actions), read_only(labels), classes)


def _decided(dataset: Dataset, standing: Mapping[str, Decision]) -> list[tuple[int, Decision]]:
    """(row, decision) by row; decisions on images that the set does not hold are left out."""
    rows = ((dataset.row_of(name), decision) for name, decision in standing.items())
    return sorted(((row, decision) for row, decision in rows if row is not None), key=lambda pair: pair[0])
