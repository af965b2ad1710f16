"""What a verdict leaves open: where a trained network disagrees with it, and how small a pattern the search would have found."""

from __future__ import annotations

import streamlit as st

from core.errors import UserError
from core.evaluation import Dissent, dissent
from core.sensitivity import sensitivity_lines
from core.types import Inspection, class_title
from core.workspace import STAGE_WORDS, State
from ui.app.cache import CACHE
from ui.app.services import services
from ui.words import duration, plain

NAMED = 3


def dissent_words(inspection: Inspection) -> str:
    """Where a trained network sees something that the verdict does not explain, in a sentence or two of Markdown; "" for nowhere."""
    found: list[Dissent] = CACHE.of(inspection, "dissent", lambda: dissent(inspection))
    if not found:
        return ""
    names = inspection.dataset.classes
    sizes = [int((inspection.dataset.labels == one.label).sum()) for one in found[:NAMED]]
    named = [
        f"**{plain(class_title(names[one.label]))}** ({len(one.rows):,} of {size:,} images)"
        for one, size in zip(found, sizes, strict=False)
    ]
    more = f" and {len(found) - NAMED:,} more" if len(found) > NAMED else ""
    return (
        f"A trained network sees two kinds of images in {', '.join(named)}{more}, and the verdict holds nothing against most of the smaller kind. "
        "It may be two honest kinds of one class, or a trigger that was not found: look at them in the class's gallery, sorted by *two kinds in its class*."
    )


def sensitivity_section(inspection: Inspection) -> None:
    """How blind the search was in this very set: measured, being measured, or the offer to measure it."""
    st.subheader("How small a pattern would have been found?")
    known, state = services().sensitivity(inspection.key), services().sensitivity_state(inspection.key)
    if known is not None:
        st.markdown(
            "Known patterns were put on images of this set in memory, under wrong labels, and searched for in the same way:\n"
            + "\n".join(f"- {plain(line, 300)}" for line in sensitivity_lines(known))
        )
        st.caption(
            "Each kind was planted in a few classes at a time; a planting counts as found where one finding of its class holds half of its images. "
            "Patterns under right labels, and kinds that are not listed, may be harder to find."
        )
    elif state is not None and state.state == "running":
        _running(inspection)
    else:
        if state is not None and state.state == "failed":
            st.error(f"The measurement stopped: {plain(state.message, 400)}")
        st.caption(
            "Not measured yet. It plants known patterns in a copy of this set in memory and takes up to one and a half times as long as the scan."
        )
        if st.button("Measure it", key="start_sensitivity"):
            try:
                services().start_sensitivity(inspection.key)
            except UserError as error:
                st.error(plain(str(error), 400))
                return
            st.rerun()


@st.fragment(run_every=1.5)
def _running(inspection: Inspection) -> None:
    state: State | None = services().sensitivity_state(inspection.key)
    if state is None or state.state != "running":
        st.rerun()
    left, right = st.columns([5, 1], vertical_alignment="bottom")
    words = f"Planting and searching: {STAGE_WORDS.get(state.stage, state.stage)}"
    words += f", {duration(state.left)} left in this step" if state.left is not None else ""
    left.progress(min(state.done / state.total, 1.0) if state.total else 0.0, text=words)
    if right.button("Cancel", key="cancel_sensitivity", width="stretch"):
        services().cancel_sensitivity(inspection.key)


def measured(inspection: Inspection) -> bool:
    """Whether it is known how small a pattern would have been found."""
    return services().sensitivity(inspection.key) is not None
