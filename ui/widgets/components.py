"""The three widgets that show images and points without Streamlit's reruns: map, gallery, relabel queue.

The HTTP routes of `ui.api.routes` must be part of the app: pictures, points and decisions travel over them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import streamlit as st

from core.types import VERDICTS, Inspection
from ui.api.points import points_url
from ui.api.sprites import MOST_IMAGES, Rows, register_rows
from ui.api.tiles import cell_of, tile_page
from ui.charts.quadrant import COLOURS
from ui.widgets.loader import widget_source
from ui.words import VERDICT_WORDS, class_titles

COLOR_BY = ("label", "suspicion", "verdict", "decision")


@dataclass(frozen=True)
class Writer:
    """Who decides: the app's write token, and the reviewer's name ("" makes the widgets ask for one)."""

    token: str
    reviewer: str


@dataclass(frozen=True)
class Follow:
    """The map's drawing that a gallery's rows come from: `nonce` of its selection, None where nothing is selected.

    The browser asks for the gallery of a new drawing by itself; by the nonce it knows when Python has caught up.
    """

    nonce: str | int | None


def nothing() -> None:
    """A state is readable in Python only where a callback is named for it."""


_map = st.components.v2.component("taster_map", **widget_source("map"))
_gallery = st.components.v2.component("taster_gallery", **widget_source("gallery"))
_queue = st.components.v2.component("taster_queue", **widget_source("queue"))


def scatter(
    inspection: Inspection,
    *,
    key: str,
    color_by: str = "label",
    selection: dict[str, Any] | None = None,
    height: int = 560,
    on_selection: Callable[[], None] = nothing,
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
        "titles": class_titles(inspection.dataset.classes),
        "verdicts": {"names": [VERDICT_WORDS[verdict] for verdict in VERDICTS], "colours": COLOURS},
        "color_by": color_by,
        "selection": selection,
        "height": height,
    }
    return _map(
        key=key,
        data=data,
        default={"selection": None, "no_webgl": False},
        on_selection_change=on_selection,
        on_no_webgl_change=nothing,
    )


def grid(
    inspection: Inspection,
    rows: Rows,
    *,
    key: str,
    writer: Writer,
    page_size: int = 200,
    page: int = 1,
    threshold_at: int | None = None,
    selected: Sequence[int] = (),
    heading: str = "",
    empty: str = "No images here. Change the filter to see some.",
    follow: Follow | None = None,
    announce: bool = False,
    on_progress: Callable[[], None] = nothing,
    on_page: Callable[[], None] | None = None,
    on_inspect: Callable[[], None] | None = None,
) -> Any:
    """A gallery of `rows`, in that order, to choose from and decide; returns its state: `.progress .page .inspect`.

    It turns its own pages of `page_size` (at most 400) images, without a rerun; `page` (from 1) is the one shown first.
    threshold_at: number of images of the whole list above the line between suspicious and not. selected: rows chosen
    at first. heading: a sentence above the tiles; empty: the one shown where there are no rows. follow: the map whose
    drawings this gallery shows at once.
    announce: whether a rerun follows, with `.progress` set for it, when decisions were saved and ten seconds passed.
    on_page: called, a while after a page was turned, with `.page` = {"token": of the list, "number"}.
    on_inspect: called for one rerun with `.inspect` = {"row"} when somebody asks to see all about an image.
    Raises ValueError for a page of more images than one sprite holds.
    """
    if not 1 <= page_size <= MOST_IMAGES:
        raise ValueError(f"a page holds 1 to {MOST_IMAGES} images, got {page_size}; show them on more pages")
    listed = np.asarray(rows, dtype=np.int64).reshape(-1)
    number = min(max(1, page), max(1, -(-len(listed) // page_size)))
    data = {
        "key": inspection.key,
        "token": register_rows(inspection.key, listed),
        "total": len(listed),
        "page_size": page_size,
        "page": {"number": number, **tile_page(inspection, listed, (number - 1) * page_size, page_size)},
        "cell": cell_of(inspection),
        "threshold_at": threshold_at,
        "selected": [int(row) for row in selected],
        "heading": heading,
        "empty": empty,
        "follow": None if follow is None else {"nonce": follow.nonce},
        "classes": list(inspection.dataset.classes),
        "titles": class_titles(inspection.dataset.classes),
        "write": {"token": writer.token, "reviewer": writer.reviewer},
        "announce": announce,
        "reports_page": on_page is not None,
        "inspectable": on_inspect is not None,
    }
    return _gallery(
        key=key,
        data=data,
        default={"page": None},
        on_progress_change=on_progress,
        on_page_change=on_page or nothing,
        on_inspect_change=on_inspect or nothing,
    )


def queue(
    inspection: Inspection,
    rows: Rows,
    *,
    key: str,
    writer: Writer,
    announce: bool = True,
    on_progress: Callable[[], None] = nothing,
) -> Any:
    """The relabel queue over `rows`, in that order; returns its state: `.progress` and `.inspect`.

    progress: None, or for one rerun {"head", "finished", "counts": {action: images}}, at the end of the queue or when
    ten seconds passed without a decision (never where `announce` is False). inspect: None, or for one rerun the row
    that somebody wants to look at closely.
    """
    data = {
        "key": inspection.key,
        "token": register_rows(inspection.key, rows),
        "cell": cell_of(inspection),
        "classes": list(inspection.dataset.classes),
        "titles": class_titles(inspection.dataset.classes),
        "write": {"token": writer.token, "reviewer": writer.reviewer},
        "announce": announce,
    }
    return _queue(key=key, data=data, on_progress_change=on_progress, on_inspect_change=nothing)
