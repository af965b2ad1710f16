"""One page that shows the widget named in the address (?show=scatter|grid|queue), over a made-up inspection."""

from __future__ import annotations

import time

import numpy as np
import streamlit as st

from tests.support.component_harness.services import SERVICES
from ui.api.points import quantise, rows_in_polygon
from ui.api.tiles import selected_rows, selection
from ui.widgets.components import Follow, Writer, grid, queue, scatter

st.set_page_config(layout="wide")
query = st.query_params
inspection = SERVICES.inspection_of(int(query.get("n", "400")))
writer = Writer(SERVICES.write_token, query.get("reviewer", "Ada"))
worst = np.argsort(-inspection.suspicion, kind="stable")

match query.get("show", "scatter"):
    case "scatter":
        # a page that keeps the selection itself, as after a change of page
        kept = st.session_state.get("kept") if "keep" in query else None
        state = scatter(inspection, key="map", selection=kept, color_by=query.get("by", "label"))
        if state.no_webgl:
            st.text("python draws another chart")
        if state.selection:
            st.session_state["kept"] = dict(state.selection)
            rows = rows_in_polygon(quantise(inspection.xy), state.selection["polygon"])
            st.text(f"python found {len(rows)} rows; browser {state.selection['n_selected']}")
        else:
            st.text("nothing selected")
    case "grid":
        count = int(query.get("count", "60"))
        above = int(inspection.is_suspicious[worst[:count]].sum())
        size, number = int(query.get("size", "200")), int(query.get("page", "1"))
        told = {"on_page": lambda: None, "on_inspect": lambda: None} if "told" in query else {}
        state = grid(inspection, worst[:count], key="grid", writer=writer, threshold_at=above, page_size=size, page=number, **told)
        st.text(f"page {state.page and state.page['number']}")
        if state.inspect:
            st.session_state["asked"] = [*st.session_state.get("asked", []), state.inspect["row"]]
        st.text(f"asked {st.session_state.get('asked', [])}")
    case "follow":
        # a map, a page that is slow to hear of a drawing, and the gallery of what was drawn
        drawn = scatter(inspection, key="map").selection
        time.sleep(float(query.get("slow", "0")) if drawn else 0)
        rows = selected_rows(inspection, drawn["polygon"] if drawn else [])
        about = selection(inspection, rows)
        nonce = drawn["nonce"] if drawn else None
        grid(
            inspection,
            rows,
            key="grid",
            writer=writer,
            page_size=20,
            threshold_at=about["threshold_at"],
            heading=about["heading"],
            empty="nothing drawn",
            follow=Follow(nonce),
        )
        st.text(f"python has {rows[:20].tolist()} of {len(rows)}")
    case "queue":
        state = queue(inspection, worst[: int(query.get("count", "40"))], key="queue", writer=writer)
        st.text(f"progress {state.progress}")

st.button("another widget")
