"""Auditing a group before it is decided as one: which of its images a person looks at, and what that proves.

The sample is drawn by the group's name and the data set's digest alone, so that nobody can draw again until the
sample is a lucky one; a larger sample of the same group begins with the smaller one.

The interval is the exact one for a sample without replacement (Clopper & Pearson, Biometrika 1934, with the
hypergeometric distribution in the place of the binomial): it is theirs for a large group, narrower for a small one,
and a single value when every image was looked at. Known limit: whoever answers ten, looks, and then asks for more,
has chosen when to stop; the interval of the larger sample does not know of that. Nor does it know of whoever moves a
threshold after having seen answers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b

import numpy as np
from scipy.stats import hypergeom

from ..types import Int64


@dataclass(frozen=True)
class Interval:
    """share: of the sample that was hit.  low, high: bounds on that share in the whole group.  All 0…1."""

    share: float
    low: float
    high: float


def seed_of(dataset_digest: str, trigger_id: str) -> int:
    """The seed of this group's sample: the same for everybody, on every machine, at any time."""
    return int.from_bytes(blake2b(f"{dataset_digest}/{trigger_id}".encode(), digest_size=8).digest(), "little")


def sample(rows: Int64, m: int, seed: int) -> Int64:
    """`m` of `rows` (all of them, where there are fewer), int64 (min(m, n),), drawn without replacement.

    The order of `rows` does not matter and repeats count once; a larger `m` continues a smaller one's list.
    Raises ValueError for a negative m.
    """
    if m < 0:
        raise ValueError(f"m must not be negative, got {m}")
    known = np.unique(np.asarray(rows, dtype=np.int64))
    return np.random.default_rng(seed).permutation(known)[:m]


def sample_within(group: Int64, rows: Int64, m: int, seed: int) -> Int64:
    """`m` rows of `group` in the order in which all of `rows` are drawn, int64 (min(m, size of the group),).

    For groups that grow and shrink, such as all rows above a threshold: a random sample of each, and those of two
    groups have as many rows in common as can be, so that moving the threshold does not draw again. Rows of `group` that
    are not among `rows` are never drawn. Raises ValueError for a negative m.
    """
    if m < 0:
        raise ValueError(f"m must not be negative, got {m}")
    drawn = sample(rows, len(rows), seed)
    return drawn[np.isin(drawn, group)][:m]


@lru_cache(maxsize=4096)
def interval(hits: int, asked: int, population: int, level: float = 0.95) -> Interval:
    """What `hits` of `asked` images, drawn from `population` without replacement, say about the population's share.

    The bounds are the smallest and the largest number of hits in the population under which a sample as rich, or as
    poor, as this one has at least the chance (1 − level)/2: they hold at least `level` of all times.
    asked = 0 says nothing: NaN, 0, 1. Raises ValueError unless 0 ≤ hits ≤ asked ≤ population and 0 < level < 1.
    """
    if not 0 <= hits <= asked <= population or not 0 < level < 1:
        raise ValueError(f"{hits} of {asked} of {population} at level {level} is no sample")
    if asked == 0:
        return Interval(float("nan"), 0.0, 1.0)
    # every hit that was seen is in the population, and so is every miss
    low, high = hits, population - (asked - hits)
    tail = (1 - level) / 2
    least = _first(low, high, lambda held: float(hypergeom.sf(hits - 1, population, held, asked)) > tail)
    above = _first(least, high + 1, lambda held: held > high or float(hypergeom.cdf(hits, population, held, asked)) <= tail)
    return Interval(hits / asked, least / population, (above - 1) / population)


def _first(low: int, high: int, holds: Callable[[int], bool]) -> int:
    """The first number of low…high for which `holds`, which stays so once it does; `high` where none before it does."""
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle + 1, high)
    return low
