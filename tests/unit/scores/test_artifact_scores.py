"""What every artifact score promises."""

from __future__ import annotations

import numpy as np
import pytest

from core.scores import SCORES, by_need
from core.types import UNLABELLED
from tests.support.artifact_toys import Given, given_of, planted
from tests.support.core_toys import auroc

ARTIFACT_SCORES = by_need(SCORES, "probe")

ON_FEATURES = ("spectral_signature", "activation_clustering", "scan", "spectre")
FEWEST = {"early_learning": 1, "learnability": 1, "spectral_signature": 3, "activation_clustering": 4, "scan": 4, "spectre": 10}


@pytest.fixture(params=list(ARTIFACT_SCORES))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_the_registry_is_covered() -> None:
    assert set(ARTIFACT_SCORES) == set(FEWEST)
    for entry in ARTIFACT_SCORES.values():
        assert entry.question.endswith("?") and entry.blind_to and entry.source


def test_shape_type_and_the_same_twice(name: str) -> None:
    given = planted()
    first, second = given.score(name), given.score(name)
    assert first.shape == given.labels.shape and first.dtype == np.float32
    assert np.isfinite(first).all()
    np.testing.assert_array_equal(first, second)
    assert (first >= 0).all() or name not in ON_FEATURES
    if name in ("learnability", "activation_clustering"):
        assert first.max() <= 1


@pytest.mark.parametrize("seed", range(3))
def test_higher_is_more_suspicious(name: str, seed: int) -> None:
    given = planted(seed=seed)
    assert auroc(given.bad, given.score(name)) > 0.95


@pytest.mark.parametrize("name", ON_FEATURES)
def test_rows_that_do_not_lie_apart_are_not_found(name: str) -> None:
    found = [auroc(g.bad, g.score(name)) for g in (planted(shift=0.0, seed=seed) for seed in range(8))]
    assert 0.3 < np.mean(found) < 0.7


def test_permuting_rows_permutes_scores(name: str) -> None:
    for given in (planted(), planted(shift=2.0, seed=4)):
        order = np.random.default_rng(5).permutation(len(given.labels))
        np.testing.assert_allclose(given.rows(order).score(name), given.score(name)[order], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", ON_FEATURES)
def test_neither_the_scale_nor_the_place_of_activations_matters(name: str) -> None:
    given = planted()
    moved = given_of(given.probe.features * 50.0 + 3.0, given.labels, given.classes, given.bad)
    np.testing.assert_allclose(moved.score(name), given.score(name), rtol=2e-2, atol=1e-4)


def test_unlabelled_rows_have_no_score_and_change_no_other(name: str) -> None:
    given = planted()
    labels = given.labels.copy()
    labels[::7] = UNLABELLED
    kept = np.flatnonzero(labels != UNLABELLED)
    found = Given(given.probe, labels, given.classes, given.bad).score(name)
    assert np.isnan(found[::7]).all() and np.isfinite(found[kept]).all()
    np.testing.assert_allclose(found[kept], given.rows(kept).score(name), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("name", ON_FEATURES)
def test_rows_without_activations_have_no_score(name: str) -> None:
    given = planted()
    features = given.probe.features.copy()
    features[3, 2], features[8] = np.inf, np.nan
    found = given_of(features, given.labels, given.classes).score(name)
    assert np.isnan(found[[3, 8]]).all() and np.isfinite(np.delete(found, [3, 8])).all()


def test_small_classes_are_not_scorable(name: str) -> None:
    given = planted(classes=4, size=40)
    labels = given.labels.copy()
    labels[labels == 3] = 0
    few = FEWEST[name] - 1
    labels[np.flatnonzero(labels == 1)[:few]] = 3
    found = Given(given.probe, labels, 4, given.bad).score(name)
    assert np.isnan(found[labels == 3]).all() and np.isfinite(found[labels != 3]).all()


@pytest.mark.parametrize("classes", [0, 1, 3])
@pytest.mark.parametrize("n", [0, 1, 3])
@pytest.mark.parametrize("label", [UNLABELLED, 0])
def test_tiny_sets(name: str, n: int, classes: int, label: int) -> None:
    if label >= classes:
        pytest.skip("no such class")
    features = np.random.default_rng(0).normal(size=(n, 6))
    found = given_of(features, np.full(n, label), classes).score(name)
    assert found.shape == (n,) and found.dtype == np.float32 and not np.isinf(found).any()
    if label == UNLABELLED:
        assert np.isnan(found).all()


def test_one_class_and_two_classes(name: str) -> None:
    for classes in (1, 2):
        given = planted(classes=3, size=60)
        only = given.rows(np.flatnonzero(given.labels >= 3 - classes))
        shifted = Given(only.probe, only.labels - (3 - classes), classes, only.bad)
        found = shifted.score(name)
        if classes == 1 and name == "learnability":
            assert np.isnan(found).all()
        elif classes == 1 and name == "scan":
            # the one class's own poison widens the variation that it is measured by
            assert np.isfinite(found).all()
        else:
            assert auroc(shifted.bad, found) > 0.9


@pytest.mark.parametrize("kind", ["alike", "alike in a class", "dead axes", "copies", "one odd row"])
def test_degenerate_activations(name: str, kind: str) -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(90) % 3
    features = {
        "alike": np.ones((90, 5)),
        "alike in a class": rng.normal(size=(3, 5))[labels],
        "dead axes": np.hstack([rng.normal(size=(90, 2)), np.zeros((90, 4))]),
        "copies": np.repeat(rng.normal(size=(15, 5)), 6, axis=0),
        "one odd row": np.vstack([np.full((1, 5), 9.0), np.zeros((89, 5))]),
    }[kind]
    given = given_of(features, labels, 3)
    assert np.isfinite(given.score(name)).all()
    if kind == "one odd row" and name in ON_FEATURES:
        assert given.score(name)[labels == 0].argmax() == 0
