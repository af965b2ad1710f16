"""Believe a candidate: its rows are scored by all spaces together, and by what a picture as busy as theirs would show."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from ..types import Float32, Int64
from .candidate import Candidate, with_suspicion
from .expected import Expected, calm, expect
from .joint_score import FIXED, Joint, alone, join
from .material import EVERY, Material
from .separation import separate
from .spaces import Space, each_batch

Tensor = torch.Tensor


@dataclass(frozen=True, eq=False)
class Accepted(Candidate):
    """A candidate that was believed; `found` and `split` hold its joint scores.

    joint: how any row is scored.  calms: of `rows`, see expected.py; None where `joint` expects the same of calm and busy
    pictures.  has_covers: whether images of other labels carry the pattern as well.
    """

    joint: Joint
    calms: Float32 | None
    has_covers: bool

    @property
    def chance(self) -> NDArray[np.float64]:
        """P(carries the pattern) of `rows`."""
        return self.chance_of(self.found.scores.double().cpu().numpy(), self.calms)

    def chance_of(self, scores: NDArray[np.floating], calms: Float32 | None) -> NDArray[np.float64]:
        """P(carries the pattern) of any rows of the class; calms: None where they were not asked for."""
        if self.joint.expected is None or calms is None:
            return self.split.chance(scores.astype(np.float64))
        return self.joint.expected.chance(scores.astype(np.float64), calms.astype(np.float64))

    @property
    def triggered(self) -> Int64:
        """Rows that carry the pattern, strongest first."""
        if self.calms is None:
            return super().triggered
        scores, on = self.found.scores.cpu().numpy(), np.flatnonzero(self.chance >= 0.5)
        return np.asarray(self.rows[on[np.argsort(-scores[on], kind="stable")]])


def accept(material: Material, spaces: dict[str, Space], candidates: list[Candidate]) -> list[Accepted]:
    """Each candidate, scored by all fixed spaces together or, where these see something else, by its own alone."""
    if not candidates:
        return []
    sample = material.sample(material.settings.rest_rows)
    there = {name: spaces[name].of(material.pixels, sample) for name in dict.fromkeys([*FIXED, *(c.space for c in candidates)])}
    made = []
    for c in candidates:
        others = torch.from_numpy(material.outside(c.label)[sample]).to(material.device)
        accepted = _by_all_spaces(material, spaces, c, {name: there[name][others] for name in FIXED})
        made.append(accepted or _by_its_own(material, c, there[c.space]))
    return made


def _by_its_own(material: Material, candidate: Candidate, sample: Tensor) -> Accepted:
    joint = alone(candidate.space, candidate.found.direction, sample)
    return Accepted(**vars(candidate), joint=joint, calms=None, has_covers=bool(candidate.covers(material.settings).any()))


def _by_all_spaces(material: Material, spaces: dict[str, Space], candidate: Candidate, rest: dict[str, Tensor]) -> Accepted | None:
    """rest: by space, vectors (r, D) of the rows that `candidate.found` compares with."""
    settings = material.settings
    likely: NDArray[np.floating] = candidate.chance
    if candidate.label != EVERY:
        likely = with_suspicion(likely, material.suspect[candidate.rows], settings.suspect_rounds)
    weights = torch.from_numpy(likely).float().to(material.device)
    if candidate.space not in FIXED or float(weights.sum()) < settings.least_weight:
        return None
    joint, own, others = join(material, spaces, candidate.rows, rest, weights)
    scores, covers = own.double().cpu().numpy(), candidate.covers(settings)
    # covers among the rest are known already; spread over a longer scale, they would pass for the rest's own tail
    split = separate(scores, others[~torch.from_numpy(covers).to(material.device)].double().cpu().numpy(), settings)
    chance = split.chance(scores)
    if not _alike(chance, likely, settings.as_many):
        # spaces that take other rows for triggered see something else, such as how this class differs from the rest
        return None
    expected, calms = _expected(material, candidate.rows, joint, scores, chance, split.tail)
    measured = replace(candidate, found=replace(candidate.found, scores=own, rest=others), split=split)
    return Accepted(**vars(measured), joint=replace(joint, expected=expected), calms=calms, has_covers=bool(covers.any()))


def _expected(
    material: Material, rows: Int64, joint: Joint, scores: NDArray[np.float64], chance: NDArray[np.float64], tail: tuple[float, float]
) -> tuple[Expected | None, Float32 | None]:
    """(what the class's rows would score if they carried the pattern, how calm they are); None where that is another pattern."""
    side = material.pixels.shape[1]
    places = joint.directions["plain"].view(3, side, side).square().sum(0)
    calms = torch.cat(each_batch(lambda images: calm(images, places), material.pixels, rows, material.device)).cpu().numpy()
    expected = expect(scores, calms.astype(np.float64), chance, tail, places, material.settings)
    if expected is None or not _alike(expected.chance(scores, calms.astype(np.float64)), chance, material.settings.as_many):
        return None, None
    return expected, calms


def _alike(chance: NDArray[np.floating], before: NDArray[np.floating], factor: float) -> bool:
    """Whether about as many rows carry the pattern as before, up to a factor."""
    return bool(before.sum() / factor <= chance.sum() <= before.sum() * factor)
