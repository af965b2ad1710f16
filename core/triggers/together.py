"""What several spaces say of a row, as one number: a pattern found in one space leaves traces in the others too.

A wave is told by its coefficients (plain), by what is left of it among fine details (fine), and by how much detail there
is where (energy); each alone lets some carriers pass as ordinary rows. Each space gives a row one number, along the
direction of the carriers found so far; Fisher's linear discriminant (1936) of carriers against the rest makes one of them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch

from core.triggers.judge import Candidate, with_doubt
from core.triggers.material import EVERY, Material
from core.triggers.pursuit import first_half
from core.triggers.separation import separate
from core.triggers.spaces import Space, batches
from core.types import Float32, UInt8

Tensor = torch.Tensor
# windows move: those of two rows show different places
FIXED = ("plain", "fine", "energy")
FAR = 4.0  # no row counts as farther out: cover images in the rest carry the pattern too
PRIOR = 50.0
LEAST_WEIGHT = 2.0


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
    """How any row is scored. directions: by space, unit (D,).  scales: of each.  weights: (k,).  scale: of their sum."""

    directions: dict[str, Tensor]
    scales: dict[str, Scale]
    weights: Tensor
    scale: Scale

    def scores(self, vectors: dict[str, Tensor]) -> Tensor:
        """vectors: by space, (m, D) -> (m,) in robust deviations of the rest."""
        told = [self.scales[name](vectors[name] @ direction) for name, direction in self.directions.items()]
        return self.scale(torch.stack(told, 1) @ self.weights)


def alone(candidate: Candidate, sample: Tensor) -> Joint:
    """The score by the candidate's own space. sample: vectors of rows of any kind, (m, D)."""
    direction, one = candidate.found.direction, torch.ones(1, device=sample.device)
    same = Scale(torch.zeros_like(one), one)
    return Joint({candidate.space: direction}, {candidate.space: Scale.of(sample @ direction)}, one, same)


def scores_of(pixels: UInt8, spaces: dict[str, Space], ways: list[Joint], device: torch.device) -> list[Float32]:
    """Scores of every row, float32 (n,), by each way; every image is looked at once in each space that is asked."""
    asked = {name for way in ways for name in way.directions}
    found = [np.empty(len(pixels), np.float32) for _ in ways]
    start = 0
    for images in batches(pixels, np.arange(len(pixels)), device):
        vectors = {name: spaces[name].vectors(images) for name in asked}
        for scores, way in zip(found, ways, strict=True):
            scores[start : start + len(images)] = way.scores(vectors).cpu().numpy()
        start += len(images)
    return found


def join(material: Material, spaces: dict[str, Space], candidate: Candidate, rest: dict[str, Tensor]) -> Candidate:
    """`candidate` scored by all fixed spaces. rest: by space, vectors (r, D) of the rows that `candidate.found` compares with."""
    likely = candidate.chance if candidate.label == EVERY else with_doubt(candidate.chance, material.doubted[candidate.rows])
    weights, turn = torch.from_numpy(likely).float().to(material.device), first_half(len(likely), material.device)
    if candidate.space not in FIXED or min(float(weights[turn].sum()), float(weights[~turn].sum())) < LEAST_WEIGHT:
        return candidate
    told = {}
    for name in FIXED:
        if name == candidate.space:
            # what the search sharpened is not guessed anew
            told[name] = (candidate.found.scores, candidate.found.rest, candidate.found.direction)
        else:
            told[name] = _cross_fitted(spaces[name].of(material.pixels, candidate.rows), rest[name], weights, turn)
    own, others = (torch.stack([t[i] for t in told.values()], 1) for i in (0, 1))
    mixed = discriminant(own, others, weights)
    scale = Scale.of(others @ mixed)
    found = replace(candidate.found, scores=scale(own @ mixed), rest=scale(others @ mixed))
    split = separate(found.scores.double().cpu().numpy(), found.rest.double().cpu().numpy())
    directions = {name: t[2] for name, t in told.items()}
    scales = {name: Scale.of(rest[name] @ direction) for name, direction in directions.items()}
    return replace(candidate, found=found, split=split, joint=Joint(directions, scales, mixed, scale))


def _cross_fitted(group: Tensor, rest: Tensor, weights: Tensor, turn: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """(scores of the group, of the rest, mean direction): each half measured along the other half's direction."""
    centre = rest.mean(0)
    scores, rest_scores = group.new_empty(len(group)), rest.new_zeros(len(rest))
    mean = torch.zeros_like(centre)
    for part in (turn, ~turn):
        direction = weights[part] @ group[part] / weights[part].sum() - centre
        direction = direction / direction.norm().clamp_min(1e-9)
        along = rest @ direction
        scale = Scale.of(along)
        scores[~part] = scale(group[~part] @ direction)
        rest_scores += scale(along) / 2
        mean += direction
    return scores, rest_scores, mean / mean.norm().clamp_min(1e-9)


def discriminant(group: Tensor, rest: Tensor, weights: Tensor) -> Tensor:
    """Unit weights (k,) of k numbers a row: inverse covariance of ordinary rows times the carriers' mean less theirs.

    group (n, k): the class's rows.  rest (r, k): other rows.  weights (n,): how likely each row of the class is a carrier.
    Ordinary are the class's own rows in so far as they carry nothing; few may be left, so the rest counts as PRIOR of them.
    """
    ordinary = torch.cat([group, rest]).clamp(-FAR, FAR)
    share = torch.cat([1 - weights, torch.full_like(rest[:, 0], PRIOR / max(len(rest), 1))])
    usual = share @ ordinary / share.sum()
    centred = ordinary - usual
    spread = (centred.T * share) @ centred / share.sum() + 1e-3 * torch.eye(rest.shape[1], device=rest.device)
    mixed = torch.linalg.solve(spread, weights @ group / weights.sum() - usual)
    along: Tensor = mixed / mixed.norm().clamp_min(1e-9)
    return along
