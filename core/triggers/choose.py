"""Of all that stands apart, what is told: one candidate for each cluster of carriers, one finding for each pattern."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..types import Bool, Int64
from .accept import Candidate, more_doubted
from .material import EVERY, Material
from .settings import MiningSettings


def choose(material: Material, candidates: list[Candidate]) -> tuple[list[Candidate], list[Int64]]:
    """One candidate for each cluster of carriers, the preferred space's unless another finds clearly more rows."""
    settings = material.settings
    taken: list[Candidate] = []
    duplicates: list[Int64] = []
    for candidate in sorted(candidates, key=lambda c: c.quality, reverse=True):
        rows = candidate.carriers
        rivals = [c for c in taken if candidate.label in (c.label, EVERY) or c.label == EVERY]
        within = [c for c in rivals if np.isin(c.carriers, rows).mean() > settings.same_rows]
        known = np.unique(np.concatenate([c.carriers for c in rivals])) if rivals else rows[:0]
        seen = bool(np.isin(rows, known).mean() > settings.same_rows)
        if (seen or within) and not _finds_more(material, candidate, within):
            taken = [_with_shape(c, candidate, settings.whole) for c in taken]
            continue
        if candidate.is_content(settings) and _contradicted(material, rows).mean() < settings.contradicted:
            duplicates.append(rows)
            continue
        taken = [c for c in taken if all(c is not w for w in within)] + [candidate]
    return taken, duplicates


def _finds_more(material: Material, candidate: Candidate, within: list[Candidate]) -> bool:
    """Whether `candidate` may take the place of those whose carriers it holds: it has clearly more, and of the same sort.

    Where content doubts the labels of what was found, it has to doubt those of the rows that come to it as well; rows of
    the class that look a little like the pattern (smooth skies beside bent images) would else join. And what comes to it
    must not be much more common among rows of other labels than what was found.
    """
    if not within or len(candidate.carriers) < material.settings.clearly_more * sum(len(c.carriers) for c in within):
        return False
    come = np.setdiff1d(candidate.carriers, np.concatenate([c.carriers for c in within]))
    if _lift(candidate, come) < material.settings.rare * min(_lift(c, c.carriers) for c in within):
        return False
    if candidate.label == EVERY or not all(c.doubted for c in within):
        return True
    known = np.unique(np.concatenate([c.carriers for c in within]))
    inside = np.isin(candidate.rows, candidate.carriers)
    # what was found already says nothing about what comes to it
    asked = ~np.isin(candidate.rows, known)
    return more_doubted(material.doubted[candidate.rows[asked]], inside[asked], material.settings.suspect_rise)


def _lift(candidate: Candidate, rows: Int64) -> float:
    """How many times more common `rows` of the class are than rows like the candidate's carriers elsewhere, covers aside."""
    elsewhere = candidate.split.false_alarm + 1 / max(len(candidate.found.rest), 1)
    return len(rows) / max(len(candidate.rows), 1) / elsewhere


def _with_shape(taken: Candidate, other: Candidate, whole: float) -> Candidate:
    """`taken`, with the picture of a moving patch where `other` found one on its rows.

    A patch that moves alters the grain of every image that holds it, which finds them all but has no picture; windows
    show the patch but miss images in which something else is louder.
    """
    fits = taken.space == "energy" and other.space == "window" and taken.label == other.label
    if not fits or taken.shape is not None or np.isin(other.carriers, taken.carriers).mean() < whole:
        return taken
    return replace(taken, shape=other.found.direction)


def _contradicted(material: Material, rows: Int64) -> Bool:
    asked = rows[: material.settings.content_rows]
    return np.asarray(material.content_shares(asked, rows).argmax(1) != material.labels[asked])


def same_pattern(taken: list[Candidate], settings: MiningSettings) -> list[list[Candidate]]:
    """One pattern found in three classes or more is one finding; else a finding a class."""
    groups: list[list[Candidate]] = []
    for c in taken:
        for group in groups:
            # the loudest window may lie a pixel aside, which makes another picture of the same patch
            moved = group[0].space == "window" and group[0].label == c.label
            if group[0].space == c.space and (moved or float(group[0].found.direction @ c.found.direction) > settings.same_direction):
                group.append(c)
                break
        else:
            groups.append([c])
    split: list[list[Candidate]] = []
    for group in groups:
        labels = {c.label for c in group}
        split += [group] if len(labels) >= settings.many_classes or len(labels) == 1 else [[c] for c in group]
    return split
