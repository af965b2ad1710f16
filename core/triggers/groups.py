"""Groups of images that other witnesses part from their class: seeds of the search, and findings where it draws no pattern.

Two witnesses, neither of which looks for a pattern:
- a trained network parts the class in two (SCAn's split of a probe's activations), knows the labels of one part more surely
  than those of the other though it never saw those images, and their content, when they may not vote for each other, contradicts
  the label: what the network goes by is not what they show;
- rows whose content contradicts the label gather under it beyond chance, from many contents (core/labels/fuse.py).
Measured on photographs: a planted group of 20 to 60 is known at a median chance of 1.00 and contradicted 70 to 99 % of the way to
1; of the parts of clean classes those that are known at 0.87 or more are contradicted no more than their class.
Blind to: groups of a few images, poison whose labels are right, triggers that the network did not learn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..types import Finding, Float32, Int64
from .candidate import coarse, more_suspect, twins
from .material import Material

SAME_GROUP = 0.5  # share of the smaller group's rows in the larger


@dataclass(frozen=True, eq=False)
class Group:
    """label: that the rows bear.  rows: int64 (m,).  witness: "network" or "content", who parts them from their class."""

    label: int
    rows: Int64
    witness: str


def witnessed(material: Material, parts: Sequence[tuple[int, Int64]], known: Float32) -> list[Group]:
    """The parts of classes that the network knows by something that is not their content.

    parts: (label, some of its rows), as a network's activations divide the class.  known: float32 (n,) in 0…1, chance of the
    given label by a network that did not see the row, NaN where nobody asked.
    """
    found = []
    for label, part in parts:
        whole = np.flatnonzero(material.labels == label)
        for rows in (part, np.setdiff1d(whole, part)):
            if _is_known(material, rows, np.setdiff1d(whole, rows), known) and is_contradicted(material, label, rows):
                found.append(Group(label, rows, "network"))
    return found


def merged(groups: Sequence[Group]) -> list[Group]:
    """Groups of one label of which the smaller lies mostly in the larger, as one: what the network missed, content may have seen."""
    found: list[Group] = []
    for group in sorted(groups, key=lambda g: -len(g.rows)):
        for at, larger in enumerate(found):
            if larger.label == group.label and np.isin(group.rows, larger.rows).mean() > SAME_GROUP:
                found[at] = Group(group.label, np.union1d(larger.rows, group.rows), larger.witness)
                break
        else:
            found.append(group)
    return found


def _is_known(material: Material, rows: Int64, others: Int64, known: Float32) -> bool:
    settings = material.settings
    if len(rows) < settings.least_group or len(rows) > settings.too_many_to_silence * (len(rows) + len(others)):
        return False
    return bool(np.nanmedian(known[rows]) >= settings.group_known > np.nanmedian(known[others]))


def is_contradicted(material: Material, label: int, rows: Int64) -> bool:
    """Whether the content of `rows`, which may not vote, contradicts their label far more often than that of its other rows does.

    Nearly the same picture over and over (frames of one film) is contradicted by being silenced: nobody else shows that thing.
    """
    settings = material.settings
    if twins(coarse(material.pixels, material.draw(rows, settings.content_rows), material.device), settings.twin) >= settings.twins:
        return False
    others = material.draw(np.setdiff1d(np.flatnonzero(material.labels == label), rows), settings.content_rows)
    if not len(others):
        return False
    asked = np.concatenate([material.draw(rows, settings.content_rows), others])
    return more_suspect(material.contradicted(asked, rows), np.arange(len(asked)) < len(asked) - len(others), settings.suspect_rise)


def uncovered(groups: Sequence[Group], findings: Sequence[Finding], share: float) -> list[Group]:
    """The groups of which no finding holds at least `share`, one a label: the larger."""
    left: dict[int, Group] = {}
    for group in sorted(groups, key=lambda g: -len(g.rows)):
        held = any(np.isin(group.rows, finding.rows).mean() >= share for finding in findings)
        if not held and group.label not in left:
            left[group.label] = group
    return list(left.values())


def group_finding(material: Material, group: Group, known: Float32) -> Finding:
    """The finding of a group without a pattern: its pictures are empty, its rows by falling certainty of the network."""
    side, n = material.pixels.shape[1], len(material.labels)
    rows = group.rows[np.argsort(-np.nan_to_num(known[group.rows], nan=-1.0), kind="stable")]
    others = material.draw(np.setdiff1d(np.flatnonzero(material.labels == group.label), rows), material.settings.content_rows)
    against, usual = (material.contradicted(asked, rows) for asked in (rows, others))
    scores, empty = np.zeros(n, np.float32), np.zeros((side, side), np.float32)
    scores[rows] = 1.0
    return Finding(
        trigger_id="",
        kind="group",
        label=group.label,
        rows=rows,
        covers=np.zeros(0, np.int64),
        row_scores=scores,
        threshold=0.5,
        pattern=np.zeros((side, side, 3), np.float32),
        mask=empty,
        z_map=empty.copy(),
        spectrum=empty.copy(),
        places=np.zeros((0, 2), np.int32),
        strength=1.0,
        false_alarm=0.0,
        contradicted=float(against.mean()),
        usual=float(usual.mean()) if len(usual) else 0.0,
    )
