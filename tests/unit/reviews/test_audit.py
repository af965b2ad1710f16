"""The audit: its sample, its interval, and what it offers to decide."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import beta, binom, hypergeom

from core.reviews.audit import interval, sample, sample_within, seed_of
from core.types import Suggestions
from tests.support.component_harness.fake import make_inspection
from ui.widgets.audit import audit_note, sizes
from ui.widgets.carrier_audit import CARRIERS, actions

DATA = "d" * 32

# ---- the sample


def test_a_sample_is_the_same_for_everybody_and_grows_by_its_end():
    rows = np.arange(100, 198)
    seed = seed_of(DATA, "t1")
    drawn = sample(rows, 20, seed)
    assert drawn.dtype == np.int64 and len(set(drawn.tolist())) == 20 and set(drawn.tolist()) <= set(rows.tolist())
    # whoever lists the rows in another order gets the same sample
    assert np.array_equal(drawn, sample(rows[::-1], 20, seed_of(DATA, "t1")))
    assert np.array_equal(drawn, sample(rows, 50, seed)[:20])
    assert sorted(sample(rows, 1000, seed).tolist()) == rows.tolist()
    assert len(sample(rows[:0], 20, seed)) == 0 == len(sample(rows, 0, seed))
    with pytest.raises(ValueError, match="negative"):
        sample(rows, -1, seed)


def test_a_group_that_grows_and_shrinks_is_not_drawn_again():
    rows, seed = np.arange(1000), seed_of(DATA, "proposals")
    large = sample_within(rows[300:], rows, 20, seed)
    small = sample_within(rows[320:], rows, 20, seed)
    assert len(large) == len(small) == 20 and large.min() >= 300 and small.min() >= 320
    # what is in both groups stays in the sample, in the same order
    kept = large[large >= 320]
    assert len(kept) >= 15 and np.array_equal(small[: len(kept)], kept)
    assert sorted(sample_within(rows[990:], rows, 20, seed).tolist()) == list(range(990, 1000))
    assert len(sample_within(rows[:0], rows, 20, seed)) == 0
    with pytest.raises(ValueError, match="negative"):
        sample_within(rows, rows, -1, seed)


def test_every_row_of_a_group_is_drawn_equally_often():
    times = np.zeros(60)
    for seed in range(3000):
        times[sample_within(np.arange(30), np.arange(60), 10, seed)] += 1
    assert np.abs(times[:30] - 1000).max() < 5 * 25.8 and times[30:].sum() == 0


def test_another_set_or_another_pattern_has_another_sample():
    rows = np.arange(1000)
    drawn = {tuple(sample(rows, 20, seed_of(*name)).tolist()) for name in ((DATA, "t1"), (DATA, "t2"), ("e" * 32, "t1"))}
    assert len(drawn) == 3


def test_every_row_is_drawn_equally_often():
    times = np.zeros(30)
    for seed in range(3000):
        times[sample(np.arange(30), 10, seed)] += 1
    # 1000 expected, standard deviation 25.8
    assert np.abs(times - 1000).max() < 5 * 25.8


# ---- the interval


@pytest.mark.parametrize(("hits", "asked"), [(19, 20), (20, 20), (0, 20), (5, 10), (49, 50), (1, 1)])
def test_a_large_group_has_the_interval_of_clopper_and_pearson(hits, asked):
    found = interval(hits, asked, 10**8)
    low = beta.ppf(0.025, hits, asked - hits + 1) if hits else 0.0
    high = beta.ppf(0.975, hits + 1, asked - hits) if hits < asked else 1.0
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-5)
    assert found.share == hits / asked


def test_known_values():
    # Clopper & Pearson's own tails: 19 of 20 at 95 % is 75.13 … 99.87 %
    found = interval(19, 20, 10**8)
    assert (round(100 * found.low, 2), round(100 * found.high, 2)) == (75.13, 99.87)
    assert interval(98, 98, 98) == interval(98, 98, 98, 0.5)
    assert (interval(97, 98, 98).low, interval(97, 98, 98).high) == (97 / 98, 97 / 98)
    nothing = interval(0, 0, 9)
    assert np.isnan(nothing.share) and (nothing.low, nothing.high) == (0, 1)


@pytest.mark.parametrize(("population", "asked"), [(12, 5), (30, 10), (98, 20)])
def test_the_interval_is_what_trying_every_number_finds(population, asked):
    for hits in range(asked + 1):
        fits = [
            held
            for held in range(population + 1)
            if hypergeom.sf(hits - 1, population, held, asked) > 0.025 and hypergeom.cdf(hits, population, held, asked) > 0.025
        ]
        found = interval(hits, asked, population)
        assert (round(found.low * population), round(found.high * population)) == (min(fits), max(fits))


@pytest.mark.parametrize("held", [0, 3, 30, 60, 90, 97, 98])
def test_the_interval_holds_the_truth_at_least_as_often_as_it_says(held):
    """By drawing: `held` of 98 carriers are poisoned, 1,500 audits of 20, each with a sample of its own."""
    poisoned = np.arange(98) < held
    covered = 0
    for seed in range(1500):
        found = interval(int(poisoned[sample(np.arange(98), 20, seed)].sum()), 20, 98)
        covered += found.low <= held / 98 <= found.high
    # were the coverage only just 95 %, so few would be seen less than once in a million times
    assert covered >= binom.ppf(1e-6, 1500, 0.95)


def test_an_interval_that_is_too_narrow_would_be_noticed():
    """The normal approximation says that all are poisoned after 20 of 20; the same drawing finds it out."""
    poisoned = np.arange(98) < 90
    covered = 0
    for seed in range(1500):
        share = poisoned[sample(np.arange(98), 20, seed)].mean()
        covered += abs(share - 90 / 98) <= 1.96 * np.sqrt(share * (1 - share) / 20)
    assert covered < binom.ppf(1e-6, 1500, 0.95)


@pytest.mark.parametrize("bad", [(3, 2, 5), (-1, 2, 5), (1, 6, 5)])
def test_what_is_no_sample_is_refused(bad):
    with pytest.raises(ValueError, match="no sample"):
        interval(*bad)
    with pytest.raises(ValueError, match="level"):
        interval(1, 2, 3, 1.0)


# ---- what is offered


def test_sizes_and_notes():
    assert sizes(400) == [10, 20, 50] and sizes(15) == [10, 15] and sizes(3) == [3] and sizes(0) == []
    assert audit_note("t1", 19, 20, 10**7, CARRIERS) == "t1, audit: 19 of 20 poisoned, 95 % interval 75–100 % of 10000000"
    assert audit_note("t2", 5, 6, 6, CARRIERS) == "t2, audit: 5 of 6 poisoned, every triggered image was looked at"


def test_each_carrier_gets_its_own_suggestion_and_the_rest_stays():
    inspection = make_inspection(60)
    finding = inspection.findings[0]
    proposed = inspection.suggestions.labels.copy()
    first, second = finding.rows[:2]
    proposed[first], proposed[second] = -1, inspection.dataset.labels[second]
    inspection = replace(inspection, suggestions=Suggestions(proposed, inspection.suggestions.confidence.copy()))
    relabel = next(action for action in actions(inspection, finding) if action["action"] == "relabel")
    assert relabel["rows"] == finding.rows[2:].tolist()
    assert relabel["labels"] == proposed[finding.rows[2:]].tolist()
    assert "2 have no suggestion" in relabel["says"] or len(finding.rows) == 2
