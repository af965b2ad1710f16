"""Each artifact score against a plain loop written from its paper."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy.linalg import expm
from scipy.stats import chi2
from sklearn.cluster import KMeans

from core.scores import SCORES, by_need
from core.scores import scan as scan_module
from core.scores.scan import EM_ROUNDS, anomaly, identity_and_variation
from core.scores.spectre import ALPHA, AXES, KEPT, STEPS, trimmed_estimate
from tests.support.artifact_toys import Given, given_of

ARTIFACT_SCORES = by_need(SCORES, "probe")


def _early(given: Given) -> list[float]:
    return _above_class(given, [-float(loss) for loss in given.probe.early_loss])


def _learnability(given: Given) -> list[float]:
    return _above_class(given, [float(chance) for chance in given.probe.given])


def _above_class(given: Given, values: list[float]) -> list[float]:
    found = []
    for value, label in zip(values, given.labels, strict=True):
        inside = sorted(v for v, other in zip(values, given.labels, strict=True) if other == label)
        middle = (inside[(len(inside) - 1) // 2] + inside[len(inside) // 2]) / 2
        found.append(value - middle)
    return found


def _by_class(given: Given, of_class: Callable[[np.ndarray], list[float]]) -> list[float]:
    found = [float("nan")] * len(given.labels)
    for label in range(given.classes):
        rows = [row for row in range(len(given.labels)) if given.labels[row] == label]
        for row, value in zip(rows, of_class(np.array([given.probe.features[row] for row in rows], dtype=float)), strict=True):
            found[row] = value
    return found


def _spectral(given: Given) -> list[float]:
    def of_class(features: np.ndarray) -> list[float]:
        mean = sum(features) / len(features)
        v = np.linalg.svd(features - mean)[2][0]
        return [float((x - mean) @ v) ** 2 for x in features]

    squared = _by_class(given, of_class)
    return [value / float(np.median(squared)) for value in squared]


def _clustering(given: Given) -> list[float]:
    def of_class(features: np.ndarray) -> list[float]:
        centred = features - features.mean(0)
        reduced = centred @ np.linalg.svd(centred, full_matrices=False)[2][:10].T
        model = KMeans(2, n_init=60, random_state=0, tol=0).fit(reduced)
        sizes = [int((model.labels_ == i).sum()) for i in (0, 1)]
        large, small = (0, 1) if sizes[0] > sizes[1] else (1, 0)
        near, silhouettes = [], []
        for x in reduced:
            to = [math.dist(x, centre) for centre in model.cluster_centers_]
            near.append(to[large] / (to[large] + to[small]))
            silhouettes.append((max(to) - min(to)) / max(to))
        weight = sum(silhouettes) / len(silhouettes) * (1 - 2 * sizes[small] / len(reduced))
        return [weight * value for value in near]

    return _by_class(given, of_class)


def _em(clouds: list[np.ndarray], rounds: int) -> tuple[np.ndarray, np.ndarray]:
    """Covariances by the paper's own form of the E step: µ = Σ_i S_µ (F + m G) x_i, G = −(m S_µ + S_ε)⁻¹ S_µ F."""
    n = sum(len(cloud) for cloud in clouds)
    identities = [cloud.mean(0) for cloud in clouds]
    for _ in range(rounds + 1):
        su, se = np.zeros((2, clouds[0].shape[1], clouds[0].shape[1]))
        for cloud, identity in zip(clouds, identities, strict=True):
            for x in cloud:
                su += np.outer(identity, identity) / n
                se += np.outer(x - identity, x - identity) / n
        f = np.linalg.inv(se)
        identities = []
        for cloud in clouds:
            m = len(cloud)
            g = -np.linalg.inv(m * su + se) @ su @ f
            identities.append(sum(su @ (f + m * g) @ x for x in cloud))
    return su, se


def _untangled(cloud: np.ndarray, f: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The paper's rounds of linear discriminants, from many drawn starts; the likeliest pair of means, larger first."""
    rng, best, least = np.random.default_rng(0), None, math.inf
    for _ in range(60):
        group = rng.random(len(cloud)) < rng.uniform(0.1, 0.9)
        for _ in range(50):
            if group.all() or not group.any():
                break
            one, two = cloud[group].mean(0), cloud[~group].mean(0)
            bias = one @ f @ one - two @ f @ two
            group = np.array([bias - 2 * x @ f @ (one - two) < 0 for x in cloud])
        if group.all() or not group.any():
            continue
        cost = sum(min((x - u) @ f @ (x - u) for u in (one, two)) for x in cloud)
        if cost < least:
            best, least = ((two, one) if group.sum() <= len(cloud) / 2 else (one, two)), cost
    assert best is not None
    return best


def _scan(given: Given) -> list[float]:
    features = given.probe.features.astype(float)
    centred = features - features.mean(0)
    members = [np.flatnonzero(given.labels == label) for label in range(given.classes)]
    su, se = _em([centred[rows] for rows in members], EM_ROUNDS)
    f = np.linalg.inv(se)
    ratios, chances = [], []
    for rows in members:
        cloud = centred[rows]
        large, small = _untangled(cloud, f)
        one = su @ np.linalg.inv(len(rows) * su + se) @ cloud.sum(0)
        ratio, chance = 0.0, []
        for x in cloud:
            away = {key: (x - u) @ f @ (x - u) for key, u in (("one", one), ("large", large), ("small", small))}
            ratio += away["one"] - min(away["large"], away["small"])
            chance.append(math.exp(-away["small"] / 2) / (math.exp(-away["small"] / 2) + math.exp(-away["large"] / 2)))
        ratios.append(ratio / len(rows))
        chances.append(chance)
    middle = float(np.median(ratios))
    mad = 1.4826 * float(np.median([abs(ratio - middle) for ratio in ratios]))
    found = [float("nan")] * len(given.labels)
    for rows, ratio, chance in zip(members, ratios, chances, strict=True):
        for row, value in zip(rows, chance, strict=True):
            found[row] = math.log(1 + math.exp((ratio - middle) / mad - math.e**2)) * value
    return found


def _spectre(given: Given) -> list[float]:
    def distances(points: np.ndarray, mean: np.ndarray, covariance: np.ndarray) -> list[float]:
        return [float((x - mean) @ np.linalg.inv(covariance) @ (x - mean)) for x in points]

    def of_class(features: np.ndarray) -> list[float]:
        centred = features - features.mean(0)
        k = min(AXES, len(features) // 5, features.shape[1])
        points = centred @ np.linalg.svd(centred, full_matrices=False)[2][:k].T
        mean = np.median(points, axis=0)
        covariance = np.diag((1.4826 * np.median(abs(points - mean), axis=0)) ** 2)
        for _ in range(STEPS):
            order = np.argsort(distances(points, mean, covariance))
            near = points[order[: math.ceil(KEPT * len(points))]]
            mean, covariance = near.mean(0), np.cov(near.T, bias=True)
        covariance = covariance * np.median(distances(points, mean, covariance)) / chi2.ppf(0.5, k)
        root = np.linalg.inv(np.linalg.cholesky(covariance))
        white = [root @ (x - mean) for x in points]
        spread = np.cov(np.array(white).T, bias=True)
        q = expm(ALPHA * (spread - np.eye(k)) / (np.linalg.norm(spread, 2) - 1))
        return [float(x @ q @ x / np.trace(q)) for x in white]

    return _by_class(given, of_class)


LOOPS = {
    "early_learning": _early,
    "learnability": _learnability,
    "spectral_signature": _spectral,
    "activation_clustering": _clustering,
    "scan": _scan,
    "spectre": _spectre,
}


def two_groups_in_every_class() -> Given:
    """Five classes, each with a second group that lies apart, so that there is one best split, whoever searches."""
    rng = np.random.default_rng(1)
    labels = rng.permutation(np.repeat(np.arange(5), 40))
    features = rng.normal(0, 6, (5, 5))[labels] + rng.normal(size=(200, 5)) * np.array([1.2, 0.8, 1.0, 0.6, 1.1])
    for label, (share, shift) in enumerate([(10, 6.0), (14, 7.0), (12, 6.5), (8, 9.5), (15, 5.5)]):
        features[np.flatnonzero(labels == label)[:share], label] += shift
    return given_of(features, labels, 5)


@pytest.mark.parametrize("name", list(ARTIFACT_SCORES))
def test_agreement_with_a_loop(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    given = two_groups_in_every_class()
    # both sides take the same number of EM rounds
    monkeypatch.setattr(scan_module, "EM_TOLERANCE", 0.0)
    np.testing.assert_allclose(given.score(name), LOOPS[name](given), rtol=2e-4, atol=2e-6)


def test_the_covariances_of_identity_and_variation_are_recovered() -> None:
    rng = np.random.default_rng(0)
    true_identity, true_variation = np.diag([9.0, 1.0, 4.0]), np.diag([1.0, 2.0, 0.5])
    means = rng.multivariate_normal(np.zeros(3), true_identity, 400)
    clouds = [
        m + rng.multivariate_normal(np.zeros(3), true_variation, size) for m, size in zip(means, rng.integers(20, 60, 400), strict=True)
    ]
    identity, variation = identity_and_variation(clouds)
    np.testing.assert_allclose(identity, true_identity, atol=0.8)
    np.testing.assert_allclose(variation, true_variation, atol=0.1)


def test_a_class_stands_out_only_among_three_or_more_and_only_upwards() -> None:
    np.testing.assert_array_equal(anomaly([5.0, 1.0]), 0.0)
    index = anomaly([1.0, 1.2, 0.8, 1.1, 9.0, -9.0])
    assert index[4] > 7.4 and index[5] < -7.4
    np.testing.assert_array_equal(anomaly([2.0, 2.0, 2.0]), 0.0)


def test_half_of_a_class_does_not_move_the_trimmed_estimate() -> None:
    rng = np.random.default_rng(0)
    points = rng.normal(size=(2000, 3))
    points[:700] += 30.0
    mean, covariance = trimmed_estimate(points)
    assert np.linalg.norm(mean) < 0.3
    # the scale is brought to a Gaussian's by the median distance, which far rows push up
    assert np.linalg.cond(covariance) < 1.6
