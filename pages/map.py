"""The map: every image as a point; draw around some to see and decide them."""

import base64
import binascii
from typing import Any

import numpy as np
import streamlit as st

from core.types import Inspection, Int64
from ui.api.tiles import selected_rows, selection
from ui.charts.charts import fallback_map
from ui.page import mapped, show
from ui.state import asked_view, remember_view, writer
from ui.widgets.components import Follow, grid, nothing, scatter

PAGE_TILES = 60
HINT = "Draw around points to see those images here and decide them together. Wheel zooms; Esc clears. By keys alone: on the map, S places a box."
MOST_CORNERS = 400


def _to_address(polygon: list[list[float]]) -> str:
    if len(polygon) > MOST_CORNERS:
        return ""
    return base64.urlsafe_b64encode(np.asarray(polygon).round().clip(0, 65535).astype("<u2").tobytes()).decode()


def _from_address(text: str) -> dict[str, Any] | None:
    try:
        corners = np.frombuffer(base64.urlsafe_b64decode(text.encode()), dtype="<u2").reshape(-1, 2)
    except (ValueError, binascii.Error):
        return None
    return {"polygon": corners.tolist(), "tool": "lasso", "n_selected": 0, "nonce": 0} if len(corners) >= 3 else None


def _kept(key: str) -> dict[str, Any] | None:
    """The selection kept across page changes, or the one that the address asks for."""
    asked = asked_view("map")
    if asked:
        st.session_state[f"map_selection:{key}"] = _from_address(asked)
    return st.session_state.get(f"map_selection:{key}")


@st.fragment
def _map(inspection: Inspection) -> None:
    widget, stored = f"scatter-{inspection.key}", f"map_selection:{inspection.key}"

    def drawn() -> None:
        # kept under a key of our own: the widget's state is gone after a change of page
        st.session_state[stored] = st.session_state[widget].selection

    kept = _kept(inspection.key)
    state = scatter(inspection, key=widget, color_by="suspicion", selection=kept, height=560, on_selection=drawn)
    if state.no_webgl:
        found, nonce = _without_webgl(inspection), None
        rows = inspection.ranked(found)
    else:
        polygon, nonce = (kept["polygon"], kept["nonce"]) if kept else ([], None)
        rows = selected_rows(inspection, polygon)
        remember_view("map", _to_address(polygon) if polygon else "")
    _selected(inspection, rows, nonce)


def _without_webgl(inspection: Inspection) -> Int64:
    st.caption("This browser offers no WebGL2: a simpler map with at most 10,000 points stands in.")
    event = st.plotly_chart(fallback_map(inspection), key="fallback_map", on_select="rerun", selection_mode=("box", "lasso"))
    return np.array(sorted(int(point["customdata"]) for point in event.selection.points), dtype=np.int64)


def _selected(inspection: Inspection, rows: Int64, nonce: str | int | None) -> None:
    """Always there, also without a selection: a new drawing is then shown before this page hears of it."""
    told = selection(inspection, rows)
    state = grid(
        inspection,
        rows,
        key="map_grid",
        writer=writer(),
        page_size=PAGE_TILES,
        threshold_at=told["threshold_at"],
        heading=told["heading"],
        empty=HINT,
        follow=Follow(nonce),
        on_inspect=nothing,
    )
    if state.inspect:
        from ui.widgets.inspector import open_inspector

        open_inspector(inspection, int(state.inspect["row"]))


def _draw(inspection: Inspection) -> None:
    if inspection.projection == "pca":
        st.caption("Drawn by principal components: there are too few images, or too little between them, for UMAP.")
    _map(inspection)


show("map", _draw, ready=mapped)
