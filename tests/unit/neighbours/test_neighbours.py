"""The kNN graph against brute force, with exact duplicates in the data."""

from __future__ import annotations

import numpy as np
import pytest

from core.neighbours import graph as neighbours
from core.neighbours.graph import nearest
from tests.support.core_toys import clusters, unit

METHODS = ("flat", "shortlist")


@pytest.fixture(autouse=True, params=[4096, 250], ids=["one block", "many blocks"])
def block(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows are searched in blocks; small sets would otherwise never see a second one."""
    monkeypatch.setattr(neighbours, "BLOCK", request.param)


def brute(vectors: np.ndarray) -> np.ndarray:
    """Cosine of every pair in float64, minus infinity for a row and itself."""
    similarity = vectors.astype(np.float64) @ vectors.astype(np.float64).T
    np.fill_diagonal(similarity, -np.inf)
    return similarity


def with_copies(n: int = 400, d: int = 16, seed: int = 0) -> np.ndarray:
    """Random rows among which are pairs, a group of five and a group of 40 exact copies."""
    rng = np.random.default_rng(seed)
    vectors = unit(rng.normal(size=(n, d)))
    rows = rng.permutation(n)
    vectors[rows[0:20]] = vectors[rows[20:40]]
    vectors[rows[40:45]] = vectors[rows[45]]
    vectors[rows[50:90]] = vectors[rows[50]]
    return vectors


def check(vectors: np.ndarray, found: np.ndarray, similarity: np.ndarray, k: int) -> None:
    """What every graph promises."""
    n = len(vectors)
    k = min(k, n - 1)
    assert found.shape == similarity.shape == (n, k)
    assert found.dtype == np.int32 and similarity.dtype == np.float32
    assert not (found == np.arange(n)[:, None]).any(), "a row is its own neighbour"
    assert all(len(set(row)) == k for row in found.tolist()), "a neighbour is named twice"
    assert (np.diff(similarity, axis=1) <= 0).all(), "similarity rises"
    assert similarity.min() >= -1 and similarity.max() <= 1
    ties = np.diff(similarity, axis=1) == 0
    assert (np.diff(found, axis=1)[ties] > 0).all(), "equal similarities out of row order"
    true = np.einsum("nkd,nd->nk", vectors[found].astype(float), vectors.astype(float))
    np.testing.assert_allclose(similarity, true, atol=2e-6)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("k", [1, 7, 60])
def test_equals_brute_force_with_exact_copies(method: str, k: int) -> None:
    vectors = with_copies()
    found, similarity = nearest(vectors, k, method=method)
    check(vectors, found, similarity, k)
    cosine = brute(vectors)
    expected = -np.sort(-cosine, axis=1)[:, :k]
    np.testing.assert_allclose(similarity, expected, atol=2e-6)
    for row, listed in enumerate(found):
        # what lies clearly above the last place has to be there; among more copies than places any will do
        assert set(np.flatnonzero(cosine[row] > expected[row, -1] + 1e-5)) <= set(listed)


@pytest.mark.parametrize("method", METHODS)
def test_more_copies_than_neighbours(method: str) -> None:
    vectors = unit(np.ones((200, 4)))
    vectors[150:] = unit(np.array([[1.0, -1.0, 1.0, -1.0]]))
    found, similarity = nearest(vectors, 10, method=method)
    check(vectors, found, similarity, 10)
    np.testing.assert_allclose(similarity, 1.0, atol=1e-6)
    assert (found[:150] < 150).all() and (found[150:] >= 150).all()


def near_copies() -> np.ndarray:
    base, _ = clusters(40, 75, noise=0.3, d=32)
    rng = np.random.default_rng(0)
    base[1500:] = unit(base[:1500] + 1e-4 * rng.normal(size=(1500, 32)))
    return base


HARD_SETS = {
    "random": lambda: unit(np.random.default_rng(1).normal(size=(3000, 48))),
    "clustered": lambda: clusters(30, 100, noise=0.2, d=32)[0],
    "near copies": near_copies,
}


@pytest.mark.parametrize("kind", list(HARD_SETS))
def test_the_shortlist_loses_nothing(kind: str) -> None:
    vectors = HARD_SETS[kind]()
    flat, flat_similarity = nearest(vectors, 20, method="flat")
    shortlist, shortlist_similarity = nearest(vectors, 20, method="shortlist")
    check(vectors, shortlist, shortlist_similarity, 20)
    np.testing.assert_allclose(shortlist_similarity, flat_similarity, atol=1e-6)
    lost = [row for row in range(len(vectors)) if set(flat[row]) != set(shortlist[row])]
    # a different row is right only where it is just as near
    for row in lost:
        other = np.setxor1d(flat[row], shortlist[row])
        assert np.ptp(vectors[other].astype(float) @ vectors[row]) < 1e-6


def test_the_shortlist_needs_its_second_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the search of doubtful rows the shortlist does lose neighbours here, so the test above can fail."""
    vectors = np.concatenate([unit(np.ones((400, 32)) + 1e-3 * np.random.default_rng(i).normal(size=(400, 32))) for i in range(2)])
    right = nearest(vectors, 20, method="shortlist")[1]
    monkeypatch.setattr(neighbours, "ROUNDING", -1.0)  # every row counts as clear
    wrong = nearest(vectors, 20, method="shortlist")[1]
    np.testing.assert_allclose(right, nearest(vectors, 20, method="flat")[1], atol=1e-6)
    assert (wrong < right - 1e-7).any()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("n", [1, 2, 3, 5])
@pytest.mark.parametrize("k", [1, 4, 1000])
def test_few_rows(method: str, n: int, k: int) -> None:
    vectors = unit(np.random.default_rng(n).normal(size=(n, 3)))
    found, similarity = nearest(vectors, k, method=method)
    assert found.shape == similarity.shape == (n, min(k, n - 1))
    if n > 1:
        check(vectors, found, similarity, k)


@pytest.mark.parametrize("method", METHODS)
def test_progress_ends_at_the_number_of_rows_and_nothing_is_changed(method: str) -> None:
    vectors = with_copies(3000)
    before, seen = vectors.copy(), []
    nearest(vectors, 5, method=method, progress=lambda done, total: seen.append((done, total)))
    np.testing.assert_array_equal(vectors, before)
    assert seen[-1] == (3000, 3000) and [done for done, _ in seen] == sorted(done for done, _ in seen)
