"""One page that shows the widget named in the address (?show=scatter|grid|queue), over a made-up inspection."""

from __future__ import annotations

import numpy as np
import streamlit as st

from tests.component_harness.services import SERVICES
from ui.components import Writer, grid, queue, scatter
from ui.points import quantise, rows_in_polygon

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
        grid(inspection, worst[:count], key="grid", writer=writer, threshold_at=above)
    case "queue":
        state = queue(inspection, worst[: int(query.get("count", "40"))], key="queue", writer=writer)
        st.text(f"progress {state.progress}")

st.button("another widget")
