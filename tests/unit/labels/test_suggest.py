"""Suggested labels and P(label wrong): found mistakes, silence on clean sets, calibration, and any input at all."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from core.labels.label_model import Judgement, judge, local_false_discovery_rate
from core.neighbours.vote import vote
from core.types import UNLABELLED, Evidence
from tests.support.core_toys import auroc, clusters, evidence, flipped, permuted

NOISES = (0.2, 0.5, 0.8)


def judged(found: Evidence) -> Judgement:
    return judge(found.labels, len(found.classes), vote(found).shares)


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("seed", range(3))
def test_flipped_labels_are_found_and_named_rightly(noise: float, seed: int) -> None:
    vectors, true = clusters(10, 60, noise=noise, seed=seed)
    labels, changed = flipped(true, 0.05, seed=seed)
    found = judged(evidence(vectors, labels, k=30))
    assert auroc(changed, found.wrong) > 0.99
    assert (found.wrong[changed] >= 0.5).mean() >= 0.9
    assert (found.suggestions.labels == true)[changed].mean() >= 0.95
    # a narrow bulk must not be taken apart: honest rows stay unsuspected
    assert (found.wrong[~changed] >= 0.5).mean() <= 0.01


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("seed", range(3))
def test_labels_flipped_to_one_class_are_found(noise: float, seed: int) -> None:
    vectors, true = clusters(10, 90, noise=noise, seed=seed)
    labels, changed = flipped(true, 0.05, target=3, seed=seed)
    found = judged(evidence(vectors, labels, k=30))
    assert (found.wrong[changed] >= 0.5).mean() >= 0.9
    assert (found.suggestions.labels == true)[changed].mean() >= 0.95
    assert (found.wrong[~changed] >= 0.5).mean() <= 0.01


@pytest.mark.parametrize("noise", (*NOISES, 1.2))
@pytest.mark.parametrize("classes", [2, 10])
def test_a_clean_set_raises_no_alarm(noise: float, classes: int) -> None:
    vectors, labels = clusters(classes, 600 // classes, noise=noise, seed=5)
    found = judged(evidence(vectors, labels, k=30))
    # at 1.2 the clusters touch, and some rows truly lie in another one
    assert (found.wrong >= 0.5).mean() <= (0.01 if noise < 1 else 0.025)
    assert (found.suggestions.labels == labels).mean() >= 0.98


@pytest.mark.parametrize("noise", [0.5, 0.9, 1.2])
def test_high_confidence_is_earned(noise: float) -> None:
    right = total = 0
    for seed in range(4):
        vectors, true = clusters(8, 60, noise=noise, seed=seed)
        labels, _ = flipped(true, 0.08, seed=seed)
        suggestions = judged(evidence(vectors, labels, k=30)).suggestions
        sure = (suggestions.labels != labels) & (suggestions.confidence > 0.9)
        right, total = right + int((suggestions.labels == true)[sure].sum()), total + int(sure.sum())
    assert total >= 10 and right / total >= 0.8


def test_an_error_rate_is_fitted_per_label() -> None:
    vectors, true = clusters(10, 80, noise=0.8)
    labels, _ = flipped(true, 0.05, target=2)
    rates = judged(evidence(vectors, labels, k=30)).model.error_rate
    assert rates.shape == (10,) and ((rates >= 0) & (rates < 1)).all()
    assert rates.argmax() == 2


def test_unlabelled_rows_get_a_label_by_content_and_are_never_wrong() -> None:
    vectors, true = clusters(6, 50, noise=0.5)
    labels = true.copy()
    labels[::3] = UNLABELLED
    found = judged(evidence(vectors, labels))
    none = labels == UNLABELLED
    assert np.isnan(found.wrong[none]).all() and np.isfinite(found.wrong[~none]).all()
    assert (found.suggestions.labels == true)[none].mean() > 0.98
    assert (found.suggestions.confidence[none] > 0.5).all()


@pytest.mark.parametrize("classes", [0, 3])
def test_without_a_label_there_is_no_suggestion(classes: int) -> None:
    vectors, labels = clusters(3, 20)
    found = judged(evidence(vectors, np.full_like(labels, UNLABELLED), classes=classes))
    assert (found.suggestions.labels == UNLABELLED).all()
    assert np.isnan(found.suggestions.confidence).all() and np.isnan(found.wrong).all()


def test_a_row_among_unlabelled_neighbours_keeps_its_peace() -> None:
    vectors, labels = clusters(3, 20, noise=0.2)
    alone = labels.copy()
    inside = np.flatnonzero(labels == 1)
    alone[inside[1:]] = UNLABELLED
    found = judged(evidence(vectors, alone, k=10))
    assert found.suggestions.labels[inside[0]] == UNLABELLED
    assert found.wrong[inside[0]] < 0.5


def test_permuting_rows_permutes_judgements() -> None:
    vectors, true = clusters(6, 60, noise=0.9)
    before = evidence(vectors, flipped(true, 0.1)[0])
    order = np.random.default_rng(0).permutation(len(before))
    one, other = judged(before), judged(permuted(before, order))
    np.testing.assert_array_equal(other.suggestions.labels, one.suggestions.labels[order])
    np.testing.assert_allclose(other.wrong, one.wrong[order], atol=1e-5)


# ---- the local false discovery rate alone ------------------------------------------------------------

margins = hnp.arrays(np.float64, st.integers(1, 150), elements=st.floats(-12, 12))


@settings(max_examples=60, deadline=None)
@given(margins, st.floats(-5, 9), st.floats(0.5, 4))
def test_the_rate_is_a_chance_that_never_falls_with_the_margin(margin: np.ndarray, centre: float, spread: float) -> None:
    rate = local_false_discovery_rate(margin, centre, spread)
    assert rate.shape == margin.shape and rate.min() >= 0 and rate.max() <= 1
    order = np.argsort(margin, kind="stable")
    assert (np.diff(rate[order]) >= 0).all()
    assert (rate[margin >= 0] == 1).all() and (rate[margin >= centre] == 1).all()


def test_the_rate_is_low_where_rows_lie_that_the_bulk_does_not_explain() -> None:
    rng = np.random.default_rng(0)
    bulk, wrong = rng.normal(3, 1, 2000), rng.normal(-4, 0.5, 100)
    rate = local_false_discovery_rate(np.concatenate([bulk, wrong]), 3.0, 1.0)
    assert rate[2000:].max() < 0.05
    assert (rate[:2000] < 0.5).mean() < 0.005


def test_a_normal_bulk_alone_is_explained() -> None:
    rate = local_false_discovery_rate(np.random.default_rng(1).normal(-1, 1, 5000), -1.0, 1.0)
    assert (rate < 0.5).mean() < 0.01


def test_few_rows_accuse_nobody() -> None:
    assert (local_false_discovery_rate(np.array([3.0] * 40 + [-9.0] * 9), 3.0, 1.0) == 1).all()


# ---- anything at all ---------------------------------------------------------------------------------


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_any_labels_and_neighbours_give_values_in_range(data: st.DataObject) -> None:
    n, classes = data.draw(st.integers(3, 80)), data.draw(st.integers(1, 5))
    k = data.draw(st.integers(1, min(n - 1, 6)))
    labels = data.draw(hnp.arrays(np.int64, n, elements=st.integers(UNLABELLED, classes - 1)))
    steps = data.draw(hnp.arrays(np.int32, (n, k), elements=st.integers(1, n - 1)))
    neighbours = ((np.arange(n)[:, None] + steps) % n).astype(np.int32)
    similarity = -np.sort(-data.draw(hnp.arrays(np.float32, (n, k), elements=st.floats(-1, 1, width=32))), axis=1)
    found = judged(Evidence(labels, tuple("abcde"[:classes]), np.ones((n, 1), np.float32), neighbours, similarity))
    labelled = labels != UNLABELLED
    assert np.isnan(found.wrong[~labelled]).all()
    assert ((found.wrong[labelled] >= 0) & (found.wrong[labelled] <= 1)).all()
    suggested, confidence = found.suggestions.labels, found.suggestions.confidence
    assert suggested.min() >= UNLABELLED and suggested.max() < classes
    assert (np.isnan(confidence) == (suggested == UNLABELLED)).all()
    assert ((confidence >= 0) & (confidence <= 1) | np.isnan(confidence)).all()
    assert found.wrong.dtype == confidence.dtype == np.float32 and suggested.dtype == np.int64
