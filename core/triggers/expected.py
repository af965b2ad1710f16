"""How plainly a row would show a pattern if it carried it: plainly in a calm picture, faintly in a busy one.

All spaces make contrast equal, so what a pattern adds to a row's score falls with the contrast of the picture it lies on.
A triggered row's score is therefore expected at offset + slope · calm, fitted to the rows that are likely triggered by
expectation–maximisation; a busy row need not reach what a calm one does, and a calm row with a busy one's score carries nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from .separation import posterior
from .settings import MiningSettings
from .spaces import CONTRAST_FLOOR, high_pass, local_power

Tensor = torch.Tensor
Float64 = NDArray[np.float64]
STEPS = 64


def calm(images: Tensor, weight: Tensor) -> Tensor:
    """Mean of 1 / local contrast at the pattern's places; images (m, 3, s, s), weight (s, s) summing to 1 -> (m,)."""
    contrast = (local_power(high_pass(images)) + CONTRAST_FLOOR**2).rsqrt()[:, 0]
    found: Tensor = (contrast * weight).sum((1, 2))
    return found


@dataclass(frozen=True, eq=False)
class Expected:
    """A triggered row's score is normal around offset + slope · calm; its deviation grows with that centre by `wobble`.

    share: of triggered rows in the class.  tail: start and scale of the other rows' upper tail.
    places: (s, s), where the pattern lies, summing to 1.
    """

    offset: float
    slope: float
    wobble: float
    share: float
    tail: tuple[float, float]
    places: Tensor
    settings: MiningSettings

    def centre(self, calms: Float64) -> Float64:
        """What a triggered row scores, (n,)."""
        return np.asarray(np.maximum(self.offset + self.slope * calms, self.tail[0]))

    def chance(self, scores: Float64, calms: Float64) -> Float64:
        """P(carries the pattern | score, calm), (n,)."""
        centre = self.centre(calms)
        return posterior(
            scores, self.share, centre, np.hypot(self.settings.least_spread, self.wobble * centre), self.tail, self.settings.stray
        )

    def limit(self, calms: Float64) -> Float64:
        """The score from which a row as calm more likely carries the pattern than not, (n,)."""
        asked = np.linspace(float(calms.min()), float(calms.max()), STEPS)
        scores = np.linspace(self.tail[0], max(float(self.centre(asked).max()), self.tail[0] + 0.1), 8 * STEPS)
        likely = self.chance(scores[None], asked[:, None]) >= 0.5
        first = np.where(likely.any(1), scores[likely.argmax(1)], scores[-1])
        return np.asarray(np.interp(calms, asked, first))


def expect(
    scores: Float64, calms: Float64, chance: Float64, tail: tuple[float, float], places: Tensor, settings: MiningSettings
) -> Expected | None:
    """Fit to a class's rows. scores, calms: (n,).  chance: first guess of who carries it.  None where nobody is left."""
    found = None
    for _ in range(settings.expected_rounds):
        mass = float(chance.sum())
        if mass < 1:
            return None
        score, quiet = float(chance @ scores) / mass, float(chance @ calms) / mass
        common = float(chance @ ((scores - score) * (calms - quiet)))
        slope = max(common / (float(chance @ (calms - quiet) ** 2) * (1 + settings.prior_triggered / mass) + 1e-9), 0.0)
        offset = score - slope * quiet
        centre = np.maximum(offset + slope * calms, tail[0])
        # what a row of the rest varies by is no wobble of the pattern
        excess = float(chance @ (((scores - centre) ** 2 - settings.least_spread**2) / centre**2)) / mass
        found = Expected(offset, slope, max(excess, 0.0) ** 0.5, float(np.clip(mass / len(scores), 1e-6, 0.95)), tail, places, settings)
        chance = found.chance(scores, calms)
    return found
