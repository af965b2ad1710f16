"""The sets that victims are trained on: as given, cleansed by the rule, as people decided, and without what truth calls wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np

from ..cleansing import cleansing, counts
from ..errors import UserError
from ..reviews import ReviewState
from ..types import UNLABELLED, Bool, Inspection, Int64, Truth

ARMS = ("as_given", "cleansed", "decided", "truth_removed")


@dataclass(frozen=True, eq=False)
class Arm:
    """One training set.

    rows, labels: int64 (m,), ascending rows of the set and what each is called.  facts: for the result.
    """

    name: str
    rows: Int64
    labels: Int64
    facts: Mapping[str, Any]

    @property
    def digest(self) -> str:
        """Hexadecimal; arms that hold the same images under the same labels share it, and so their victims."""
        h = blake2b(self.rows.astype("<i8").tobytes(), digest_size=8)
        h.update(self.labels.astype("<i8").tobytes())
        return h.hexdigest()


def arms(inspection: Inspection, people: ReviewState, truth: Truth | None, kept_out: Bool) -> tuple[list[Arm], tuple[str, ...]]:
    """(the sets in the order of ARMS, those that can be had; class names, new ones by reviewers behind the set's own).

    kept_out: bool (n,), rows that are in no set, since the victims are tested on them.
    Raises UserError where too little is left to train on.
    """
    given = inspection.dataset.labels
    able = ~kept_out
    auto, decided = cleansing(inspection, people, auto=True), cleansing(inspection, people, auto=False)
    classes = max(auto.state.classes, people.classes, key=len)
    found = [
        _arm("as_given", able, given, {}),
        _arm("cleansed", able & auto.state.kept, _numbered(auto.state, classes), counts(auto)),
        _arm("decided", able & people.kept, _numbered(people, classes), {"decisions": len(people.decided), **counts(decided)}),
    ]
    if truth is not None:
        right = ~truth.is_poisoned & ((truth.original_labels == UNLABELLED) | (truth.original_labels == given))
        found.append(_arm("truth_removed", able & right, given, {"removed": int((~right & able).sum())}))
    for arm in found:
        if len(np.unique(arm.labels)) < 2:
            raise UserError(
                f"too few images are left to train on ({arm.name.replace('_', ' ')})",
                "two classes or more",
                "give test images with --test SOURCE2",
            )
    return found, classes


def _numbered(state: ReviewState, classes: tuple[str, ...]) -> Int64:
    """The state's labels as indices into `classes`, which hold its own names, perhaps in another order."""
    number = {name: i for i, name in enumerate(classes)}
    table = np.array([number[name] for name in state.classes] + [UNLABELLED], dtype=np.int64)
    return table[state.labels]


def _arm(name: str, able: Bool, labels: Int64, facts: Mapping[str, Any]) -> Arm:
    rows = np.flatnonzero(able & (labels != UNLABELLED))
    return Arm(name, rows, labels[rows].copy(), {**facts, "images": len(rows)})
