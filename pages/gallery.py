"""One class at a time, sorted by any score: outliers and suspects side by side."""

import numpy as np
import streamlit as st

from core.types import UNLABELLED
from ui.components import grid
from ui.empty import need
from ui.services import services
from ui.state import asked_view, remember_view, writer
from ui.wording import SCORE_WORDS

PAGE_TILES = 200
ALL, NONE = -2, UNLABELLED
SHOW = ("all", "suspicious", "not yet decided")


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
    if show == "not yet decided":
        state = services().reviews().state(tuple(services().lineage(inspection.key)))
        wanted &= np.array([name not in state for name in inspection.dataset.ids])
    rows = np.flatnonzero(wanted)
    column = inspection.suspicion if score == "suspicion" else inspection.scores[score]
    # NaN (not scorable) goes last
    return rows[np.argsort(-np.nan_to_num(np.asarray(column)[rows], nan=-np.inf), kind="stable")]


def _asked(inspection, choices: list[int], scores: list[str]) -> None:
    """Set the widgets from an address's `sel`: class.score.page."""
    parts = asked_view("gallery").split(".")
    if len(parts) == 3 and parts[0].lstrip("-").isdigit() and int(parts[0]) in choices and parts[1] in scores and parts[2].isdigit():
        st.session_state["gallery_view"] = (int(parts[0]), parts[1], max(int(parts[2]), 1))


def _move(step: int) -> None:
    st.session_state["gallery_page"] = max(1, st.session_state.get("gallery_page", 1) + step)


def _to_first() -> None:
    st.session_state["gallery_page"] = 1


@st.fragment
def _gallery(inspection) -> None:
    choices, scores = _choices(inspection), ["suspicion", *inspection.scores]
    _asked(inspection, choices, scores)
    choice0, score0, page0 = st.session_state.pop("gallery_view", None) or st.session_state.get("gallery_now", (choices[0], "suspicion", 1))
    first, second, third, fourth = st.columns([2.1, 1.5, 1.3, 2.6], vertical_alignment="bottom")
    choice = first.selectbox(
        "Given label", choices, index=choices.index(choice0) if choice0 in choices else 0, format_func=lambda c: _class_words(inspection, c), on_change=_to_first
    )
    score = second.selectbox("Sorted by", scores, index=scores.index(score0) if score0 in scores else 0, format_func=lambda s: SCORE_WORDS.get(s, s), on_change=_to_first)
    show = third.selectbox("Show", SHOW, on_change=_to_first)
    rows = _rows(inspection, choice, score, show)
    pages = max(1, -(-len(rows) // PAGE_TILES))
    page = min(st.session_state.setdefault("gallery_page", page0), pages)
    st.session_state["gallery_page"] = page
    with fourth:
        back, middle, on = st.columns([1, 1.3, 1], vertical_alignment="center")
        back.button("‹ Back", key="gallery_back", on_click=_move, args=(-1,), disabled=page <= 1, width="stretch")
        middle.markdown(f"page **{page:,}** of {pages:,}")
        on.button("Next ›", key="gallery_next", on_click=_move, args=(1,), disabled=page >= pages, width="stretch")
    st.session_state["gallery_now"] = (choice, score, page)
    remember_view("gallery", f"{choice}.{score}.{page}")
    if len(rows) == 0:
        st.info("No image fits. Choose another class, or show all.")
        return
    shown = rows[(page - 1) * PAGE_TILES : page * PAGE_TILES]
    following = rows[page * PAGE_TILES : (page + 1) * PAGE_TILES]
    grid(
        inspection,
        shown,
        key="gallery_grid",
        writer=writer(),
        threshold_at=_line(inspection, shown, score),
        next_rows=following,
    )


def _line(inspection, shown: np.ndarray, score: str) -> int | None:
    """Tiles above the threshold line on this page; None where the line is not on it or the order is another."""
    if score != "suspicion":
        return None
    above = int(inspection.is_suspicious[shown].sum())
    return above if 0 < above < len(shown) else None


inspection = need("gallery")
st.title("Gallery")
_gallery(inspection)
