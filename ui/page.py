"""What every page does: fetch the inspection in view, say what to do while there is none, title, address, refusals."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import streamlit as st

from core.errors import UserError
from core.types import Inspection
from ui.app.services import services
from ui.navigation import PAGES, link
from ui.state import current, current_key, remember_view
from ui.words import plain

Ready = Callable[[Inspection], bool]


def scored(inspection: Inspection) -> bool:
    """Whether the scan has come to its scores."""
    return inspection.suspicion is not None


def mapped(inspection: Inspection) -> bool:
    """Whether the scan has come to its scores and its map."""
    return scored(inspection) and inspection.xy is not None


def show(name: str, draw: Callable[[Inspection], None], *, ready: Ready = scored) -> None:
    """Run the page `name`: its title, and `draw` with the inspection in view once that is `ready`, else what to do.

    A UserError that `draw` lets through is said in one line.
    """
    inspection = current()
    st.title(PAGES[name].title)
    if inspection is None or not ready(inspection):
        if st.session_state.pop("unknown_dataset", None):
            st.warning("The address names a scan that this workspace does not hold.")
        _missing(inspection, ready)
        return
    if inspection.content is None and services().at_work(inspection.key):
        st.warning("Provisional: the search for patterns is still running, and the verdicts below may change.")
    with refusals():
        draw(inspection)
    # a page on which something can be chosen has done so itself, with what is chosen
    if st.query_params.get("page") != name or "dataset" not in st.query_params:
        remember_view(name)


@contextmanager
def refusals() -> Iterator[None]:
    """Say a UserError that leaves this block in one line on the page."""
    try:
        yield
    except UserError as error:
        st.error(plain(str(error), 400))


def _missing(inspection: Inspection | None, ready: Ready) -> None:
    key = current_key()
    if services().scan_running() or (key is not None and services().at_work(key)):
        waits_for = "map is" if inspection is not None and scored(inspection) else "scores are"
        st.info(f"The scan is still at work; this page opens by itself when the {waits_for} ready.")
        wait_until(ready)
    elif key is not None:
        st.info(
            "The scan stopped before there was anything to show here. What was finished is kept: the Overview page says why, and goes on with it."
        )
    else:
        st.info("Nothing has been scanned yet. Open a set, or the built-in demo, on the Overview page.")
    link("overview", "Go to Overview")


@st.fragment(run_every=1.0)
def wait_until(ready: Ready) -> None:
    """Draw the page anew once the inspection in view is `ready`."""
    inspection = current()
    if inspection is not None and ready(inspection):
        st.rerun()
