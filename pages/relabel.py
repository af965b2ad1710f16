"""The queue: one suspect after another, with its neighbours and a proposal; one key decides. Below it: many at once."""

import numpy as np
import streamlit as st

from core.cleansing import Proposals
from core.reviews import review_order
from core.types import Inspection, Int64, class_title
from ui.api.proposed import proposals_of
from ui.app.services import services
from ui.page import show
from ui.state import asked_view, remember_view, writer
from ui.widgets.audit import decided_together
from ui.widgets.components import queue
from ui.widgets.inspector import open_inspector
from ui.widgets.proposal_audit import GROUP, counts_by_class, in_words, proposal_audit, sure_rows
from ui.words import VERDICT_WORDS

ALL = -2
HARM, SUSPICION = "suspicious, most harm first", "suspicious, most suspicious first"
# an address holds the place in this list, so what is new is put at its end
WHICH = (SUSPICION, "all, most suspicious first", *[words for name, words in VERDICT_WORDS.items() if name != "clean"], HARM)
SHOWN = (HARM, *WHICH[:-1])
VERDICT_OF = {words: number for number, words in enumerate(VERDICT_WORDS.values())}
USUAL_PERCENT = 90
ROWS_SHOWN = 6


def _by_harm(inspection: Inspection) -> Int64:
    """Suspects by harm, those that are decided last; made once, because a queue that is sorted again jumps."""
    kept = st.session_state.setdefault("harm_order", {})
    if inspection.key not in kept:
        made = proposals_of(inspection)
        sure = np.full(len(inspection.dataset), np.nan, np.float32) if made is None else made.confidence
        first = review_order(inspection, sure, services().review_state(inspection).undecided).rows
        rest = np.setdiff1d(np.flatnonzero(inspection.is_suspicious), first)
        kept[inspection.key] = np.concatenate([first, inspection.ranked(rest)])
    order: Int64 = kept[inspection.key]
    return order


def _rows(inspection: Inspection, choice: int, which: str) -> Int64:
    wanted = np.ones(len(inspection.dataset), dtype=bool) if choice == ALL else inspection.dataset.labels == choice
    if which == HARM:
        rows = _by_harm(inspection)
        return np.asarray(rows[wanted[rows]])
    if which == SUSPICION:
        wanted &= inspection.is_suspicious
    elif which in VERDICT_OF:
        wanted &= np.asarray(inspection.verdicts == VERDICT_OF[which])
    return inspection.ranked(np.flatnonzero(wanted))


def _asked(classes: int) -> None:
    choice, _, which = asked_view("relabel").partition(".")
    if choice.lstrip("-").isdigit() and -2 <= int(choice) < classes and which.isdigit() and int(which) < len(WHICH):
        st.session_state["relabel_now"] = (int(choice), WHICH[int(which)])


def _saved() -> None:
    """Many were decided, or taken back: the order is made anew for what is left."""
    st.session_state.pop("harm_order", None)


@st.fragment
def _many(inspection: Inspection, made: Proposals) -> None:
    if "accept_many" not in st.session_state:
        # as it was left, when the page is opened again; a value that moves with it would draw everything in it anew
        st.session_state["accept_many_first"] = st.session_state.get("accept_many_open", False)
    box = st.expander("Accept many proposals at once", key="accept_many", on_change="rerun", expanded=st.session_state["accept_many_first"])
    st.session_state["accept_many_open"] = bool(box.open)
    if not box.open:
        return
    with box:
        st.markdown(
            "Choose how sure a proposal must be and look at a random sample of those proposals. Then all that nobody has decided yet "
            "can be accepted as one decision, which one undo takes back. What people decided stays as it is."
        )
        left, right = st.columns([1, 1.4], gap="large")
        # the widget's own state is gone after a change of page; a default that moves with it would make it a new widget
        st.session_state.setdefault("accept_slider", st.session_state.get("accept_from", USUAL_PERCENT))
        percent = left.slider("Proposals that are at least this sure", 50, 100, key="accept_slider", format="%d %%")
        st.session_state["accept_from"] = percent
        rows, undecided = sure_rows(made, percent), services().review_state(inspection).undecided
        left.markdown(in_words(made, rows, undecided, percent))
        table = counts_by_class(inspection, made, rows[undecided[rows]])
        if table:
            right.dataframe(
                table,
                hide_index=True,
                height=35 * min(len(table) + 1, ROWS_SHOWN) + 3,
                column_config={"new labels (images)": st.column_config.TextColumn(width="medium")},
            )
        _audit_many(inspection, made, percent)


def _audit_many(inspection: Inspection, made: Proposals, percent: int) -> None:
    standing = decided_together(services().review_state(inspection).log, inspection, GROUP)
    state = proposal_audit(inspection, made, percent, key="accept_audit", writer=writer(), standing=standing, on_saved=_saved)
    if state.saved is not None:
        # the queue and the counts in the sidebar stand outside of this part
        st.rerun()


def _choose(inspection: Inspection) -> tuple[int, str]:
    """The given label, or ALL, and which of its images."""
    _asked(len(inspection.dataset.classes))
    suspects = np.bincount(
        inspection.dataset.labels[inspection.is_suspicious & (inspection.dataset.labels >= 0)], minlength=len(inspection.dataset.classes)
    )
    choices = [ALL, *np.argsort(-suspects, kind="stable").tolist()]
    choice0, which0 = st.session_state.get("relabel_now", (ALL, HARM))
    left, right, _ = st.columns([1.6, 1.6, 1.8])
    which: str = left.selectbox(  # type: ignore[assignment]
        "Review",
        SHOWN,
        index=SHOWN.index(which0),
        help="Most harm first: one image of each group of like suspects, the group first in which most is at stake; then the others.",
    )
    choice: int = right.selectbox(  # type: ignore[assignment]
        "Given label",
        choices,
        index=choices.index(choice0) if choice0 in choices else 0,
        format_func=lambda c: "Any" if c == ALL else f"{class_title(inspection.dataset.classes[c])}  ({suspects[c]:,} suspicious)",
    )
    st.session_state["relabel_now"] = (choice, which)
    remember_view("relabel", f"{choice}.{WHICH.index(which)}")
    return choice, which


def _draw(inspection: Inspection) -> None:
    choice, which = _choose(inspection)
    rows = _rows(inspection, choice, which)
    if len(rows):
        state = queue(inspection, rows, key=f"queue-{inspection.key}-{choice}-{WHICH.index(which)}", writer=writer())
        if state.inspect is not None:
            open_inspector(inspection, int(state.inspect))
    else:
        st.success("Nothing to review here. Choose another group above.")
    made = proposals_of(inspection)
    if made is not None and (made.actions != 0).any():
        _many(inspection, made)


show("relabel", _draw)
