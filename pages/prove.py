"""Victims trained on the set before and after cleansing: how accurate they are, and how often the attack works."""

import pandas as pd
import streamlit as st

from core.errors import UserError
from core.proofs import decisions_digest
from ui.app.services import services
from ui.charts.proof_views import (
    draw_curves,
    draw_examples,
    how_it_was_done,
    rows_in_words,
    seconds_expected,
    verdict,
)
from ui.empty import need
from ui.navigation import link
from ui.state import remember_view
from ui.words import duration, plain

SEEDS = (1, 2, 3, 5)


def _start(inspection, label: str) -> None:
    left, right = st.columns([1, 3], vertical_alignment="bottom")
    seeds = left.selectbox(
        "Victims for each set",
        SEEDS,
        index=SEEDS.index(3),
        key="proof_seeds",
        help="Training differs from run to run; more victims give a surer mean.",
    )
    if right.button(label, type="primary", key="start_proof"):
        try:
            services().start_proof(inspection.key, seeds=seeds)
        except UserError as error:
            st.error(plain(str(error), 400))
            return
        st.rerun()


def _empty(inspection) -> None:
    images = len(inspection.dataset)
    side = inspection.findings[0].mask.shape[0] if inspection.findings else 32
    about = duration(round(seconds_expected(images, side, 3, known=True) / 10 + 0.5) * 10)
    st.markdown(
        "Does cleansing help? Taster trains the same small network – the *victim* – on the set as it is, on the set cleansed automatically, and on the set "
        "as you decided it. Then it asks each one:\n"
        "- **Accuracy**: how many clean test images, which no victim has seen, does it call right?\n"
        "- **Attack success**: once the trigger is put on test images, how many does it call what the attacker wants?\n\n"
        "The trigger is the one that is known, or else the strongest pattern that the scan found. The set itself is not changed."
    )
    st.caption(
        f"With three victims for each set this takes about {about} on one processor core, less on a GPU. It goes on when you close this page."
    )
    _start(inspection, "Train the victims")


@st.fragment(run_every=1.5)
def _running(inspection) -> None:
    state = services().proof_state(inspection.key)
    if state is None or state.state != "running":
        st.rerun()
    left, right = st.columns([5, 1], vertical_alignment="bottom")
    share = min(state.done / state.total, 1.0) if state.total else 0.0
    words = f"Training victims: {100 * share:.0f} %" if state.total else "Getting ready: choosing test images and the trigger"
    if st.session_state.get("proof_cancelled") == state.pid:
        words = "Cancelling; victims that are finished are kept"
    words += f", {state.rate:,.0f} images per second" if state.rate else ""
    words += f", {duration(state.left)} left" if state.left is not None else ""
    left.progress(share, text=words)
    if right.button("Cancel", key="cancel_proof", width="stretch", help="Victims that are finished are kept; training goes on from there."):
        services().cancel_proof(inspection.key)
        st.session_state["proof_cancelled"] = state.pid
    folder = services().proof(inspection.key)
    plan = folder.plan() if folder is not None else None
    if plan is not None and folder.curves():
        draw_curves(folder, plan, key="proof_live")


def _how_it_ended(state) -> None:
    if state.state == "failed":
        st.error(f"The training stopped: {plain(state.message, 400)}")
    elif state.state == "cancelled":
        st.warning("The training was cancelled. Victims that were finished are kept.")
    else:
        st.warning("The training was interrupted. Victims that were finished are kept.")


def _ended(inspection, state) -> None:
    _how_it_ended(state)
    folder = services().proof(inspection.key)
    plan = folder.plan() if folder is not None else None
    if plan is not None and folder.curves():
        draw_curves(folder, plan, key="proof_ended")
        _start(inspection, "Go on with the training")
    else:
        # nothing was trained yet: what this page is for has still to be said
        _empty(inspection)


def _results(inspection, folder, result) -> None:
    st.markdown(verdict(result))
    plan = folder.plan()
    if plan is not None and plan["decisions_digest"] != decisions_digest(services().review_state(inspection)):
        st.info("Decisions have been taken or undone since: train again to see what they change.")
    st.dataframe(pd.DataFrame(rows_in_words(result)), hide_index=True, width="stretch")
    st.caption("  \n".join(how_it_was_done(result)))
    if plan is not None:
        st.subheader("While they trained")
        draw_curves(folder, plan, key="proof_curves")
        if plan["trigger"]["how"]:
            st.subheader("The trigger at work")
            draw_examples(folder, plan)
    st.subheader("Again")
    st.caption("With the same decisions and as many victims, the result above stands; what has been trained is not trained again.")
    _start(inspection, "Train again")
    link("export", "Write the cleansed set")


inspection = need("prove")
remember_view("prove")
st.title("Prove")
state = services().proof_state(inspection.key)
known = services().proof_result(inspection.key)
if state is not None and state.state == "running":
    _running(inspection)
elif known is not None:
    if state is not None and state.state != "done":
        _how_it_ended(state)
        st.caption("Below is what the training before it found.")
    _results(inspection, *known)
elif state is not None and state.state != "done":
    _ended(inspection, state)
else:
    _empty(inspection)
