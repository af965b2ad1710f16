"""Patterns that predict a label although they are no content, the images that carry them, and a decision on them all."""

from typing import Any

import streamlit as st

from core.types import UNSEEN, Finding, Inspection
from ui.app.services import services
from ui.charts.charts import contents_chart
from ui.navigation import link
from ui.page import show, wait_until
from ui.state import asked_view, remember_view, writer
from ui.widgets.audit import decided_together
from ui.widgets.carrier_audit import carrier_audit
from ui.widgets.components import grid, nothing
from ui.widgets.doubts import dissent_words, measured, sensitivity_section
from ui.widgets.inspector import open_inspector
from ui.widgets.trigger_views import class_words, evidence, facts, one_line, score_histogram, shortcut_line
from ui.words import KIND_WORDS

CHART = {"displayModeBar": False}
PAGE_TILES = 100


def _not_looked_yet(inspection: Inspection) -> None:
    if services().at_work(inspection.key):
        st.info("The scan is still at work; this page opens by itself when it has looked for triggers.")
        wait_until(_looked)
    else:
        st.info(
            "Nobody has looked for triggers in this scan yet: it was stopped before, or made by an older version of Taster. "
            "Scan the set again on the Overview page; what was computed already is kept."
        )
    link("overview", "Go to Overview")


def _looked(inspection: Inspection) -> bool:
    return inspection.content is not None


def _nothing_found(inspection: Inspection) -> None:
    said = "Nothing was found that predicts a label without being content."
    if measured(inspection):
        st.success(f"{said} What the search finds in this very set, and what it misses, is measured below.")
    else:
        st.info(f"{said} How small a pattern it would have found in this set is not known: measure it below.")
    sensitivity_section(inspection)
    st.markdown(
        "Taster looked in every class for a pattern that far more of its images share than images of other classes do, and for groups that a trained network "
        "parts from their class. That it found none does not prove the set clean. This page cannot see:\n"
        "- **label mistakes**, and wrong labels without a pattern: the Relabel page shows those,\n"
        "- **triggers that differ from image to image** where they are weak and few, such as a slight bend of one image in a hundred,\n"
        "- **patterns on very few images**: at least a dozen, and one in 250 of its class, must carry it,\n"
        "- **patterns smaller than a few pixels** at the size the images are looked at, and ordinary objects used as triggers."
    )
    left, right, _ = st.columns([1.3, 1.2, 2])
    with left:
        link("relabel", "Review suspicious images")
    with right:
        link("gallery", "Look through the classes")


def _chosen(inspection: Inspection) -> Finding:
    """The finding in view: from the list, else from the address, else as before, else the strongest."""
    by_id = {finding.trigger_id: finding for finding in inspection.findings}
    names, kept = list(by_id), f"trigger_now:{inspection.key}"
    asked = asked_view("triggers")
    if asked in by_id:
        st.session_state[kept] = asked
        st.session_state["trigger_list"] = asked
    now = st.session_state.get(kept, names[0])
    if len(names) > 1:
        # the widget's own state is gone after a change of page
        if st.session_state.get("trigger_list") not in names:
            st.session_state["trigger_list"] = now if now in names else names[0]
        now = st.radio(
            "What was found, the strongest first", names, key="trigger_list", format_func=lambda name: one_line(inspection, by_id[name])
        )
    now = now if now in by_id else names[0]
    st.session_state[kept] = now
    remember_view("triggers", now)
    return by_id[now]


def _facts(inspection: Inspection, finding: Finding) -> None:
    left, right = st.columns([1, 1])
    with left:
        st.subheader("What is known")
        st.markdown("\n".join(f"- {fact}" for fact in facts(inspection, finding)))
    with right:
        if finding.kind == UNSEEN:
            st.subheader("What their content looks like")
            st.plotly_chart(contents_chart(inspection, finding.rows), key="group_contents", config=CHART)
            return
        st.subheader("Who carries it")
        st.plotly_chart(score_histogram(finding), key="trigger_scores", config=CHART)


def _decide(inspection: Inspection, finding: Finding) -> None:
    st.subheader("Decide all images of the group" if finding.kind == UNSEEN else "Decide all triggered images")
    carrier_audit(
        inspection,
        finding,
        key="trigger_audit",
        writer=writer(),
        standing=decided_together(services().review_state(inspection).log, inspection, finding.trigger_id),
        on_saved=nothing,
    )


@st.fragment
def _gallery(inspection: Inspection, finding: Finding) -> None:
    st.subheader("Every image of the group" if finding.kind == UNSEEN else "Every image that carries it")
    groups = {"judged poisoned": finding.rows, "covers": finding.covers}
    shown = [name for name, rows in groups.items() if len(rows)]
    if not st.toggle("Show them as a gallery", key="trigger_gallery"):
        return
    which = shown[0]
    if len(shown) > 1:
        words = {name: f"{name} ({len(groups[name]):,})" for name in shown}
        which = st.radio("Which", shown, horizontal=True, label_visibility="collapsed", format_func=lambda name: words[name]) or which
    asked = grid(inspection, groups[which], key="trigger_grid", writer=writer(), page_size=PAGE_TILES, on_inspect=nothing).inspect
    if asked:
        # one place opens the inspector: a dialog of the fragment would not come after one of the page
        st.session_state["trigger_inspect"] = int(asked["row"])
        st.rerun()


def _shortcuts(inspection: Inspection) -> None:
    """What most of a class shares: no poison, and yet what a model may learn instead of the content."""
    if not inspection.shortcuts:
        return
    st.subheader("Shortcuts: what most of a class shares")
    st.caption(
        "Not poison: most images of these classes share a look, and show what their label says. A model may learn the look instead of the thing "
        "(a spurious feature), and then fails where the look is missing. None of these images is suspicious for it."
    )
    for finding in inspection.shortcuts:
        with st.expander(shortcut_line(inspection, finding)):
            evidence(inspection, finding, key=f"shortcut_{finding.trigger_id}")


def _look_closely(inspection: Inspection, asked: Any) -> None:
    """Open the inspector where the strip asks for it, or the gallery did before this run."""
    row = st.session_state.pop("trigger_inspect", None)
    if asked or row is not None:
        open_inspector(inspection, int(asked["row"]) if asked else row)


def _draw(inspection: Inspection) -> None:
    if doubt := dissent_words(inspection):
        st.warning(doubt)
    if not _looked(inspection):
        _not_looked_yet(inspection)
    elif not inspection.findings:
        _nothing_found(inspection)
        _shortcuts(inspection)
    else:
        finding = _chosen(inspection)
        kind = KIND_WORDS[finding.kind]
        st.subheader(f"{finding.trigger_id}: {kind} → {class_words(inspection, finding)}")
        _look_closely(inspection, evidence(inspection, finding, key="trigger_evidence").inspect)
        _facts(inspection, finding)
        _decide(inspection, finding)
        _gallery(inspection, finding)
        _shortcuts(inspection)
        sensitivity_section(inspection)


show("triggers", _draw)
