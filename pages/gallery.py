"""One class at a time, sorted by any score: outliers and suspects side by side."""

import numpy as np
import streamlit as st

from core.types import UNLABELLED, Inspection, Int64, class_title
from ui.api.reasons import detector_words
from ui.api.sprites import register_rows
from ui.app.services import services
from ui.charts.charts import class_counts
from ui.page import show
from ui.state import asked_view, remember_view, writer
from ui.widgets.components import grid, nothing

PAGE_TILES = 200
ALL, NONE = -2, UNLABELLED
OPEN = "not yet decided"
SHOW = ("all", "suspicious", OPEN)


def _choices(inspection: Inspection) -> list[int]:
    order = np.argsort(-class_counts(inspection)["suspicious"], kind="stable").tolist()
    unlabelled = [NONE] if (inspection.dataset.labels == UNLABELLED).any() else []
    return [*order, ALL, *unlabelled]


def _class_words(inspection: Inspection, counts: dict[str, Int64], choice: int) -> str:
    if choice == ALL:
        return f"All classes ({len(inspection.dataset):,})"
    if choice == NONE:
        return "Unlabelled"
    return (
        f"{class_title(inspection.dataset.classes[choice])}  ({counts['suspicious'][choice]:,} suspicious of {counts['images'][choice]:,})"
    )


def _rows(inspection: Inspection, choice: int, score: str, shown: str) -> Int64:
    labels = inspection.dataset.labels
    wanted = np.ones(len(labels), dtype=bool) if choice == ALL else labels == choice
    if shown == "suspicious":
        wanted &= inspection.is_suspicious
    if shown == OPEN:
        wanted &= services().review_state(inspection).undecided
    rows = np.flatnonzero(wanted)
    column = inspection.suspicion if score == "suspicion" else inspection.scores[score]
    # NaN (not scorable) goes last
    return inspection.ranked(rows, column)


def _asked(inspection: Inspection, choices: list[int], scores: list[str]) -> None:
    """Set the widgets from an address's `sel`: class.score.page."""
    parts = asked_view("gallery").split(".")
    if len(parts) == 3 and parts[0].lstrip("-").isdigit() and int(parts[0]) in choices and parts[1] in scores and parts[2].isdigit():
        st.session_state["gallery_view"] = (int(parts[0]), parts[1], max(int(parts[2]), 1))


def _to_first() -> None:
    st.session_state["gallery_page"] = 1


def _listed(inspection: Inspection, choice: int, score: str, shown: str) -> Int64:
    """The rows of this choice, kept for as long as it stands: what is decided meanwhile must not move the images under the hand."""
    wanted, known = (inspection.key, choice, score, shown, tuple(inspection.scores)), st.session_state.get("gallery_list")
    if known is None or known[0] != wanted:
        if known is not None and known[0][0] != inspection.key:
            _to_first()
        st.session_state["gallery_list"] = (wanted, _rows(inspection, choice, score, shown))
    rows: Int64 = st.session_state["gallery_list"][1]
    return rows


def _list_anew() -> None:
    st.session_state.pop("gallery_list", None)
    _to_first()


def _choose(inspection: Inspection) -> tuple[int, str, str]:
    choices, scores = _choices(inspection), ["suspicion", *inspection.scores]
    # once for all classes: Streamlit asks for the words of each on every run
    counts = class_counts(inspection)
    _asked(inspection, choices, scores)
    if "gallery_view" in st.session_state:
        st.session_state["gallery_now"] = st.session_state.pop("gallery_view")
        st.session_state["gallery_page"] = st.session_state["gallery_now"][2]
    choice0, score0, _ = st.session_state.get("gallery_now", (choices[0], "suspicion", 1))
    first, second, third, fourth = st.columns([2.1, 1.5, 1.3, 1], vertical_alignment="bottom")
    choice: int = first.selectbox(  # type: ignore[assignment]
        "Given label",
        choices,
        index=choices.index(choice0) if choice0 in choices else 0,
        format_func=lambda c: _class_words(inspection, counts, c),
        on_change=_list_anew,
    )
    score: str = second.selectbox(  # type: ignore[assignment]
        "Sorted by",
        scores,
        index=scores.index(score0) if score0 in scores else 0,
        format_func=detector_words,
        on_change=_list_anew,
    )
    if "gallery_show" not in st.session_state:
        # the widget's own state is gone after a change of page: the list is made anew then, too
        st.session_state.pop("gallery_list", None)
    shown: str = third.selectbox("Show", SHOW, key="gallery_show", on_change=_list_anew)  # type: ignore[assignment]
    if shown == OPEN:
        fourth.button("List anew", on_click=_list_anew, help="Leave out what has been decided since this list was made", width="stretch")
    return choice, score, shown


@st.fragment
def _gallery(inspection: Inspection) -> None:
    choice, score, shown = _choose(inspection)
    rows = _listed(inspection, choice, score, shown)
    page = min(st.session_state.setdefault("gallery_page", 1), max(1, -(-len(rows) // PAGE_TILES)))
    st.session_state["gallery_now"] = (choice, score, page)
    remember_view("gallery", f"{choice}.{score}.{page}")
    if len(rows) == 0:
        st.info("No image fits. Choose another class, or show all.")
        return
    token = register_rows(inspection.key, rows)

    def turned() -> None:
        told = st.session_state["gallery_grid"].page
        # a number that belongs to a list no longer shown says nothing
        if told and told["token"] == token:
            st.session_state["gallery_page"] = int(told["number"])

    state = grid(
        inspection,
        rows,
        key="gallery_grid",
        writer=writer(),
        page_size=PAGE_TILES,
        page=page,
        threshold_at=_line(inspection, rows, score),
        on_page=turned,
        on_inspect=nothing,
    )
    if state.inspect:
        from ui.widgets.inspector import open_inspector

        open_inspector(inspection, int(state.inspect["row"]))


def _line(inspection: Inspection, rows: Int64, score: str) -> int | None:
    """Images above the threshold line; None where all are on one side of it, or the order is another."""
    if score != "suspicion":
        return None
    above = int(inspection.is_suspicious[rows].sum())
    return above if 0 < above < len(rows) else None


show("gallery", _gallery)
