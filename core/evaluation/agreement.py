"""How far detectors agree: rank correlation over all rows, and the rows that two of them put on top.

Two questions, since one can be yes while the other is no: detectors of one family order *all* images alike, while two
detectors that look at different things may still point at the *same few* worst images (or at none in common).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..types import Float32

Float64 = NDArray[np.float64]


class Agreement(NamedTuple):
    """names: s detectors.  spearman: float64 (s, s) in −1…1.  overlap: float64 (s, s) in 0…1.  NaN = undefined.

    chance: overlap that two detectors without anything in common would show, 0…1.
    """

    names: tuple[str, ...]
    spearman: Float64
    overlap: Float64
    chance: float


def agreement(scores: Mapping[str, Float32], top: int) -> Agreement:
    """Each pair's Spearman correlation and the shared part of its `top` highest rows, over rows that both can score.

    scores: name -> (n,), higher = more suspicious, NaN = not scorable.  top: rows, see `top_size`.
    Ties get mean ranks; rows tied at the edge of the top belong to it in part, as if drawn by lot.
    Spearman is NaN where a side is constant, overlap where the pair shares no more than `top` rows.
    Source: Spearman (1904); the overlap is Fagin, Kumar & Sivakumar (SODA 2003), top-k lists, without their order.
    """
    names = tuple(scores)
    columns = [np.asarray(scores[name], dtype=np.float64) for name in names]
    # sorted once a column; a pair that skips other rows only filters that order
    orders = [np.argsort(column, kind="stable") for column in columns]
    known = [~np.isnan(column) for column in columns]
    spearman = np.full((len(names), len(names)), np.nan)
    overlap = spearman.copy()
    for i in range(len(names)):
        for j in range(i + 1):
            shared = known[i] & known[j]
            first, second = _Ranked(columns[i], orders[i], shared), _Ranked(columns[j], orders[j], shared)
            spearman[i, j] = spearman[j, i] = _correlation(first.ranks(), second.ranks())
            overlap[i, j] = overlap[j, i] = _same(first, top) if i == j else _overlap(first, second, top)
    rows = len(columns[0]) if columns else 0
    return Agreement(names, spearman, overlap, top / rows if rows else 0.0)


class _Ranked:
    """One column's rows in rising order, without those outside `shared`; ties known."""

    def __init__(self, column: Float64, order: NDArray[np.intp], shared: NDArray[np.bool_]) -> None:
        self.order = order[shared[order]]
        values = column[self.order]
        new = np.ones(len(values), dtype=bool)
        new[1:] = values[1:] != values[:-1]
        self.group = np.cumsum(new) - 1
        self.starts = np.append(np.flatnonzero(new), len(values))
        self.size = len(column)

    def ranks(self) -> Float64:
        """Mean rank of each shared row less the middle rank, (n,); rows outside stay 0."""
        mean = (self.starts[:-1] + self.starts[1:] - 1) / 2
        centred = mean[self.group] - (len(self.order) - 1) / 2
        out = np.zeros(self.size)
        out[self.order] = centred
        return out

    def membership(self, top: int) -> Float64:
        """Chance (n,) that a row is among the `top` highest when ties are drawn by lot; sums to `top`."""
        out, count = np.zeros(self.size), len(self.order)
        edge = self.group[count - top]
        first, after = self.starts[edge], self.starts[edge + 1]
        out[self.order[after:]] = 1.0
        out[self.order[first:after]] = (top - (count - after)) / (after - first)
        return out


def _correlation(first: Float64, second: Float64) -> float:
    """Pearson's of centred ranks; rows outside the pair are 0 in both and add nothing."""
    spread = float(np.sqrt((first @ first) * (second @ second)))
    return float(first @ second) / spread if spread > 0 else float("nan")


def _overlap(first: _Ranked, second: _Ranked, top: int) -> float:
    if not 0 < top < len(first.order):
        return float("nan")
    return float(first.membership(top) @ second.membership(top)) / top


def _same(own: _Ranked, top: int) -> float:
    """A detector shares its whole top with itself, however many rows are tied there."""
    return 1.0 if 0 < top < len(own.order) else float("nan")
