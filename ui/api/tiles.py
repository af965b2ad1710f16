"""What a gallery is told about its images, page by page, and which images a drawing on the map selects.

Free of Streamlit, because the routes answer with the same values as the pages: a page turned in the browser, and a
lasso that the browser asks about before Streamlit has heard of it, must show what a rerun would show.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from core.errors import UnreadableImage
from core.types import UNLABELLED, Inspection, Int64
from ui.api.points import quantise, rows_in_polygon
from ui.api.sprites import register_rows, sprite_cell, sprite_url
from ui.app.cache import CACHE

# pictures looked at to learn how large a cell the set needs
_SAMPLED = 8


def tile(inspection: Inspection, row: int) -> dict[str, Any]:
    """What the gallery says under the image `row`; None where a thing is not known."""
    suggestions, suspicion, classes = inspection.suggestions, inspection.suspicion, inspection.dataset.classes
    given = int(inspection.dataset.labels[row])
    suggested = UNLABELLED if suggestions is None else int(suggestions.labels[row])
    return {
        "id": inspection.dataset.ids[row],
        "given": None if given == UNLABELLED else classes[given],
        "suggested": None if suggested == UNLABELLED else classes[suggested],
        "confidence": None if suggestions is None else _rounded(float(suggestions.confidence[row])),
        "score": None if suspicion is None else _rounded(float(suspicion[row])),
    }


def tile_page(inspection: Inspection, rows: Int64, start: int, count: int) -> dict[str, Any]:
    """The tiles of places `start` … `start + count` of the list `rows`, ready for JSON.

    from: place of the first. rows: their rows. tiles: one `tile` each. sprite_url: address of all their images, or ""
    where there is none.
    """
    shown = rows[start : start + count]
    return {
        "from": start,
        "rows": shown.tolist(),
        "tiles": [tile(inspection, int(row)) for row in shown],
        "sprite_url": sprite_url(register_rows(inspection.key, shown), cell_of(inspection)) if len(shown) else "",
    }


def _rounded(value: float) -> float | None:
    return round(value, 4) if np.isfinite(value) else None


# ---- a selection on the map


def selected_rows(inspection: Inspection, polygon: Sequence[Sequence[float]]) -> Int64:
    """Rows (int64) inside `polygon` ((x, y) in quantised coordinates), most suspicious first; none without a map."""
    if inspection.xy is None:
        return np.empty(0, dtype=np.int64)
    xy = inspection.xy
    rows = rows_in_polygon(CACHE.of(inspection, "quantised", lambda: quantise(xy)), polygon)
    if inspection.suspicion is None:
        return rows
    # NaN (not scorable) goes last
    return inspection.ranked(rows)


def selection(inspection: Inspection, rows: Int64) -> dict[str, Any]:
    """What a gallery says about the selected `rows` as a whole: token, total, heading, threshold_at (None: no line)."""
    suspicious = int(inspection.is_suspicious[rows].sum())
    images = "image" if len(rows) == 1 else "images"
    return {
        "token": register_rows(inspection.key, rows),
        "total": len(rows),
        "heading": f"{len(rows):,} {images} selected, {suspicious:,} of them suspicious; most suspicious first." if len(rows) else "",
        "threshold_at": suspicious if 0 < suspicious < len(rows) else None,
    }


# ---- the size of a cell


def cell_of(inspection: Inspection) -> int:
    """Side in pixels of the sprite cell that suits the set, judged by a few images spread over it."""
    return CACHE.of(inspection, "cell", lambda: sprite_cell(_longest(inspection)))


def _longest(inspection: Inspection) -> int:
    longest = 0
    for row in np.unique(np.linspace(0, len(inspection.dataset) - 1, _SAMPLED).astype(int)):
        try:
            longest = max(longest, *inspection.dataset.load(int(row)).size)
        except (UnreadableImage, IndexError):
            # an empty set has no row 0; a broken image says nothing about the others
            continue
    return longest
