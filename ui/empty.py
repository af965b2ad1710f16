"""Empty states: what to do when a page has nothing to show yet."""

from __future__ import annotations

import streamlit as st

from core.types import Inspection
from ui.app.services import services
from ui.navigation import link, title_of
from ui.state import current, current_key


def need(page: str, *, xy: bool = False) -> Inspection:
    """The inspection in view, with scores (and a map where `xy`); else says what to do and stops the page."""
    inspection = current()
    missing = inspection is None or inspection.suspicion is None or (xy and inspection.xy is None)
    if not missing:
        assert inspection is not None
        return inspection
    st.title(title_of(page))
    unknown = st.session_state.pop("unknown_dataset", None)
    if unknown:
        st.warning("The address names a scan that this workspace does not hold.")
    _say(inspection, xy)
    st.stop()
    raise AssertionError  # st.stop never returns


def _say(inspection: Inspection | None, xy: bool) -> None:
    key = current_key()
    if services().scan_running() or (key is not None and services().at_work(key)):
        waits_for = "map is" if xy and inspection is not None and inspection.suspicion is not None else "scores are"
        st.info(f"The scan is still at work; this page opens by itself when the {waits_for} ready.")
        _wait(xy)
    elif key is not None:
        st.info(
            "The scan stopped before there was anything to show here. What was finished is kept: the Overview page says why, and goes on with it."
        )
    else:
        st.info("Nothing has been scanned yet. Open a set, or the built-in demo, on the Overview page.")
    link("overview", "Go to Overview")


@st.fragment(run_every=1.0)
def _wait(xy: bool) -> None:
    inspection = current()
    if inspection is not None and inspection.suspicion is not None and (not xy or inspection.xy is not None):
        st.rerun()
