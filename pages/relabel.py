"""The queue: one suspect after another, with its neighbours and a suggestion; one key decides."""

import numpy as np
import streamlit as st

from ui.components import queue
from ui.empty import need
from ui.inspector import open_inspector
from ui.state import asked_view, remember_view, writer
from ui.wording import VERDICT_WORDS

ALL = -2
WHICH = ("suspicious", "all, most suspicious first", *[words for name, words in VERDICT_WORDS.items() if name != "clean"])
VERDICT_OF = {words: number for number, words in enumerate(VERDICT_WORDS.values())}


def _rows(inspection, choice: int, which: str) -> np.ndarray:
    wanted = np.ones(len(inspection.dataset), dtype=bool) if choice == ALL else inspection.dataset.labels == choice
    if which == "suspicious":
        wanted &= inspection.is_suspicious
    elif which in VERDICT_OF:
        wanted &= inspection.verdicts == VERDICT_OF[which]
    rows = np.flatnonzero(wanted)
    return rows[np.argsort(-inspection.suspicion[rows], kind="stable")]


def _asked(classes: int) -> None:
    choice, _, which = asked_view("relabel").partition(".")
    if choice.lstrip("-").isdigit() and -2 <= int(choice) < classes and which.isdigit() and int(which) < len(WHICH):
        st.session_state["relabel_now"] = (int(choice), WHICH[int(which)])


inspection = need("relabel")
st.title("Relabel")
_asked(len(inspection.dataset.classes))
suspects = np.bincount(
    inspection.dataset.labels[inspection.is_suspicious & (inspection.dataset.labels >= 0)], minlength=len(inspection.dataset.classes)
)
choices = [ALL, *np.argsort(-suspects, kind="stable").tolist()]
choice0, which0 = st.session_state.get("relabel_now", (ALL, WHICH[0]))
left, right, _ = st.columns([1.4, 1.6, 2])
which = left.selectbox("Review", WHICH, index=WHICH.index(which0))
choice = right.selectbox(
    "Given label",
    choices,
    index=choices.index(choice0) if choice0 in choices else 0,
    format_func=lambda c: "Any" if c == ALL else f"{inspection.dataset.classes[c]}  ({suspects[c]:,} suspicious)",
)
st.session_state["relabel_now"] = (choice, which)
remember_view("relabel", f"{choice}.{WHICH.index(which)}")
rows = _rows(inspection, choice, which)
if len(rows):
    state = queue(inspection, rows, key=f"queue-{inspection.key}-{choice}-{WHICH.index(which)}", writer=writer())
    if state.inspect is not None:
        open_inspector(inspection, int(state.inspect))
else:
    st.success("Nothing to review here. Choose another group above.")
