"""What is in the set, how suspicious it is, what could not be read, and how to open another."""

import numpy as np
import pandas as pd
import streamlit as st

from core.evaluation import headline
from core.types import UNLABELLED, VERDICTS, Inspection, class_title
from ui.app.cache import CACHE
from ui.app.services import services
from ui.charts.charts import class_counts, confused_pairs, suspicion_histogram, suspicious_by_class
from ui.navigation import pages
from ui.scanning import follow, open_source_form
from ui.sidebar import source_name
from ui.state import current, remember_view
from ui.widgets.doubts import dissent_words
from ui.widgets.verdict_card import mistakes_strip, steps, verdict_card
from ui.words import VERDICT_WORDS, class_titles, plain

CHART = {"displayModeBar": False}
MOST_PAIRS, PAIRS_SEEN = 1000, 9


def _identity() -> str:
    """Source whose scan is followed: the one in view, or the one that was started last."""
    followed = st.session_state.get("followed")
    if followed:
        return str(followed)
    return services().first_source_identity()


def _numbers(inspection: Inspection) -> None:
    dataset = inspection.dataset
    suspicious = int(inspection.is_suspicious.sum()) if inspection.suspicion is not None else None
    unlabelled = int((dataset.labels == UNLABELLED).sum())
    cells = [("Images", f"{len(dataset):,}"), ("Classes", f"{len(dataset.classes):,}")]
    cells += [("Suspicious", f"{suspicious:,} ({100 * suspicious / len(dataset):.1f} %)" if suspicious is not None else "…")]
    cells += [("Unlabelled", f"{unlabelled:,}")] if unlabelled else []
    cells += [("Skipped files", f"{len(dataset.skipped):,}")]
    for column, (name, value) in zip(st.columns(len(cells)), cells, strict=True):
        column.metric(name, value)


def _verdicts(inspection: Inspection) -> None:
    judged = np.asarray([] if inspection.verdicts is None else inspection.verdicts, dtype=np.int8)
    counts = {VERDICT_WORDS[name]: int((judged == i).sum()) for i, name in enumerate(VERDICTS)}
    said = ", ".join(f"**{count:,}** {words}" for words, count in counts.items() if count and words != "clean")
    st.markdown(f"Verdicts: {said or 'nothing stands out'}.")
    st.caption(
        "Suspicion is the estimated chance that something is wrong with an image: that its label contradicts what it shows, judged by "
        "images like it, or that a planted pattern explains the label. "
        f"From {inspection.threshold:.2f} on, an image is suspicious. It cannot see poison whose labels are right and whose images share no pattern."
    )


def _notes(inspection: Inspection) -> None:
    for note in inspection.notes:
        st.caption(plain(note, 400))


def _charts(inspection: Inspection) -> None:
    left, right = st.columns(2)
    with left:
        st.subheader("How suspicious")
        st.plotly_chart(suspicion_histogram(inspection), key="histogram", config=CHART)
    with right:
        st.subheader("By given label")
        st.plotly_chart(suspicious_by_class(inspection), key="by_class", config=CHART)


def _confusions(inspection: Inspection) -> None:
    """Pairs of labels as a list: a matrix of a thousand classes would show nothing."""
    pairs = confused_pairs(inspection)
    if not pairs:
        return
    st.subheader("Which labels are confused")
    names = [class_title(name) for name in inspection.dataset.classes]
    shown = f", the commonest {MOST_PAIRS:,} of {len(pairs):,} pairs" if len(pairs) > MOST_PAIRS else ""
    st.caption(f"Suspicious images whose content looks like another class, by given label and suggestion{shown}.")
    table = pd.DataFrame(
        [(names[a], names[b], n) for a, b, n in pairs[:MOST_PAIRS]], columns=["given label", "content looks like", "images"]
    )
    st.dataframe(table, hide_index=True, height=35 * min(len(table) + 1, PAIRS_SEEN) + 3)


def _tables(inspection: Inspection) -> None:
    counts = class_counts(inspection)
    titles = class_titles(inspection.dataset.classes)
    with st.expander(f"All {len(inspection.dataset.classes):,} classes"):
        # a name beside the set's own, where people call the class otherwise
        known = {"known as": [titles.get(name, "") for name in inspection.dataset.classes]} if titles else {}
        table = pd.DataFrame({"class": inspection.dataset.classes, **known, **counts})
        table["share suspicious"] = table["suspicious"] / table["images"].clip(lower=1)
        st.dataframe(table, hide_index=True, column_config={"share suspicious": st.column_config.NumberColumn(format="percent")})
    if inspection.dataset.skipped:
        with st.expander(f"{len(inspection.dataset.skipped):,} files were skipped, and why"):
            st.dataframe(pd.DataFrame([{"file": s.file, "reason": s.reason} for s in inspection.dataset.skipped]), hide_index=True)


def _card(inspection: Inspection) -> None:
    """The verdict in words and pictures, and the one thing to do next."""
    said = CACHE.of(inspection, "headline", lambda: headline(inspection))
    state, suspects = services().review_state(inspection), inspection.is_suspicious
    decided = int((suspects & ~state.undecided).sum())
    proved = services().proof_result(inspection.key) is not None
    if doubt := dissent_words(inspection):
        st.warning(doubt)
    st.html(
        f'<div class="taster-card">{steps(inspection, decided, proved=proved)}{CACHE.of(inspection, "card", lambda: verdict_card(inspection, said))}</div>'
    )
    if suspects.any() and decided == int(suspects.sum()):
        st.success(f"All {decided:,} suspicious images are decided. Next: prove that training on the result is safe, or export it.")
        _buttons([("prove", "Prove it"), ("export", "Export the cleansed set")])
    elif said.finding is not None:
        _buttons(
            [("triggers", f"Review the {len(said.finding.rows):,} together"), ("relabel", "One by one"), ("map", "See them on the map")]
        )
    elif len(said.mistakes):
        _buttons(
            [
                ("relabel", f"Review the {len(said.mistakes):,} images"),
                ("gallery", "Look through the classes"),
                ("map", "See them on the map"),
            ]
        )
    elif said.kind == "nothing":
        _buttons([("triggers", "What would have been missed?"), ("gallery", "Look through the classes"), ("map", "See the map")])
    if more := CACHE.of(inspection, "mistakes", lambda: mistakes_strip(inspection, said)):
        st.html(f'<div class="taster-card">{more}</div>')


def _buttons(targets: list[tuple[str, str]]) -> None:
    """The first is the one thing to do next."""
    for column, (page, label) in zip(st.columns([1.3] * len(targets) + [max(0.2, 4 - len(targets))]), targets, strict=False):
        if column.button(label, type="primary" if page == targets[0][0] else "secondary", key=f"go_{page}", width="stretch"):
            st.switch_page(pages()[page])


inspection = current()
st.title(source_name(inspection) if inspection is not None else "Taster")
follow(_identity())
if inspection is None:
    state = services().scan_state(_identity())
    if state is None:
        st.info("No set has been scanned yet. Give the path of a folder or file below; `demo` opens the built-in handwritten digits.")
        open_source_form()
else:
    remember_view("overview")
    if inspection.suspicion is not None:
        _card(inspection)
    _numbers(inspection)
    _notes(inspection)
    if inspection.suspicion is not None:
        _verdicts(inspection)
        _charts(inspection)
        _confusions(inspection)
        _tables(inspection)
