"""What every score promises, and each one against a plain loop written from its own docstring."""

from __future__ import annotations

import math

import numpy as np
import pytest

from core.neighbours.vote import FLOOR, TEMPERATURES, vote
from core.scores import SCORES as ALL
from core.scores import by_need
from core.types import UNLABELLED, Evidence
from tests.support.core_toys import auroc, clusters, evidence, flipped, permuted, unit

SCORES = by_need(ALL, "evidence")
LABEL_SCORES = ("knn_disagreement", "label_distance_ratio")


@pytest.fixture(params=list(SCORES))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def noisy(seed: int = 0) -> Evidence:
    """Six clusters, 10 % wrong labels, 5 % unlabelled, a few exact copies."""
    vectors, labels = clusters(6, 40, noise=0.9, seed=seed)
    given, _ = flipped(labels, 0.1)
    given[::20] = UNLABELLED
    vectors[50:55] = vectors[60:65]
    return evidence(vectors, given, classes=6)


def planted(name: str) -> tuple[Evidence, np.ndarray]:
    """Evidence in which some rows deserve a high score of this name, and which."""
    rng = np.random.default_rng(3)
    vectors, labels = clusters(6, 60, noise=0.6)
    bad = np.zeros(len(labels), dtype=bool)
    if name in LABEL_SCORES:
        labels, bad = flipped(labels, 0.05)
    else:
        bad[rng.choice(len(labels), 18, replace=False)] = True
        if name == "outlier":
            vectors[bad] = unit(rng.normal(size=(18, vectors.shape[1])))
        else:
            rows = np.flatnonzero(bad)
            vectors[rows[9:]] = vectors[rows[:9]]
    return evidence(vectors, labels), bad


def test_the_registry_is_covered() -> None:
    assert set(SCORES) == {*LABEL_SCORES, "outlier", "near_duplicate"} == set(LOOPS)
    assert all(score.question.endswith("?") and score.blind_to for score in SCORES.values())


def test_shape_type_range_and_the_same_twice(name: str) -> None:
    given = noisy()
    first, second = SCORES[name].function(given), SCORES[name].function(given)
    assert first.shape == (len(given),) and first.dtype == np.float32
    assert not np.isinf(first).any()
    np.testing.assert_array_equal(first, second)
    known = first[np.isfinite(first)]
    assert len(known) and known.min() >= -1e-6 and known.max() <= (2.0 if name == "outlier" else 1.0)


def test_higher_is_more_suspicious(name: str) -> None:
    given, bad = planted(name)
    assert auroc(bad, SCORES[name].function(given)) > 0.9


def test_permuting_rows_permutes_scores(name: str) -> None:
    given = noisy()
    order = np.random.default_rng(5).permutation(len(given))
    score = SCORES[name].function
    np.testing.assert_allclose(score(permuted(given, order)), score(given)[order], rtol=1e-5, atol=1e-6)


def test_unlabelled_rows_have_no_label_score_and_change_no_other(name: str) -> None:
    given = noisy()
    unlabelled = given.labels == UNLABELLED
    found = SCORES[name].function(given)
    assert unlabelled.any() and np.isnan(found[unlabelled]).all() == (name in LABEL_SCORES)
    assert np.isfinite(found[~unlabelled]).all()


def test_agreement_with_a_loop(name: str) -> None:
    given = noisy(seed=2)
    expected = LOOPS[name](given)
    np.testing.assert_allclose(SCORES[name].function(given), expected, rtol=1e-4, atol=2e-6)


@pytest.mark.parametrize("classes", [0, 3])
def test_a_set_without_labels(name: str, classes: int) -> None:
    vectors, labels = clusters(3, 20)
    found = SCORES[name].function(evidence(vectors, np.full_like(labels, UNLABELLED), classes=classes))
    assert found.shape == (60,) and found.dtype == np.float32
    assert np.isnan(found).all() if name in LABEL_SCORES else np.isfinite(found).all()


@pytest.mark.parametrize("labels", [[0, 1, 0], [0, 1, 2], [0, 0, UNLABELLED], [UNLABELLED, 0, 1]])
@pytest.mark.parametrize("k", [1, 2, 50])
def test_three_rows(name: str, labels: list[int], k: int) -> None:
    vectors = unit(np.array([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0]]))
    found = SCORES[name].function(evidence(vectors, np.array(labels), k=k, classes=3))
    assert found.shape == (3,) and found.dtype == np.float32 and not np.isinf(found).any()


def test_one_neighbour(name: str) -> None:
    vectors, labels = clusters(4, 30)
    found = SCORES[name].function(evidence(vectors, labels, k=1))
    assert np.isfinite(found).all()


def test_no_neighbours_at_all(name: str) -> None:
    vectors, labels = clusters(3, 4)
    nobody = Evidence(labels, ("a", "b", "c"), vectors, np.empty((12, 0), np.int32), np.empty((12, 0), np.float32))
    found = SCORES[name].function(nobody)
    assert found.shape == (12,) and found.dtype == np.float32 and not np.isinf(found).any()


def test_identical_vectors(name: str) -> None:
    labels = np.arange(60, dtype=np.int64) % 3
    found = SCORES[name].function(evidence(unit(np.ones((60, 8))), labels, k=10))
    assert np.isfinite(found).all()
    if name == "near_duplicate":
        np.testing.assert_array_equal(found, 1.0)
    if name == "outlier":
        np.testing.assert_allclose(found, 0.0, atol=1e-6)
    if name == "label_distance_ratio":
        np.testing.assert_array_equal(found, 0.5)


def test_the_nearest_row_of_a_label_is_found_beyond_the_list_of_neighbours() -> None:
    # with two neighbours a row, no list holds a row of another label
    vectors, labels = clusters(2, 30, noise=0.1)
    short, full = evidence(vectors, labels, k=2), evidence(vectors, labels, k=59)
    assert (short.labels[short.neighbours] == short.labels[:, None]).all()
    ratio = SCORES["label_distance_ratio"].function
    np.testing.assert_allclose(ratio(short), ratio(full), rtol=1e-4, atol=1e-6)


def test_a_class_of_one_has_no_distance_ratio() -> None:
    vectors, labels = clusters(2, 10)
    labels = labels.copy()
    labels[4] = 2
    found = SCORES["label_distance_ratio"].function(evidence(vectors, labels))
    assert np.isnan(found[4]) and np.isfinite(np.delete(found, 4)).all()


def test_shares_sum_to_one_and_the_temperature_is_the_likeliest() -> None:
    given = noisy()
    chosen = vote(given)
    shares = chosen.shares(np.arange(len(given)))
    np.testing.assert_allclose(shares.sum(axis=1), 1.0, rtol=1e-5)
    assert shares.min() >= FLOOR / 6 * 0.999
    likelihood = {
        t: sum(math.log(1 - _disagreement(given, row, t)) for row in range(len(given)) if given.labels[row] >= 0) for t in TEMPERATURES
    }
    assert chosen.temperature == max(likelihood, key=lambda t: likelihood[t])


# ---- the same formulas as loops ------------------------------------------------------------------


def _disagreement(given: Evidence, row: int, temperature: float) -> float:
    if given.labels[row] == UNLABELLED:
        return math.nan
    votes = [0.0] * len(given.classes)
    for neighbour, s in zip(given.neighbours[row], given.similarity[row], strict=True):
        if given.labels[neighbour] != UNLABELLED:
            votes[given.labels[neighbour]] += math.exp((float(s) - float(given.similarity[row, 0])) / temperature)
    share = votes[given.labels[row]] / sum(votes)
    return 1 - (share * (1 - FLOOR) + FLOOR / len(votes))


def _knn_disagreement(given: Evidence) -> list[float]:
    return [_disagreement(given, row, vote(given).temperature) for row in range(len(given))]


def _row_distance_ratio(given: Evidence, row: int) -> float:
    same = other = math.inf
    for i in range(len(given)):
        if i == row or UNLABELLED in (given.labels[i], given.labels[row]):
            continue
        distance = max(1 - float(given.vectors[i] @ given.vectors[row]), 0.0)
        if given.labels[i] == given.labels[row]:
            same = min(same, distance)
        else:
            other = min(other, distance)
    return math.nan if math.inf in (same, other) else same**2 / (same**2 + other**2)


def _distance_ratio(given: Evidence) -> list[float]:
    return [_row_distance_ratio(given, row) for row in range(len(given))]


def _outlier(given: Evidence) -> list[float]:
    found = []
    for row in range(len(given)):
        distances = sorted(1 - float(given.vectors[i] @ given.vectors[row]) for i in range(len(given)) if i != row)
        found.append(sum(distances[:10]) / 10)
    return found


def _near_duplicate(given: Evidence) -> list[float]:
    nearest_rows = []
    for row in range(len(given)):
        gap = min(math.dist(given.vectors[i].tolist(), given.vectors[row].tolist()) for i in range(len(given)) if i != row)
        nearest_rows.append(0.0 if gap < 1e-3 else gap)
    typical = float(np.median(nearest_rows))
    return [math.exp(-gap / typical) for gap in nearest_rows]


LOOPS = {
    "knn_disagreement": _knn_disagreement,
    "label_distance_ratio": _distance_ratio,
    "outlier": _outlier,
    "near_duplicate": _near_duplicate,
}
