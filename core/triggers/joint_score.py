"""What several spaces say of a row, as one number: a pattern found in one space leaves traces in the others too.

A wave is told by its coefficients (plain, calm), by what is left of it among fine details (fine), and by how much detail
there is where (energy); each alone lets some carriers pass as ordinary rows. Each space gives a row one number, along the
direction of all other likely carriers; Fisher's linear discriminant (1936) of carriers against the rest makes one of them.
What number a row would have if it carried the pattern depends on how busy its picture is (expected.py).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from ..types import Float32, Int64, UInt8
from .accept import Candidate, with_doubt
from .expected import Expected, calm, expect
from .material import EVERY, Material
from .separation import separate
from .settings import MiningSettings
from .spaces import Space, each_batch

Tensor = torch.Tensor
# windows move: those of two rows show different places
FIXED = ("plain", "fine", "energy", "calm")
CHUNK = 2048


@dataclass(frozen=True, eq=False)
class Scale:
    """Robust standard form: less the rest's middle, over half the distance between its 16th and 84th percentile."""

    middle: Tensor
    spread: Tensor

    @classmethod
    def of(cls, rest: Tensor) -> Scale:
        low, middle, high = torch.quantile(rest, torch.tensor([0.16, 0.5, 0.84], device=rest.device))
        return cls(middle, ((high - low) / 2).clamp_min(1e-6))

    def __call__(self, values: Tensor) -> Tensor:
        return (values - self.middle) / self.spread


@dataclass(frozen=True, eq=False)
class Joint:
    """How any row is scored. directions: by space, unit (D,).  scales: of each.  weights: (k,).  scale: of their sum.

    places: (s, s), where the pattern lies, summing to 1.  expected: of carriers; both None where one space alone scores.
    """

    directions: dict[str, Tensor]
    scales: dict[str, Scale]
    weights: Tensor
    scale: Scale
    places: Tensor | None = None
    expected: Expected | None = None

    def scores(self, vectors: dict[str, Tensor]) -> Tensor:
        """vectors: by space, (m, D) -> (m,) in robust deviations of the rest."""
        told = [self.scales[name](vectors[name] @ direction) for name, direction in self.directions.items()]
        return self.scale(torch.stack(told, 1) @ self.weights)


def alone(candidate: Candidate, sample: Tensor) -> Joint:
    """The score by the candidate's own space. sample: vectors of rows of any kind, (m, D)."""
    direction, one = candidate.found.direction, torch.ones(1, device=sample.device)
    same = Scale(torch.zeros_like(one), one)
    return Joint({candidate.space: direction}, {candidate.space: Scale.of(sample @ direction)}, one, same)


def scores_of(pixels: UInt8, spaces: dict[str, Space], ways: list[Joint], device: torch.device) -> list[tuple[Float32, Float32 | None]]:
    """(scores, calms) of every row, float32 (n,), by each way; every image is looked at once in each space that is asked."""
    asked = {name for way in ways for name in way.directions}

    def told(images: Tensor) -> list[tuple[Tensor, Tensor | None]]:
        vectors = {name: spaces[name].vectors(images) for name in asked}
        return [(way.scores(vectors), None if way.places is None else calm(images, way.places)) for way in ways]

    parts = each_batch(told, pixels, np.arange(len(pixels)), device)
    found = []
    for k, way in enumerate(ways):
        scores = torch.cat([part[k][0] for part in parts]).cpu().numpy()
        calms = None if way.places is None else torch.cat([part[k][1] for part in parts]).cpu().numpy()  # type: ignore[misc]
        found.append((scores, calms))
    return found


def join(material: Material, spaces: dict[str, Space], candidate: Candidate, rest: dict[str, Tensor]) -> Candidate:
    """`candidate` scored by all fixed spaces. rest: by space, vectors (r, D) of the rows that `candidate.found` compares with."""
    settings = material.settings
    likely = (
        candidate.chance
        if candidate.label == EVERY
        else with_doubt(candidate.chance, material.doubted[candidate.rows], settings.suspect_rounds)
    )
    weights = torch.from_numpy(likely).float().to(material.device)
    if candidate.space not in FIXED or float(weights.sum()) < settings.least_weight:
        return candidate
    told = {name: _by_others(spaces[name].of(material.pixels, candidate.rows), rest[name], weights) for name in FIXED}
    own, others = (torch.stack([t[i] for t in told.values()], 1) for i in (0, 1))
    mixed = discriminant(own, others, weights, settings)
    scale = Scale.of(others @ mixed)
    found = replace(candidate.found, scores=scale(own @ mixed), rest=scale(others @ mixed))
    # covers among the rest are known already; spread over a longer scale, they would pass for the rest's own tail
    quiet = ~torch.from_numpy(candidate.rest_covers(settings)).to(material.device)
    split = separate(found.scores.double().cpu().numpy(), found.rest[quiet].double().cpu().numpy(), settings)
    directions = {name: t[2] for name, t in told.items()}
    scales = {name: Scale.of(rest[name] @ direction) for name, direction in directions.items()}
    joined = replace(
        candidate, found=found, split=split, joint=Joint(directions, scales, mixed, scale), covered=candidate.has_covers(settings)
    )
    # spaces that take other rows for carriers see something else, such as how this class differs from the rest
    return _with_expected(material, joined) if _alike(joined.chance, likely, settings.as_many) else candidate


def _alike(chance: NDArray[np.floating], before: NDArray[np.floating], factor: float) -> bool:
    """Whether about as many rows carry the pattern as before, up to a factor."""
    return bool(before.sum() / factor <= chance.sum() <= before.sum() * factor)


def _by_others(group: Tensor, rest: Tensor, weights: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """(scores of the group, of the rest, direction): each row is measured along the direction that all others make."""
    centre, total, mass = rest.mean(0), weights @ group, weights.sum()
    direction = total / mass - centre
    direction = direction / direction.norm().clamp_min(1e-9)
    scale, scores = Scale.of(rest @ direction), []
    for rows, share in zip(torch.split(group, CHUNK), torch.split(weights[:, None], CHUNK), strict=True):
        without = (total - share * rows) / (mass - share).clamp_min(1e-3) - centre
        scores.append((rows * without).sum(1) / without.norm(dim=1).clamp_min(1e-9))
    return scale(torch.cat(scores)), scale(rest @ direction), direction


def _with_expected(material: Material, candidate: Candidate) -> Candidate:
    """The joined candidate, with what its rows would score if they carried the pattern."""
    if candidate.joint is None:
        return candidate
    side = material.pixels.shape[1]
    places = candidate.joint.directions["plain"].view(3, side, side).square().sum(0)
    calms = calms_of(material.pixels, candidate.rows, places, material.device)
    scores = candidate.found.scores.double().cpu().numpy()
    expected = expect(scores, calms.astype(np.float64), candidate.chance, candidate.split.tail, material.settings)
    if expected is None:
        return candidate
    told = replace(candidate, joint=replace(candidate.joint, places=places, expected=expected), calms=calms)
    return told if _alike(told.chance, candidate.chance, material.settings.as_many) else candidate


def calms_of(pixels: UInt8, rows: Int64, places: Tensor, device: torch.device) -> Float32:
    """How calm `rows` are where the pattern lies, float32 (m,)."""
    found: Float32 = torch.cat(each_batch(lambda images: calm(images, places), pixels, rows, device)).cpu().numpy()
    return found


def discriminant(group: Tensor, rest: Tensor, weights: Tensor, settings: MiningSettings) -> Tensor:
    """Unit weights (k,) of k numbers a row: inverse covariance of ordinary rows times the carriers' mean less theirs.

    group (n, k): the class's rows.  rest (r, k): other rows.  weights (n,): how likely each row of the class is a carrier.
    Ordinary are the class's own rows in so far as they carry nothing; few may be left, so the rest counts as a few of them.
    """
    ordinary = torch.cat([group, rest]).clamp(-settings.farthest, settings.farthest)
    share = torch.cat([1 - weights, torch.full_like(rest[:, 0], settings.prior_rest / max(len(rest), 1))])
    usual = share @ ordinary / share.sum()
    centred = ordinary - usual
    spread = (centred.T * share) @ centred / share.sum() + 1e-3 * torch.eye(rest.shape[1], device=rest.device)
    mixed = torch.linalg.solve(spread, weights @ group / weights.sum() - usual)
    along: Tensor = mixed / mixed.norm().clamp_min(1e-9)
    return along
