"""The inspector: everything that is known of one image, in a large dialog on whichever page one is.

Numbers and pictures travel over the routes of `ui.api.routes`; a click on a neighbour looks at that one without a rerun.
"""

from __future__ import annotations

import streamlit as st

from core.types import Inspection
from ui.api.tiles import cell_of
from ui.widgets.loader import widget_source
from ui.words import class_titles

TITLE = "Look closely"
# not in a shadow root: a dialog keeps Tab among the elements it sees, and it does not see into one
_inspector = st.components.v2.component("taster_inspector", **widget_source("inspector"), isolate_styles=False)


def inspector(inspection: Inspection, row: int, *, key: str) -> None:
    """Draw the inspector of `row` where the page stands. Raises ValueError for a row that the set does not have."""
    if not 0 <= row < len(inspection.dataset):
        raise ValueError(f"row {row} is not in the set, which has rows 0 to {len(inspection.dataset) - 1}")
    data = {"key": inspection.key, "row": int(row), "cell": cell_of(inspection), "reviewer": st.session_state.get("reviewer", "")}
    data["titles"] = class_titles(inspection.dataset.classes)
    _inspector(key=key, data=data)


@st.dialog(TITLE, width="large")
def open_inspector(inspection: Inspection, row: int) -> None:
    """Open the inspector of `row` in a dialog; to be called once, in the run that follows the wish to look.

    A rerun of the page closes it. Raises ValueError for a row that the set does not have.
    """
    inspector(inspection, row, key=f"inspector-{inspection.key}")
