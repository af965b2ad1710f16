"""Sharpen a guess by turns: one half of the rows makes the direction, the other half is measured by it.

A fixed-point search for a rare shared component, akin to projection pursuit (Friedman and Tukey, 1974) with a
one-sided index: the mean of the rows that stand out. Because a row is only ever measured by a direction that it had
no part in, random rows do not hold each other up, and the cosine between the two halves' directions says whether the
pattern is real: for noise it is 0 ± 1/√D.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from .separation import Separation, natural_limit, separate
from .settings import MiningSettings

Tensor = torch.Tensor


@dataclass(frozen=True, eq=False)
class Pursued:
    """One sharpened guess.

    seed: where it came from, in words.  scores: float32 (n,), how far each row of the group stands out, in robust
    deviations of the rest, by the direction of the other half.  rest: the same for the rest's sample.
    direction: unit (D,), mean of both halves.  agreement: cosine between the halves' directions.
    """

    seed: str
    scores: Tensor
    rest: Tensor
    direction: Tensor
    agreement: float


def first_half(n: int, device: torch.device) -> Tensor:
    """The same half of n rows every time, bool (n,)."""
    turn = torch.zeros(n, dtype=torch.bool, device=device)
    turn[torch.randperm(n, generator=torch.Generator().manual_seed(0))[: n // 2].to(device)] = True
    return turn


def polish(group: Tensor, rest: Tensor, found: Pursued, within: Tensor, settings: MiningSettings, *, suspect: bool) -> Pursued:
    """A few more turns in which each row weighs what it likely carries, for a pattern that has been found already.

    within (n,): 0…1, what a row may weigh at most, see `pursue`.  suspect: see `separate`.
    """
    turn, centre = first_half(len(group), group.device), rest.mean(0)
    halves = (group[turn], group[~turn])
    for _ in range(settings.polish_rounds):
        split = _split(found, settings, suspect)
        weights = torch.from_numpy(split.chance(found.scores.double().cpu().numpy())).float().to(group.device)[:, None]
        weights = weights * within[:, None]
        if min(float(weights[turn].sum()), float(weights[~turn].sum())) < 2:
            break
        directions = [_direction(h, w, centre) for h, w in zip(halves, (weights[turn], weights[~turn]), strict=True)]
        found = _result(found.seed, turn, directions, [_measure(halves[1 - i], rest, directions[i], settings) for i in (0, 1)], 0)
    return found


def _split(found: Pursued, settings: MiningSettings, suspect: bool) -> Separation:
    return separate(found.scores.double().cpu().numpy(), found.rest.double().cpu().numpy(), settings, suspect=suspect)


def _result(seed: str, turn: Tensor, directions: list[Tensor], measured: list[tuple[Tensor, Tensor, Tensor]], k: int) -> Pursued:
    scores = torch.empty(len(turn), device=turn.device)
    scores[turn], scores[~turn] = measured[1][0][:, k], measured[0][0][:, k]
    mean = directions[0][:, k] + directions[1][:, k]
    agreement = float(directions[0][:, k] @ directions[1][:, k])
    return Pursued(seed, scores, (measured[0][1] + measured[1][1])[:, k] / 2, mean / mean.norm().clamp_min(1e-9), agreement)


def pursue(group: Tensor, rest: Tensor, seeds: Tensor, names: list[str], within: Tensor, settings: MiningSettings) -> list[list[Pursued]]:
    """group (n, D), rest (r, D), seeds (n, m) first weights of the group's rows in 0…1 -> what each round made of each seed, the last first.

    within (n, m): what a row may weigh at most in later rounds. Ones let a pattern gather rows of the whole class. For a
    guess that started at rows whose content contradicts the label it is that guess, so that rows of the class that look
    a little like the pattern (smooth skies beside images smoothed by a bend) do not take it over.
    """
    turn = first_half(len(group), group.device)
    halves = (group[turn], group[~turn])
    centre = rest.mean(0)
    weights, most = [seeds[turn].clone(), seeds[~turn].clone()], (within[turn], within[~turn])
    found: list[list[Pursued]] = [[] for _ in names]
    for _ in range(settings.pursuit_rounds):
        directions = [_direction(half, w, centre) for half, w in zip(halves, weights, strict=True)]
        measured = [_measure(halves[1 - i], rest, directions[i], settings) for i in (0, 1)]
        # what the first half's direction measured are the second half's rows
        weights = [torch.sigmoid((s - limit - 0.5) * 3) * m for (s, _, limit), m in zip(measured[::-1], most, strict=True)]
        for k, name in enumerate(names):
            found[k].insert(0, _result(name, turn, directions, measured, k))
    return found


def _direction(rows: Tensor, weights: Tensor, centre: Tensor) -> Tensor:
    mean = rows.T @ weights / weights.sum(0).clamp_min(1e-3) - centre[:, None]
    direction: Tensor = mean / mean.norm(dim=0).clamp_min(1e-9)
    return direction


def _measure(rows: Tensor, rest: Tensor, direction: Tensor, settings: MiningSettings) -> tuple[Tensor, Tensor, Tensor]:
    """(rows, rest) along each direction in robust deviations of the rest, and the limit of natural rows."""
    bulk = rest @ direction
    low, middle, high = torch.quantile(bulk, torch.tensor([0.16, 0.5, 0.84], device=bulk.device), dim=0)
    spread = ((high - low) / 2).clamp_min(1e-6)
    standard = (bulk - middle) / spread
    return (rows @ direction - middle) / spread, standard, natural_limit(standard, settings.tail_steps).clamp_min(settings.least_limit)
