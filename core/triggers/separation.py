"""One direction, one number a row: do some rows of the class stand apart, and from where on do they count?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from .settings import MiningSettings

Tensor = torch.Tensor
Float64 = NDArray[np.float64]


def natural_limit(standard: Tensor, steps: float) -> Tensor:
    """Where about one natural row in a thousand lies, (m,), from the 75th and 90th percentile of the rest (r, m).

    A normal distribution's tail is 2.98 times as long as the step between the two; heavier ones are longer. Reading
    the tail itself would let rows of other classes that carry the pattern too (cover images) hide it.
    """
    low, high = torch.quantile(standard, torch.tensor([0.75, 0.9], device=standard.device), dim=0)
    limit: Tensor = high + steps * (high - low)
    return limit


@dataclass(frozen=True, eq=False)
class Separation:
    """How a class's rows fall along one direction.

    triggered: estimated number of rows that carry the pattern.  centre, spread: of these.
    natural: where one natural row in a thousand lies.  gap: deviations by which rows beyond a valley outnumber it.
    threshold: score from which a row more likely carries it than not.  false_alarm: share of the rest beyond it.
    lift: how many times more common triggered rows are in the class than in the rest.
    """

    triggered: float
    centre: float
    spread: float
    natural: float
    gap: float
    threshold: float
    false_alarm: float
    share: float
    tail: tuple[float, float]
    lift: float = 0.0

    def chance(self, scores: Float64) -> Float64:
        """P(carries the pattern | score) for rows of the class; rises with the score."""
        return posterior(scores, self.share, self.centre, self.spread, self.tail)


def separate(scores: Float64, rest: Float64, settings: MiningSettings, *, suspect: bool = False) -> Separation:
    """Split scores (n,) of a class into a bulk that behaves as the rest (r,) does and rows that stand apart.

    suspect: content contradicts the labels of what stands apart, so that rows of the rest which lie where no tail of its bulk
    reaches may be taken for covers, even where they are too few or too scattered for a mode.
    The bulk's tail is exponential, fitted to the rest below any second mode that the rest has; the triggered rows are
    normal; their share and place are fitted by expectation-maximisation.
    """
    own_mode = covers_from(rest, settings, suspect=suspect)
    quiet = rest[rest < own_mode] if own_mode is not None else rest
    b, c = np.quantile(quiet, (0.95, 0.999))
    a = float(np.quantile(quiet, 0.85))
    scale = max((b - a) / np.log(3.0), (c - b) / np.log(50.0), 0.15)
    tail = (float(b), float(scale))
    natural = max(float(c), 3.0)
    start = scores[scores > natural]
    if len(start) < 3:
        return Separation(0.0, natural, 1.0, natural, 0.0, np.inf, 0.0, 0.0, tail)
    share, centre, spread = _fit(scores, len(start) / len(scores), float(np.median(start)), tail, settings)
    grid = np.linspace(tail[0], max(centre, tail[0] + 0.1), 400)
    above = posterior(grid, share, centre, spread, tail) >= 0.5
    threshold = float(grid[np.argmax(above)]) if above.any() else float(centre)
    return Separation(
        triggered=share * len(scores),
        centre=centre,
        spread=spread,
        natural=natural,
        gap=gap(scores, settings),
        threshold=threshold,
        false_alarm=float((quiet >= threshold).mean()),
        share=share,
        tail=tail,
        lift=float((scores >= threshold).mean() / ((rest >= threshold).mean() + 1 / len(rest))),
    )


def _fit(scores: Float64, share: float, centre: float, tail: tuple[float, float], settings: MiningSettings) -> tuple[float, float, float]:
    spread = max(settings.least_spread, 0.15 * centre)
    for _ in range(settings.fit_rounds):
        p = posterior(scores, share, centre, spread, tail)
        mass = float(p.sum())
        if mass < 1:
            break
        share = float(np.clip(mass / len(scores), 1e-6, 0.95))
        # medians hold against a bulk that is not quite what was fitted
        on = scores[p > 0.5]
        if len(on) < 3:
            break
        centre = float(np.median(on))
        spread = max(settings.least_spread, 1.4826 * float(np.median(np.abs(on - centre))))
    return share, centre, spread


def posterior(
    t: Float64, share: float, centre: float | Float64, spread: float | Float64, tail: tuple[float, float], stray: float = 0.0
) -> Float64:
    """P(carries | score) of normal triggered rows beside a bulk with an exponential tail (start, scale).

    centre, spread: of all triggered rows or, (n,), of each.  stray: share of them that lie anywhere between bulk and centre.
    """
    start, scale = tail
    beyond = np.maximum(t - start, 0.0) / scale
    bulk = np.where(t > start, 0.05 / scale * np.exp(-np.minimum(beyond, 700)), 0.5)
    below = np.minimum(t - centre, 0.0) / spread
    # beyond the triggered rows' centre a row can only be more likely triggered
    density = np.exp(-0.5 * below**2) / (spread * np.sqrt(2 * np.pi))
    density = (1 - stray) * density + stray / np.maximum(centre - start, 1.0)
    odds = share * density / ((1 - share) * bulk + 1e-300)
    return np.asarray(np.where(t > start, odds / (1 + odds), 0.0))


def gap(scores: Float64, settings: MiningSettings) -> float:
    """Largest (mode − valley before it)/√(mode + valley) of counts beyond the bulk, in windows of several widths."""
    best = 0.0
    ordered = np.sort(scores)
    for width in settings.mode_widths:
        edges = np.arange(settings.bulk, max(settings.bulk + 1, float(np.quantile(ordered, 0.9995))) + width, width / 2)
        counts = np.searchsorted(ordered, edges + width) - np.searchsorted(ordered, edges)
        if len(counts) < 4:
            continue
        lowest = np.minimum.accumulate(counts)
        rise = (counts - lowest) / np.sqrt(counts + lowest + 1.0)
        best = max(best, float(rise[2:].max()))
    return best


def covers_from(rest: Float64, settings: MiningSettings, *, suspect: bool) -> float | None:
    """Where the rest's cover images begin; None where it seems to have none. suspect: see `separate`."""
    mode = valley(rest, settings)
    if mode is not None or not suspect:
        return mode
    a, b, c = np.quantile(rest, (0.85, 0.95, 0.99))
    limit = float(b + settings.covers_beyond * max((b - a) / np.log(3.0), (c - b) / np.log(5.0), 0.15))
    return limit if (rest >= limit).any() else None


def valley(scores: Float64, settings: MiningSettings) -> float | None:
    """Where a second mode begins, None where there is none: cover images in other classes make one."""
    ordered = np.sort(scores)
    start = max(float(np.quantile(ordered, 0.9)), 2.5)
    best, at = settings.least_mode, None
    for width in settings.mode_widths:
        edges = np.arange(start, float(ordered[-1]) + width, width / 2)
        if len(edges) < 4:
            continue
        counts = (np.searchsorted(ordered, edges + width) - np.searchsorted(ordered, edges)).astype(float)
        lowest = np.minimum.accumulate(counts)
        rise = (counts - lowest) / np.sqrt(counts + lowest + 1.0)
        top = int(rise.argmax())
        if rise[top] >= best:
            best = float(rise[top])
            at = float(edges[int(np.flatnonzero(counts[: top + 1] == lowest[top])[-1])]) + width / 2
    return at
