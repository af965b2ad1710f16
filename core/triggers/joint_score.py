"""What several spaces say of a row, as one number: a pattern found in one space leaves traces in the others too.

A wave shows in its coefficients (plain, calm), in what is left of it among fine details (fine), and in how much detail
there is where (energy); each alone lets some triggered rows pass as ordinary ones. Each space gives a row one number, along
the direction of all other rows that are likely triggered; Fisher's linear discriminant (1936) of these against the rest
makes one number of them.
What number a row would have if it carried the pattern depends on how busy its picture is (expected.py).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from ..types import Float32, Int64, UInt8
from .expected import Expected, calm
from .material import Material
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

    expected: of triggered rows; None where calm and busy pictures are expected to score alike.
    """

    directions: dict[str, Tensor]
    scales: dict[str, Scale]
    weights: Tensor
    scale: Scale
    expected: Expected | None = None

    def scores(self, vectors: dict[str, Tensor]) -> Tensor:
        """vectors: by space, (m, D) -> (m,) in robust deviations of the rest."""
        numbers = [self.scales[name](vectors[name] @ direction) for name, direction in self.directions.items()]
        return self.scale(torch.stack(numbers, 1) @ self.weights)


def alone(space: str, direction: Tensor, sample: Tensor) -> Joint:
    """The score by one space. direction: unit (D,).  sample: vectors of rows of any kind, (m, D)."""
    one = torch.ones(1, device=sample.device)
    return Joint({space: direction}, {space: Scale.of(sample @ direction)}, one, Scale(torch.zeros_like(one), one))


def scores_of(pixels: UInt8, spaces: dict[str, Space], ways: list[Joint], device: torch.device) -> list[tuple[Float32, Float32 | None]]:
    """(scores, calms) of every row, float32 (n,), by each way; every image is looked at once in each space that is asked."""
    asked = {name for way in ways for name in way.directions}

    def measured(images: Tensor) -> list[tuple[Tensor, Tensor | None]]:
        vectors = {name: spaces[name].vectors(images) for name in asked}
        return [(way.scores(vectors), None if way.expected is None else calm(images, way.expected.places)) for way in ways]

    parts = each_batch(measured, pixels, np.arange(len(pixels)), device)
    found = []
    for k in range(len(ways)):
        scores = torch.cat([part[k][0] for part in parts]).cpu().numpy()
        calms = [c for part in parts if (c := part[k][1]) is not None]
        found.append((scores, torch.cat(calms).cpu().numpy() if calms else None))
    return found


def join(
    material: Material, spaces: dict[str, Space], rows: Int64, rest: dict[str, Tensor], weights: Tensor
) -> tuple[Joint, Tensor, Tensor]:
    """(how any row is scored, scores of `rows`, of the rest), by all fixed spaces.

    rest: by space, vectors (r, D) of the rows compared with.  weights (n,): how likely each of `rows` is triggered.
    """
    measured = {name: _by_others(spaces[name].of(material.pixels, rows), rest[name], weights) for name in FIXED}
    own, others = (torch.stack([m[i] for m in measured.values()], 1) for i in (0, 1))
    mixed = discriminant(own, others, weights, material.settings)
    scale = Scale.of(others @ mixed)
    directions = {name: m[2] for name, m in measured.items()}
    scales = {name: Scale.of(rest[name] @ direction) for name, direction in directions.items()}
    return Joint(directions, scales, mixed, scale), scale(own @ mixed), scale(others @ mixed)


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


def discriminant(group: Tensor, rest: Tensor, weights: Tensor, settings: MiningSettings) -> Tensor:
    """Unit weights (k,) of k numbers a row: inverse covariance of ordinary rows times the triggered rows' mean less theirs.

    group (n, k): the class's rows.  rest (r, k): other rows.  weights (n,): how likely each row of the class is triggered.
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
