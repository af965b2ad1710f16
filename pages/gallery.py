"""One class at a time, sorted by any score: outliers and suspects side by side."""

import numpy as np
import streamlit as st

from core.types import UNLABELLED
from ui.api.reasons import detector_words
from ui.api.sprites import register_rows
from ui.app.services import services
from ui.empty import need
from ui.state import asked_view, remember_view, writer
from ui.widgets.components import grid

PAGE_TILES = 200
ALL, NONE = -2, UNLABELLED
OPEN = "not yet decided"
SHOW = ("all", "suspicious", OPEN)


def _choices(inspection) -> list[int]:
    suspicious = np.bincount(
        inspection.dataset.labels[inspection.is_suspicious & (inspection.dataset.labels >= 0)], minlength=len(inspection.dataset.classes)
    )
    order = np.argsort(-suspicious, kind="stable").tolist()
    unlabelled = [NONE] if (inspection.dataset.labels == UNLABELLED).any() else []
    return [*order, ALL, *unlabelled]


def _class_words(inspection, choice: int) -> str:
    if choice == ALL:
        return f"All classes ({len(inspection.dataset):,})"
    if choice == NONE:
        return "Unlabelled"
    of = inspection.dataset.labels == choice
    return f"{inspection.dataset.classes[choice]}  ({int((of & inspection.is_suspicious).sum()):,} suspicious of {int(of.sum()):,})"


def _rows(inspection, choice: int, score: str, show: str) -> np.ndarray:
    labels = inspection.dataset.labels
    wanted = np.ones(len(labels), dtype=bool) if choice == ALL else labels == choice
    if show == "suspicious":
        wanted &= inspection.is_suspicious
    if show == OPEN:
        wanted &= services().review_state(inspection).undecided
    rows = np.flatnonzero(wanted)
    column = inspection.suspicion if score == "suspicion" else inspection.scores[score]
    # NaN (not scorable) goes last
    return inspection.ranked(rows, column)


def _asked(inspection, choices: list[int], scores: list[str]) -> None:
    """Set the widgets from an address's `sel`: class.score.page."""
    parts = asked_view("gallery").split(".")
    if len(parts) == 3 and parts[0].lstrip("-").isdigit() and int(parts[0]) in choices and parts[1] in scores and parts[2].isdigit():
        st.session_state["gallery_view"] = (int(parts[0]), parts[1], max(int(parts[2]), 1))


def _to_first() -> None:
    st.session_state["gallery_page"] = 1


def _listed(inspection, choice: int, score: str, show: str) -> np.ndarray:
    """The rows of this choice, kept for as long as it stands: what is decided meanwhile must not move the images under the hand."""
    wanted, known = (inspection.key, choice, score, show, tuple(inspection.scores)), st.session_state.get("gallery_list")
    if known is None or known[0] != wanted:
        if known is not None and known[0][0] != inspection.key:
            _to_first()
        st.session_state["gallery_list"] = (wanted, _rows(inspection, choice, score, show))
    return st.session_state["gallery_list"][1]


def _list_anew() -> None:
    st.session_state.pop("gallery_list", None)
    _to_first()


def _choose(inspection) -> tuple[int, str, str]:
    choices, scores = _choices(inspection), ["suspicion", *inspection.scores]
    _asked(inspection, choices, scores)
    if "gallery_view" in st.session_state:
        st.session_state["gallery_now"] = st.session_state.pop("gallery_view")
        st.session_state["gallery_page"] = st.session_state["gallery_now"][2]
    choice0, score0, _ = st.session_state.get("gallery_now", (choices[0], "suspicion", 1))
    first, second, third, fourth = st.columns([2.1, 1.5, 1.3, 1], vertical_alignment="bottom")
    choice = first.selectbox(
        "Given label",
        choices,
        index=choices.index(choice0) if choice0 in choices else 0,
        format_func=lambda c: _class_words(inspection, c),
        on_change=_list_anew,
    )
    score = second.selectbox(
        "Sorted by",
        scores,
        index=scores.index(score0) if score0 in scores else 0,
        format_func=detector_words,
        on_change=_list_anew,
    )
    if "gallery_show" not in st.session_state:
        # the widget's own state is gone after a change of page: the list is made anew then, too
        st.session_state.pop("gallery_list", None)
    show = third.selectbox("Show", SHOW, key="gallery_show", on_change=_list_anew)
    if show == OPEN:
        fourth.button("List anew", on_click=_list_anew, help="Leave out what has been decided since this list was made", width="stretch")
    return choice, score, show


@st.fragment
def _gallery(inspection) -> None:
    choice, score, show = _choose(inspection)
    rows = _listed(inspection, choice, score, show)
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
        on_inspect=_asked_to_inspect,
    )
    if state.inspect:
        from ui.widgets.inspector import open_inspector

        open_inspector(inspection, int(state.inspect["row"]))


def _asked_to_inspect() -> None:
    """The rerun that follows opens the inspector."""


def _line(inspection, rows: np.ndarray, score: str) -> int | None:
    """Images above the threshold line; None where all are on one side of it, or the order is another."""
    if score != "suspicion":
        return None
    above = int(inspection.is_suspicious[rows].sum())
    return above if 0 < above < len(rows) else None


inspection = need("gallery")
st.title("Gallery")
_gallery(inspection)
