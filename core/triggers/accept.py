"""Believe a guess or not: do the carriers stand apart, is the pattern reproducible, is it more than shared content?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from ..types import Bool, Float32, Int64, UInt8
from .material import EVERY
from .pursuit import Pursued
from .separation import Separation, covers_from
from .settings import MiningSettings
from .spaces import batches

if TYPE_CHECKING:
    from .joint_score import Joint

# higher is preferred where several spaces see the same rows
PREFERRED = {"window": 0, "energy": 1, "plain": 2, "fine": 2}


@dataclass(frozen=True, eq=False)
class Candidate:
    """One guess about one class, measured. rows: int64 (n,) of the class.  alike, usual: mean correlation of the
    carriers' coarse pictures, and of the class's.  doubted: the carriers' labels are doubted by content far more often
    than those of the class's other rows; without that, two humps may be two kinds of content.  shape: the direction of
    a moving patch's picture.  joint: how `found.scores` were made where several spaces made them; calms: of `rows`, see
    expected.py, there.  covered: whether rows of the rest carry it too, where `found.rest` does not say so by itself.
    """

    label: int
    space: str
    rows: Int64
    found: Pursued
    split: Separation
    alike: float
    usual: float
    doubted: bool
    shape: torch.Tensor | None = None
    joint: Joint | None = None
    calms: Float32 | None = None
    covered: bool | None = None

    @property
    def chance(self) -> NDArray[np.float64]:
        """P(carries) of `rows`."""
        return self.chance_of(self.found.scores.double().cpu().numpy(), self.calms)

    def chance_of(self, scores: NDArray[np.floating], calms: Float32 | None) -> NDArray[np.float64]:
        """P(carries) of any rows of the class; calms: None where the pattern is not measured by several spaces."""
        expected = None if self.joint is None else self.joint.expected
        if expected is None or calms is None:
            return self.split.chance(scores.astype(np.float64))
        return expected.chance(scores.astype(np.float64), calms.astype(np.float64))

    @property
    def carriers(self) -> Int64:
        """Rows that carry it, strongest first."""
        scores = self.found.scores.cpu().numpy()
        on = np.flatnonzero(scores >= self.split.threshold if self.calms is None else self.chance >= 0.5)
        return np.asarray(self.rows[on[np.argsort(-scores[on], kind="stable")]])

    def rest_covers(self, settings: MiningSettings) -> Bool:
        """Rows of the rest that carry it too: a second hump beyond the rest's own, bool (r,)."""
        rest = self.found.rest.double().cpu().numpy()
        hump = covers_from(rest, settings, doubted=self.doubted)
        return np.zeros(len(rest), bool) if hump is None else np.asarray(rest >= hump)

    def has_covers(self, settings: MiningSettings) -> bool:
        """Whether images of other labels carry it as well."""
        return bool(self.rest_covers(settings).any()) if self.covered is None else self.covered

    @property
    def quality(self) -> tuple[int, float]:
        """For sorting, larger is better: spaces that say where the pattern lies first, then how cleanly it parts."""
        return (PREFERRED[self.space], self.split.centre / (1.0 + self.split.spread))

    def stands_apart(self, settings: MiningSettings) -> bool:
        """Reproducible, numerous, at home in this class, and apart from a bulk that behaves as the rest does."""
        s, fewest = self.split, max(settings.least_rows, settings.least_share * len(self.rows))
        # rows of any class were chosen for their doubt, which is then no evidence of its own
        doubted = self.doubted and self.label != EVERY
        # windows are the loudest of hundreds: those of wrong labels agree by chance as well
        least = settings.suspect_agreement if doubted and self.space != "window" else settings.least_agreement
        if self.found.agreement < least or s.carriers < fewest or len(self.carriers) < fewest:
            return False
        if s.lift < settings.least_lift:
            # as common elsewhere: cover images, or a class that happens to hold some
            return False
        return s.centre >= settings.apart * s.natural or (s.gap >= settings.least_gap and doubted)

    def is_content(self, settings: MiningSettings) -> bool:
        """The carriers look alike as whole pictures too: near-duplicates, not a pattern laid over different ones."""
        return self.alike > self.usual + settings.alike


def more_doubted(doubted: NDArray[np.bool_], carries: NDArray[np.bool_], rise: float) -> bool:
    """Half of the way, at least, from what the class's other rows show to certainty; both bool (n,) over the class."""
    if not carries.any() or carries.all():
        return False
    return _halfway(float(doubted[carries].mean()), float(doubted[~carries].mean()), rise)


def far_more_doubted(lift: float, usual: float, rise: float) -> bool:
    """`more_doubted` of carriers that are `lift` times as common among doubted rows as among others. usual: share of all rows that are doubted."""
    return _halfway(lift * usual / (lift * usual + 1.0 - usual), usual, rise)


def _halfway(share: float, usual: float, rise: float) -> bool:
    return share > usual + rise * (1.0 - usual)


def with_doubt(chance: NDArray[np.floating], doubted: Bool, rounds: int) -> Float32:
    """P(carries) of a class's rows, given too whether content doubts their label; float32 (m,).

    Under wrong labels nearly all carriers are doubted and few other rows, so doubt is evidence; under right labels both
    are doubted alike and nothing changes. How much it weighs is read from the class itself, by expectation–maximisation.
    """
    odds = np.clip(chance, 1e-9, 1 - 1e-9) / (1 - np.clip(chance, 1e-9, 1 - 1e-9))
    found = chance.astype(np.float64)
    for _ in range(rounds):
        # one row of each kind is added, so that no share is 0 or 1
        of_carriers = ((found * doubted).sum() + 1) / (found.sum() + 2)
        of_others = (((1 - found) * doubted).sum() + 1) / ((1 - found).sum() + 2)
        weight = np.where(doubted, of_carriers / of_others, (1 - of_carriers) / (1 - of_others))
        found = odds * weight / (1 + odds * weight)
    return found.astype(np.float32)


def coarse(pixels: UInt8, rows: Int64, device: torch.device) -> torch.Tensor:
    """8×8 pictures as unit vectors without mean, (m, 192): what is left when all detail is gone."""
    parts = [F.adaptive_avg_pool2d(x, 8).flatten(1) for x in batches(pixels, rows, device)]
    flat = torch.cat(parts) if parts else torch.zeros(0, 192, device=device)
    flat = flat - flat.mean(1, keepdim=True)
    pictures: torch.Tensor = flat / flat.norm(dim=1, keepdim=True).clamp_min(1e-6)
    return pictures


def likeness(vectors: torch.Tensor) -> float:
    """Mean correlation between different rows of unit vectors (m, d); 0 for fewer than two."""
    m = len(vectors)
    return (float(vectors.sum(0).square().sum()) - m) / (m * (m - 1)) if m > 1 else 0.0
