"""Who is deciding: asked once per browser, then remembered there."""

from __future__ import annotations

import streamlit as st

from ui.widgets.loader import widget_source

_HTML = '<div class="taster-reviewer"><label for="reviewer">Your name</label><input id="reviewer" autocomplete="name" placeholder="e.g. Ada"><output></output></div>'
_field = st.components.v2.component("taster_reviewer", **widget_source("reviewer", html=_HTML))


def reviewer_field() -> str:
    """Draw the name field; returns the name, "" while there is none."""
    result = _field(
        key="reviewer_field",
        data={"name": st.session_state.get("reviewer", "")},
        default={"name": st.session_state.get("reviewer", "")},
        on_name_change=lambda: None,
    )
    # copied out of the widget's key: widget state is dropped when a page does not draw it
    st.session_state["reviewer"] = str(result.name or "")[:80]
    return str(st.session_state["reviewer"])
