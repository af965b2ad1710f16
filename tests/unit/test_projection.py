"""The map: shape, repeatability, what happens without structure, and silence on stdout."""

from __future__ import annotations

import numpy as np
import pytest

from core.neighbours.graph import nearest
from core.projection import principal_components, project
from tests.support.core_toys import clusters, unit


def mapped(vectors: np.ndarray, k: int = 15, **more: object) -> tuple[np.ndarray, str]:
    return project(vectors, *nearest(vectors, k), **more)


@pytest.mark.slow
def test_a_map_is_finite_repeatable_and_keeps_clusters_apart(capfd: pytest.CaptureFixture[str]) -> None:
    vectors, labels = clusters(3, 40, noise=0.3)
    seen: list[tuple[int, int]] = []
    xy, method = mapped(vectors, seed=1, progress=lambda done, total: seen.append((done, total)))
    assert method == "umap" and xy.shape == (120, 2) and xy.dtype == np.float32 and np.isfinite(xy).all()
    assert seen[-1] == (500, 500) and [done for done, _ in seen] == sorted(done for done, _ in seen)
    # without a listener the same bytes come out, with another seed others
    np.testing.assert_array_equal(mapped(vectors, seed=1)[0], xy)
    assert (mapped(vectors, seed=2)[0] != xy).any()
    out, err = capfd.readouterr()
    assert out == "" and err == ""
    centres = np.stack([xy[labels == c].mean(axis=0) for c in range(3)])
    nearest_centre = np.linalg.norm(xy[:, None] - centres, axis=2).argmin(axis=1)
    assert (nearest_centre == labels).mean() > 0.98


def test_fewer_neighbours_than_umap_wants() -> None:
    xy, method = mapped(clusters(2, 20)[0], k=3)
    assert method == "umap" and xy.shape == (40, 2) and np.isfinite(xy).all()


@pytest.mark.parametrize(
    ("vectors", "k"),
    [
        (clusters(2, 7)[0], 10),
        (clusters(1, 3)[0], 2),
        (clusters(2, 20)[0], 1),
        (unit(np.ones((40, 6))), 15),
        (np.ones((40, 1), dtype=np.float32), 15),
        (unit(np.eye(4)[np.arange(40) % 2]), 15),
        (np.ones((1, 3), dtype=np.float32), 5),
    ],
    ids=["14 rows", "3 rows", "1 neighbour", "identical", "identical, flat", "two points", "1 row"],
)
def test_without_structure_principal_components_are_drawn(vectors: np.ndarray, k: int) -> None:
    xy, method = mapped(vectors, k)
    assert method == "pca" and xy.shape == (len(vectors), 2) and xy.dtype == np.float32 and np.isfinite(xy).all()


def test_many_identical_images_among_others() -> None:
    vectors = clusters(3, 30)[0]
    vectors[:60] = vectors[0]
    xy, _ = mapped(vectors)
    assert xy.shape == (90, 2) and np.isfinite(xy).all()


def test_principal_components_equal_a_singular_value_decomposition() -> None:
    vectors, _ = clusters(4, 25, d=10)
    found = principal_components(vectors)
    left, scale, _ = np.linalg.svd(vectors - vectors.mean(axis=0), full_matrices=False)
    expected = left[:, :2] * scale[:2]
    expected *= np.sign((expected * found).sum(axis=0))
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_the_sign_of_a_component_does_not_depend_on_the_order_of_rows() -> None:
    vectors, _ = clusters(4, 25, d=10)
    order = np.random.default_rng(0).permutation(100)
    np.testing.assert_allclose(principal_components(vectors[order]), principal_components(vectors)[order], atol=1e-4)
