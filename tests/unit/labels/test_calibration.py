"""A share of votes becomes the chance that it has in this very set."""

from __future__ import annotations

import numpy as np
import pytest

from core.labels.calibration import FEWEST_ROWS, chance_right


def told(rng: np.random.Generator, n: int, curve: object) -> tuple[np.ndarray, np.ndarray]:
    shares = rng.uniform(0.2, 1, n)
    return shares, rng.uniform(size=n) < curve(shares)  # type: ignore[operator]


@pytest.mark.parametrize("curve", [lambda s: s**3, lambda s: np.sqrt(s), lambda s: np.full_like(s, 0.9)])
def test_the_chance_is_what_the_set_shows(curve: object) -> None:
    rng = np.random.default_rng(0)
    known, right = told(rng, 5_000, curve)
    asked, truth = told(rng, 5_000, curve)
    found = chance_right(asked, known, right, np.ones(len(known)))
    bins = np.digitize(found, np.linspace(0, 1, 11))
    error = sum(abs(found[bins == b].mean() - truth[bins == b].mean()) * (bins == b).mean() for b in np.unique(bins))
    assert error < 0.03
    assert (np.diff(found[np.argsort(asked, kind="stable")]) >= -1e-9).all()


def test_a_few_rows_never_make_a_certainty() -> None:
    known = np.linspace(0.5, 1, 60)
    found = chance_right(np.array([1.0]), known, np.ones(60, bool), np.ones(60))
    assert 0.98 < found[0] < 1.0


def test_rows_whose_label_is_doubted_count_little_against_the_vote() -> None:
    known, right = np.full(200, 0.9), np.arange(200) >= 40
    sure = chance_right(np.array([0.9]), known, right, np.where(right, 1.0, 0.05))
    assert sure[0] > 0.97 > 0.85 > chance_right(np.array([0.9]), known, right, np.ones(200))[0]


def test_shares_stand_for_themselves_where_too_few_rows_tell() -> None:
    few = FEWEST_ROWS - 1
    shares = np.array([0.3, 0.7, np.nan])
    assert np.allclose(chance_right(shares, np.ones(few), np.ones(few, bool), np.ones(few)), [0.3, 0.7, 0.0])
