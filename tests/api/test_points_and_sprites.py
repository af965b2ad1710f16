"""The map's coordinates and the lasso over them; the register of rows and the store of sprites."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.component_harness.fake import make_inspection
from ui.api.points import points_version, quantise, rows_in_polygon
from ui.api.sprites import RowRegister, sprite_cell, sprite_columns


def test_version_follows_content():
    a, b = make_inspection(50), make_inspection(51)
    assert points_version(a) == points_version(a) != points_version(b)


@pytest.mark.parametrize("n", [0, 1, 5])
def test_quantise_keeps_the_aspect_and_the_margin(n):
    xy = np.random.default_rng(n).normal(size=(n, 2)) * [10, 1]
    q = quantise(xy).astype(float)
    assert q.shape == (n, 2)
    if n > 1:
        assert q.min() >= 65535 * 0.02 - 1 and q.max() <= 65535 * 0.98 + 1
        factors = np.ptp(q, axis=0) / np.ptp(xy, axis=0)
        assert factors[0] == pytest.approx(factors[1], rel=0.01)
    assert np.array_equal(quantise(np.ones((3, 2))), np.full((3, 2), 32768))


# ---- the lasso


def naive_rows(points, polygon) -> list[int]:
    """The even-odd rule, point by point and edge by edge."""
    rows = []
    for row, (x, y) in enumerate(points):
        inside = False
        for (x1, y1), (x2, y2) in zip(polygon, polygon[1:] + polygon[:1], strict=True):
            if (y1 > y) != (y2 > y) and x < (x2 - x1) * (y - y1) / (y2 - y1) + x1:
                inside = not inside
        if inside:
            rows.append(row)
    return rows


corner = st.tuples(st.integers(0, 40), st.integers(0, 40))


@settings(max_examples=150, deadline=None)
@given(st.lists(corner, min_size=3, max_size=12), st.lists(corner, max_size=60))
def test_polygon_agrees_with_the_naive_loop(polygon, points):
    # a coarse grid, so that points fall on corners and edges, and polygons cross themselves
    found = rows_in_polygon(np.array(points, dtype=np.uint16).reshape(-1, 2), polygon)
    assert found.dtype == np.int64
    assert found.tolist() == naive_rows([(float(x), float(y)) for x, y in points], [tuple(map(float, p)) for p in polygon])


def test_polygon_with_many_corners_over_many_points():
    rng = np.random.default_rng(0)
    points = rng.integers(0, 65536, (20_000, 2)).astype(np.uint16)
    angle = np.linspace(0, 2 * np.pi, 200, endpoint=False)
    radius = 20_000 + 6_000 * np.sin(7 * angle)
    polygon = np.c_[32768 + radius * np.cos(angle), 32768 + radius * np.sin(angle)]
    away = points - 32768.0
    clear = np.abs(np.hypot(*away.T) - (20_000 + 6_000 * np.sin(7 * np.arctan2(away[:, 1], away[:, 0])))) > 200
    expected = np.hypot(*away.T) < 20_000 + 6_000 * np.sin(7 * np.arctan2(away[:, 1], away[:, 0]))
    found = np.zeros(len(points), dtype=bool)
    found[rows_in_polygon(points, polygon)] = True
    assert np.array_equal(found[clear], expected[clear])


@pytest.mark.parametrize("polygon", [[], [[1, 1]], [[1, 1], [5, 5]], [[0, 0], [9, 0], [float("nan"), 9]]])
def test_no_polygon_holds_no_rows(polygon):
    assert len(rows_in_polygon(np.array([[2, 2]], dtype=np.uint16), polygon)) == 0


# ---- sprites


@pytest.mark.parametrize("n, columns", [(0, 1), (1, 1), (2, 2), (4, 2), (5, 3), (12, 4), (400, 20)])
def test_sprite_columns(n, columns):
    assert sprite_columns(n) == columns


@pytest.mark.parametrize("side, cell", [(28, 32), (32, 32), (33, 64), (96, 96), (512, 96)])
def test_sprite_cell(side, cell):
    assert sprite_cell(side) == cell


def test_register_names_content_and_forgets_the_oldest():
    register = RowRegister(most_tokens=2)
    rows = np.array([1, 2])
    first = register.add("aa", rows)
    rows[0] = 9
    assert register.get(first)[1].tolist() == [1, 2]
    assert register.add("aa", [1, 2]) == first != register.add("bb", [1, 2])
    register.get(first)
    register.add("cc", [1])
    assert register.get(first) is not None
    register.add("dd", [1])
    register.add("ee", [1])
    assert register.get(first) is None
