"""The sidebar: which data set, who decides, how far it is."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from core.types import Inspection
from ui.app.services import services
from ui.scanning import at_work, open_source_form
from ui.state import choose, current, current_key
from ui.widgets.reviewer import reviewer_field
from ui.words import plain, short_name


def sidebar() -> None:
    """Data set, reviewer, and the count of what is decided."""
    with st.sidebar:
        _dataset_choice()
        if st.button("Open another set", key="open_set", icon=":material/folder_open:", width="stretch"):
            _open_set()
        at_work()
        reviewer_field()
        inspection = current()
        if inspection is not None and inspection.suspicion is not None:
            _counts(inspection.key)


@st.dialog("Open another set", width="large")
def _open_set() -> None:
    open_source_form()


def _dataset_choice() -> None:
    recent = services().workspace.recent_sources()
    key = current_key()
    # the scan in view may be an older one of its source, opened by its address
    by_key = {
        key if any(s["key"] == key for s in entry["scans"]) else services().looked_at(entry["scans"][-1]["key"]): entry for entry in recent
    }
    if key and key not in by_key:
        by_key = {key: {"identity": f"scan {key[:8]}", "name": f"scan {key[:8]}"}, **by_key}
    if not by_key:
        return
    keys = list(by_key)
    chosen: str = st.selectbox(  # type: ignore[assignment]
        "Data set",
        keys,
        index=keys.index(key) if key in keys else 0,
        format_func=lambda k: short_name(by_key[k]["identity"]),
        help="Scanned sources, newest first.",
    )
    if chosen != key:
        choose(chosen)
        st.rerun()


@st.fragment(run_every=2.0)
def _counts(key: str) -> None:
    """Looked at again and again: decisions are saved without a rerun of the page, and other people take some too."""
    inspection = services().inspection(key)
    if inspection is None or inspection.suspicion is None:
        return
    state, suspects = services().review_state(inspection), int(inspection.is_suspicious.sum())
    decided = int((inspection.is_suspicious & ~state.undecided).sum())
    st.progress(decided / suspects if suspects else 1.0, text=f"{decided:,} of {suspects:,} suspicious images decided")
    others = len(state.standing) - decided
    if others > 0:
        st.caption(f"and {others:,} other decisions")


def source_name(inspection: Inspection) -> str:
    """The data set's name as text for a page."""
    name = Path(inspection.dataset.name).name
    return plain(short_name(name) if name == "demo" else name)
