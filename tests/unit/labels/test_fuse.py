"""Suspicion, threshold and verdicts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from core.labels.fuse import DUPLICATE_AT, THRESHOLD, Fused, concentrated_labels, fuse
from core.labels.label_model import judge
from core.neighbours.vote import vote
from core.scores import SCORES, by_need
from core.types import UNLABELLED, VERDICTS, Evidence
from tests.support.core_toys import clusters, evidence, flipped, unit

CODES = {name: VERDICTS.index(name) for name in VERDICTS}


def fused(found: Evidence) -> Fused:
    scores = {name: score.function(found) for name, score in by_need(SCORES, "evidence").items()}
    wrong = judge(found.labels, len(found.classes), vote(found).shares).wrong
    return fuse(found.labels, len(found.classes), wrong, scores)


def quiet(n: int) -> dict[str, np.ndarray]:
    """Scores under which no row is an outlier or a copy."""
    return {"outlier": np.full(n, 0.3, np.float32), "near_duplicate": np.full(n, 0.3, np.float32)}


def test_an_attack_on_one_class_is_dirty_label_poison() -> None:
    vectors, true = clusters(10, 90, noise=0.8)
    labels, changed = flipped(true, 0.05, target=3)
    found = fused(evidence(vectors, labels, k=30))
    assert (found.verdicts[changed] == CODES["dirty_label_poison"]).mean() >= 0.9
    assert (found.verdicts[~changed] == CODES["dirty_label_poison"]).mean() <= 0.01


def test_spread_mistakes_are_label_noise() -> None:
    vectors, true = clusters(10, 90, noise=0.8)
    labels, changed = flipped(true, 0.05)
    found = fused(evidence(vectors, labels, k=30))
    assert (found.verdicts[changed] == CODES["label_noise"]).mean() >= 0.9
    assert not (found.verdicts == CODES["dirty_label_poison"]).any()


def test_a_clean_set_is_called_clean() -> None:
    vectors, labels = clusters(10, 60, noise=0.8, seed=3)
    found = fused(evidence(vectors, labels, k=30))
    assert (found.verdicts == CODES["clean"]).mean() >= 0.97
    assert (found.suspicion >= found.threshold).mean() <= 0.01


def test_far_rows_and_copies_are_told_from_clean_ones() -> None:
    vectors, labels = clusters(4, 60, noise=0.5, d=48)
    vectors[5] = unit(np.random.default_rng(99).normal(size=(1, 48)))
    copy, original = np.flatnonzero(labels == 2)[:2]
    vectors[copy] = vectors[original]
    labels[5] = UNLABELLED
    found = fused(evidence(vectors, labels))
    assert set(np.flatnonzero(found.verdicts == CODES["outlier"])) == {5}
    assert set(np.flatnonzero(found.verdicts == CODES["near_duplicate"])) == {copy, original}


def test_the_order_of_verdicts() -> None:
    """A copy that is also far out is a copy; a suspicious row is never called by its place."""
    scores = quiet(20)
    scores["outlier"][:3] = 1.5
    scores["near_duplicate"][1:4] = DUPLICATE_AT
    wrong = np.zeros(20, np.float32)
    wrong[2:5] = THRESHOLD
    found = fuse(np.arange(20) % 2, 2, wrong, scores)
    names = [VERDICTS[code] for code in found.verdicts[:6]]
    assert names == ["outlier", "near_duplicate", "label_noise", "label_noise", "label_noise", "clean"]
    assert found.verdicts.dtype == np.int8 and found.threshold == THRESHOLD


def test_a_label_is_aimed_at_when_it_collects_far_more_than_the_others() -> None:
    labels = np.repeat(np.arange(10), 50)
    suspicious = np.zeros(500, dtype=bool)
    suspicious[::25] = True  # two a label
    assert not concentrated_labels(labels, 10, suspicious).any()
    suspicious[100:130] = True
    assert concentrated_labels(labels, 10, suspicious).tolist() == [False] * 2 + [True] + [False] * 7
    few = np.zeros(500, dtype=bool)
    few[100:107] = True  # seven rows prove nothing
    assert not concentrated_labels(labels, 10, few).any()


@pytest.mark.parametrize("classes", [0, 3])
def test_a_set_without_labels(classes: int) -> None:
    vectors, labels = clusters(3, 20)
    found = fused(evidence(vectors, np.full_like(labels, UNLABELLED), classes=classes))
    assert (found.suspicion == 0).all()
    assert not np.isin(found.verdicts, [CODES["label_noise"], CODES["dirty_label_poison"]]).any()


def test_identical_images_are_copies_and_not_outliers() -> None:
    labels = np.arange(60, dtype=np.int64) % 3
    found = fused(evidence(unit(np.ones((60, 8))), labels, k=10))
    assert not (found.verdicts == CODES["outlier"]).any()
    assert (found.verdicts[found.suspicion < THRESHOLD] == CODES["near_duplicate"]).all()


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_anything_gives_values_in_range(data: st.DataObject) -> None:
    n, classes = data.draw(st.integers(1, 60)), data.draw(st.integers(0, 4))
    labels = data.draw(hnp.arrays(np.int64, n, elements=st.integers(UNLABELLED, classes - 1)))
    share = st.floats(0, 1, width=32) | st.just(float("nan"))
    wrong = np.where(labels < 0, np.nan, data.draw(hnp.arrays(np.float32, n, elements=share))).astype(np.float32)
    scores = {name: data.draw(hnp.arrays(np.float32, n, elements=share)) for name in ("outlier", "near_duplicate")}
    found = fuse(labels, classes, wrong, scores)
    assert found.suspicion.dtype == np.float32 and found.suspicion.shape == found.verdicts.shape == (n,)
    assert ((found.suspicion >= 0) & (found.suspicion <= 1)).all()
    assert ((found.verdicts >= 0) & (found.verdicts < len(VERDICTS))).all()
    assert not (found.verdicts == CODES["clean_label_poison"]).any()
    accused = np.isin(found.verdicts, [CODES["label_noise"], CODES["dirty_label_poison"]])
    np.testing.assert_array_equal(accused, found.suspicion >= found.threshold)
