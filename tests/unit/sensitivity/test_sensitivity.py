"""Known patterns planted in memory: what each kind does to an image, which counts are tried, what counts as found."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from core.sensitivity import KINDS
from core.sensitivity.kinds import TURNS, alter_of
from core.sensitivity.measuring import _Tried, is_found
from core.sensitivity.planting import Planting
from tests.support.core_toys import draw
from tests.support.finding_toys import a_finding

# ---- kinds


@pytest.mark.parametrize("kind", list(KINDS))
@pytest.mark.parametrize("size", [(32, 32), (90, 140)])
def test_every_kind_changes_an_image_a_little_and_always_alike(kind: str, size: tuple[int, int]) -> None:
    pixels = np.asarray(draw(1, 1, height=size[0], width=size[1]))
    alter = alter_of(kind, min(size), 0)
    changed = alter(pixels, 3)
    assert changed.shape == pixels.shape and changed.dtype == np.uint8
    assert not np.array_equal(changed, pixels) and np.array_equal(changed, alter(pixels, 3))
    # noise is what a bend changes most
    assert np.abs(changed.astype(int) - pixels).mean() < 32


def test_a_turned_pattern_lies_elsewhere() -> None:
    pixels = np.zeros((40, 60, 3), np.uint8)
    places = {
        tuple(np.argwhere(alter_of("patch", 40, turn)(pixels, 0).any(axis=2)).mean(axis=0).round().astype(int)) for turn in range(TURNS)
    }
    assert len(places) == 4 and all(place[0] in range(40) and place[1] in range(60) for place in places)


# ---- which counts


@pytest.mark.parametrize(
    ("known", "levels", "wanted"),
    [
        ({}, (12, 24, 48), 24),
        ({}, (12,), 12),
        ({24: (2, 2)}, (12, 24, 48), 12),
        ({24: (1, 2)}, (12, 24, 48), 48),
        ({24: (2, 2), 12: (0, 2)}, (12, 24, 48), None),
        ({24: (2, 2), 12: (2, 2)}, (12, 24, 48), None),
        ({24: (0, 2), 48: (2, 2)}, (12, 24, 48), None),
        ({24: (0, 2), 48: (0, 2)}, (12, 24, 48, 96), 96),
        ({24: (0, 2), 48: (0, 2)}, (12, 24, 48), None),
    ],
)
def test_fewer_are_tried_after_a_find_and_more_after_a_miss(known: dict[int, tuple[int, int]], levels: tuple[int, ...], wanted: int | None):
    assert _Tried(dict(known)).next(levels) == wanted


@pytest.mark.parametrize(("label", "share", "found"), [(2, 1.0, True), (2, 0.5, True), (2, 0.4, False), (3, 1.0, False), (-1, 1.0, True)])
def test_found_is_half_of_the_images_in_a_finding_of_the_class(label: int, share: float, found: bool) -> None:
    rows = np.arange(20)
    analysis: Any = SimpleNamespace(findings=[a_finding(100, rows[: round(20 * share)], label=label)])
    assert is_found(Planting("patch", 2, rows, 0), analysis) == found
