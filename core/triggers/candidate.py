"""Guesses and candidates: do the triggered rows stand apart, is the pattern reproducible, is it more than shared content?"""

from __future__ import annotations

from dataclasses import dataclass

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

# higher is preferred where several spaces see the same rows: those that say where the pattern lies
PREFERRED = {"window": 0, "energy": 1, "plain": 2, "calm": 2, "fine": 2}


@dataclass(frozen=True, eq=False)
class Guess:
    """A guess about one class, measured. rows: int64 (n,) of the class.

    suspect: content contradicts the labels of the triggered rows far more often than those of the class's other rows;
    without that, two modes may be two kinds of content.
    """

    label: int
    space: str
    rows: Int64
    found: Pursued
    split: Separation
    suspect: bool

    @property
    def chance(self) -> NDArray[np.float64]:
        """P(carries the pattern) of `rows`."""
        return self.split.chance(self.found.scores.double().cpu().numpy())

    @property
    def triggered(self) -> Int64:
        """Rows that carry the pattern, strongest first."""
        scores = self.found.scores.cpu().numpy()
        on = np.flatnonzero(scores >= self.split.threshold)
        return np.asarray(self.rows[on[np.argsort(-scores[on], kind="stable")]])

    @property
    def quality(self) -> tuple[int, float]:
        """For sorting, larger is better: the preferred spaces first, then how cleanly the pattern parts the rows."""
        return (PREFERRED[self.space], self.split.centre / (1.0 + self.split.spread))

    def covers(self, settings: MiningSettings) -> Bool:
        """Rows of the rest that carry the pattern too: a second mode beyond the rest's own, bool (r,)."""
        rest = self.found.rest.double().cpu().numpy()
        start = covers_from(rest, settings, suspect=self.suspect)
        return np.zeros(len(rest), bool) if start is None else np.asarray(rest >= start)

    def stands_apart(self, settings: MiningSettings) -> bool:
        """Reproducible, numerous, at home in this class, and apart from a bulk that behaves as the rest does."""
        s = self.split
        # rows of any class were chosen for being suspect, which is then no evidence of its own
        suspect = self.suspect and self.label != EVERY
        # windows are the loudest of hundreds: those of wrong labels agree by chance as well
        least = settings.suspect_agreement if suspect and self.space != "window" else settings.least_agreement
        if self.found.agreement < least or not self._is_at_home(settings):
            return False
        return s.centre >= settings.apart * s.natural or (s.gap >= settings.least_gap and suspect)

    def lacks_only_agreement(self, settings: MiningSettings) -> bool:
        """Far apart and numerous, but its halves agree no more than suspects' halves have to: right if the labels are wrong."""
        if self.space == "window" or not settings.suspect_agreement <= self.found.agreement < settings.least_agreement:
            return False
        return self.split.centre >= settings.apart * self.split.natural and self._is_at_home(settings)

    def _is_at_home(self, settings: MiningSettings) -> bool:
        """Numerous, and more common in this class than elsewhere, where cover images or things that any class holds may be."""
        fewest = max(settings.least_rows, settings.least_share * len(self.rows))
        return self.split.triggered >= fewest and len(self.triggered) >= fewest and self.split.lift >= settings.least_lift


@dataclass(frozen=True, eq=False)
class Candidate(Guess):
    """A guess that stands apart. alike, usual: mean correlation of the triggered rows' coarse pictures, and of the class's.

    picture: space and direction that show the pattern.
    """

    alike: float
    usual: float
    picture: tuple[str, torch.Tensor]

    @classmethod
    def of(cls, guess: Guess, alike: float, usual: float) -> Candidate:
        """`guess`, shown by the direction that found it."""
        return cls(**vars(guess), alike=alike, usual=usual, picture=(guess.space, guess.found.direction))

    def is_content(self, settings: MiningSettings) -> bool:
        """The triggered rows look alike as whole pictures too: near-duplicates, not a pattern laid over different ones."""
        return self.alike > self.usual + settings.alike


# ---- label suspects --------------------------------------------------------------------------------------------


def more_suspect(suspect: NDArray[np.bool_], triggered: NDArray[np.bool_], rise: float) -> bool:
    """Whether the triggered rows' share of suspects lies at least `rise` of the way from the other rows' to 1; both bool (n,)."""
    if not triggered.any() or triggered.all():
        return False
    return _risen(float(suspect[triggered].mean()), float(suspect[~triggered].mean()), rise)


def far_more_suspect(lift: float, usual: float, rise: float) -> bool:
    """`more_suspect` of rows that are `lift` times as common among suspects as among others. usual: share of suspects among all rows."""
    return _risen(lift * usual / (lift * usual + 1.0 - usual), usual, rise)


def _risen(share: float, usual: float, rise: float) -> bool:
    return share > usual + rise * (1.0 - usual)


def with_suspicion(chance: NDArray[np.floating], suspect: Bool, rounds: int) -> Float32:
    """P(carries the pattern) of a class's rows, given too whether their labels are suspect; float32 (m,).

    Under wrong labels nearly all triggered rows are suspect and few others, so suspicion is evidence; under right labels
    both are suspect alike and nothing changes. How much it weighs is read from the class itself, by expectation–maximisation.
    """
    odds = np.clip(chance, 1e-9, 1 - 1e-9) / (1 - np.clip(chance, 1e-9, 1 - 1e-9))
    found = chance.astype(np.float64)
    for _ in range(rounds):
        # one row of each kind is added, so that no share is 0 or 1
        of_triggered = ((found * suspect).sum() + 1) / (found.sum() + 2)
        of_others = (((1 - found) * suspect).sum() + 1) / ((1 - found).sum() + 2)
        weight = np.where(suspect, of_triggered / of_others, (1 - of_triggered) / (1 - of_others))
        found = odds * weight / (1 + odds * weight)
    return found.astype(np.float32)


# ---- near-duplicates -------------------------------------------------------------------------------------------


def coarse(pixels: UInt8, rows: Int64, device: torch.device) -> torch.Tensor:
    """8×8 pictures as unit vectors without mean, (m, 192): what is left when all detail is gone."""
    parts = [F.adaptive_avg_pool2d(x, 8).flatten(1) for x in batches(pixels, rows, device)]
    flat = torch.cat(parts) if parts else torch.zeros(0, 192, device=device)
    flat = flat - flat.mean(1, keepdim=True)
    pictures: torch.Tensor = flat / flat.norm(dim=1, keepdim=True).clamp_min(1e-6)
    return pictures


def twins(vectors: torch.Tensor, at: float) -> float:
    """Share of unit vectors (m, d) that correlate with another of them by `at` or more, 0…1; 0 for fewer than two."""
    if len(vectors) < 2:
        return 0.0
    alike = vectors @ vectors.T
    alike.fill_diagonal_(-1.0)
    return float((alike.max(1).values >= at).float().mean())


def likeness(vectors: torch.Tensor) -> float:
    """Mean correlation between different rows of unit vectors (m, d); 0 for fewer than two."""
    m = len(vectors)
    return (float(vectors.sum(0).square().sum()) - m) / (m * (m - 1)) if m > 1 else 0.0
