"""The three widgets that show images and points without Streamlit's reruns: map, gallery, relabel queue.

The HTTP routes of `ui.routes` must be part of the app: pictures, points and decisions travel over them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import streamlit as st

from core.errors import UnreadableImage
from core.types import UNLABELLED, Inspection
from ui.points import points_url
from ui.sprites import MOST_IMAGES, Rows, register_rows, sprite_cell, sprite_url, warm_sprite

COLOR_BY = ("label", "suspicion", "verdict", "decision")
_ASSETS = Path(__file__).resolve().parent.parent / "assets" / "components"
_SCRIPTS = {
    "scatter": ("shared", "decisions", "scatter_gl", "scatter_model", "scatter_hover", "scatter_hand", "scatter"),
    "grid": ("shared", "decisions", "grid_view", "grid"),
    "queue": ("shared", "decisions", "queue_view", "queue"),
}
# pictures looked at to learn how large a cell the set needs
_SAMPLED = 8


@dataclass(frozen=True)
class Writer:
    """Who decides: the app's write token, and the reviewer's name ("" makes the widgets ask for one)."""

    token: str
    reviewer: str


def _nothing() -> None:
    """A state is readable in Python only where a callback is named for it."""


def component_source(name: str) -> dict[str, str]:
    """html, css and js of the widget `name` (scatter, grid or queue), put together from assets/components."""
    js = "\n".join((_ASSETS / f"{part}.js").read_text("utf-8") for part in _SCRIPTS[name])
    css = "\n".join((_ASSETS / f"{part}.css").read_text("utf-8") for part in ("shared", name))
    return {"html": '<div class="taster"></div>', "css": css, "js": js}


_scatter = st.components.v2.component("taster_scatter", **component_source("scatter"))
_grid = st.components.v2.component("taster_grid", **component_source("grid"))
_queue = st.components.v2.component("taster_queue", **component_source("queue"))


def scatter(
    inspection: Inspection,
    *,
    key: str,
    color_by: str = "label",
    selection: dict[str, Any] | None = None,
    height: int = 560,
    on_selection: Callable[[], None] = _nothing,
) -> Any:
    """The map; returns its state: `.selection` and `.no_webgl`.

    selection: None, or {"polygon": [[x, y], …] in quantised coordinates, "tool", "n_selected", "nonce"}; its rows
    are `rows_in_polygon(quantise(inspection.xy), polygon)`. Hand back a kept one to draw it again after a change of
    page. no_webgl: True where the browser cannot draw it, and another chart must stand in. height: pixels.
    Raises ValueError where the inspection has no map, or for an unknown `color_by`.
    """
    if color_by not in COLOR_BY:
        raise ValueError(f"color_by {color_by!r} is not known; choose one of: {', '.join(COLOR_BY)}")
    data = {
        "key": inspection.key,
        "points_url": points_url(inspection),
        "classes": list(inspection.dataset.classes),
        "color_by": color_by,
        "selection": selection,
        "height": height,
    }
    return _scatter(
        key=key,
        data=data,
        default={"selection": None, "no_webgl": False},
        on_selection_change=on_selection,
        on_no_webgl_change=_nothing,
    )


def grid(
    inspection: Inspection,
    rows: Rows,
    *,
    key: str,
    writer: Writer,
    threshold_at: int | None = None,
    selected: Sequence[int] = (),
    next_rows: Rows = (),
    announce: bool = False,
    on_progress: Callable[[], None] = _nothing,
) -> Any:
    """A gallery of at most 400 `rows`, in that order, to choose from and decide; returns its state: `.progress`.

    threshold_at: number of tiles above the line between suspicious and not. selected: rows chosen at first.
    next_rows: what the next page will probably show; its sprite is packed meanwhile.
    announce: whether a rerun follows, with `.progress` set for it, when decisions were saved and ten seconds passed.
    Raises ValueError for more rows than one sprite holds.
    """
    shown = np.asarray(rows, dtype=np.int64).reshape(-1)
    if len(shown) > MOST_IMAGES:
        raise ValueError(f"a gallery holds at most {MOST_IMAGES} images, got {len(shown)}; show them page by page")
    token, cell = register_rows(inspection.key, shown), cell_of(inspection)
    if len(next_rows):
        warm_sprite(inspection.dataset, inspection.key, np.asarray(next_rows, dtype=np.int64), cell)
    data = {
        "key": inspection.key,
        "token": token,
        "rows": shown.tolist(),
        "sprite_url": sprite_url(token, cell),
        "cell": cell,
        "tiles": [tile(inspection, int(row)) for row in shown],
        "threshold_at": threshold_at,
        "selected": [int(row) for row in selected],
        "classes": list(inspection.dataset.classes),
        "write": {"token": writer.token, "reviewer": writer.reviewer},
        "announce": announce,
    }
    return _grid(key=key, data=data, on_progress_change=on_progress)


def queue(
    inspection: Inspection,
    rows: Rows,
    *,
    key: str,
    writer: Writer,
    announce: bool = True,
    on_progress: Callable[[], None] = _nothing,
) -> Any:
    """The relabel queue over `rows`, in that order; returns its state: `.progress`.

    progress: None, or for one rerun {"head", "finished", "counts": {action: images}}, at the end of the queue or when
    ten seconds passed without a decision (never where `announce` is False).
    """
    data = {
        "key": inspection.key,
        "token": register_rows(inspection.key, rows),
        "cell": cell_of(inspection),
        "classes": list(inspection.dataset.classes),
        "write": {"token": writer.token, "reviewer": writer.reviewer},
        "announce": announce,
    }
    return _queue(key=key, data=data, on_progress_change=on_progress)


# ---- what the widgets are told


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


def _rounded(value: float) -> float | None:
    return round(value, 4) if np.isfinite(value) else None


_cells: WeakKeyDictionary[Inspection, int] = WeakKeyDictionary()


def cell_of(inspection: Inspection) -> int:
    """Side in pixels of the sprite cell that suits the set, judged by a few images spread over it."""
    if inspection not in _cells:
        longest = 0
        for row in np.unique(np.linspace(0, len(inspection.dataset) - 1, _SAMPLED).astype(int)):
            try:
                longest = max(longest, *inspection.dataset.load(int(row)).size)
            except (UnreadableImage, IndexError):
                # an empty set has no row 0; a broken image says nothing about the others
                continue
        _cells[inspection] = sprite_cell(longest)
    return _cells[inspection]
