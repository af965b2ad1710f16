"""Of all that stands apart: one candidate for each cluster of triggered rows, one finding for each pattern."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np

from ..types import Int64
from .accept import Accepted
from .candidate import Candidate, more_suspect
from .material import EVERY, Material
from .settings import MiningSettings

C = TypeVar("C", bound=Candidate)


def choose(material: Material, candidates: Sequence[C]) -> tuple[list[C], list[Int64]]:
    """(one candidate for each cluster of triggered rows, clusters of near-duplicates).

    It is the preferred space's, unless another finds clearly more rows.
    """
    settings = material.settings
    taken: list[C] = []
    duplicates: list[Int64] = []
    for candidate in sorted(candidates, key=lambda c: c.quality, reverse=True):
        rows = candidate.triggered
        rivals = [c for c in taken if candidate.label in (c.label, EVERY) or c.label == EVERY]
        within = [c for c in rivals if np.isin(c.triggered, rows).mean() > settings.same_rows]
        known = np.unique(np.concatenate([c.triggered for c in rivals])) if rivals else rows[:0]
        seen = bool(np.isin(rows, known).mean() > settings.same_rows)
        if (seen or within) and not _finds_more(material, candidate, within):
            taken = [_with_picture(c, candidate, settings.whole) for c in taken]
            continue
        if candidate.is_content(settings) and material.contradicted(rows[: settings.content_rows], rows).mean() < settings.contradicted:
            duplicates.append(rows)
            continue
        taken = [c for c in taken if all(c is not w for w in within)] + [candidate]
    return taken, duplicates


def _finds_more(material: Material, candidate: C, within: list[C]) -> bool:
    """Whether `candidate` may take the place of those whose triggered rows it holds: it has clearly more, and of the same sort.

    Where the labels of what was found are suspect, those of the rows that come to it have to be as well; rows of the
    class that look a little like the pattern (smooth skies beside bent images) would join otherwise. And what comes to it
    must not be much more common among rows of other labels than what was found.
    """
    if not within or len(candidate.triggered) < material.settings.clearly_more * sum(len(c.triggered) for c in within):
        return False
    come = np.setdiff1d(candidate.triggered, np.concatenate([c.triggered for c in within]))
    if _lift(candidate, come) < material.settings.rare * min(_lift(c, c.triggered) for c in within):
        return False
    if candidate.label == EVERY or not all(c.suspect for c in within):
        return True
    known = np.unique(np.concatenate([c.triggered for c in within]))
    inside = np.isin(candidate.rows, candidate.triggered)
    # what was found already says nothing about what comes to it
    asked = ~np.isin(candidate.rows, known)
    return more_suspect(material.suspect[candidate.rows[asked]], inside[asked], material.settings.suspect_rise)


def _lift(candidate: Candidate, rows: Int64) -> float:
    """How many times more common `rows` of the class are than rows like the candidate's triggered ones elsewhere, covers aside."""
    elsewhere = candidate.split.false_alarm + 1 / max(len(candidate.found.rest), 1)
    return len(rows) / max(len(candidate.rows), 1) / elsewhere


def _with_picture(taken: C, other: C, whole: float) -> C:
    """`taken`, with the picture of a moving patch where `other` found one on its rows.

    A patch that moves alters the grain of every image that holds it, which finds them all but has no picture; windows
    show the patch but miss images in which something else is louder.
    """
    fits = taken.space == "energy" and other.space == "window" and taken.label == other.label
    if not fits or taken.picture[0] == other.space or np.isin(other.triggered, taken.triggered).mean() < whole:
        return taken
    return replace(taken, picture=other.picture)


def same_pattern(taken: list[Accepted], settings: MiningSettings) -> list[list[Accepted]]:
    """One pattern found in three classes or more is one finding; else a finding a class."""
    groups: list[list[Accepted]] = []
    for c in taken:
        for group in groups:
            # the loudest window may lie a pixel aside, which makes another picture of the same patch
            moved = group[0].space == "window" and group[0].label == c.label
            if group[0].space == c.space and (moved or float(group[0].found.direction @ c.found.direction) > settings.same_direction):
                group.append(c)
                break
        else:
            groups.append([c])
    split: list[list[Accepted]] = []
    for group in groups:
        labels = {c.label for c in group}
        split += [group] if len(labels) >= settings.many_classes or len(labels) == 1 else [[c] for c in group]
    return split
