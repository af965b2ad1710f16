"""What will change, then the cleansed set, the decisions and the scores, written or downloaded."""

import functools
import tempfile
from pathlib import Path

import pandas as pd
import streamlit as st

from core.errors import UserError
from core.exports import EXPORTS, export
from core.scans import source_path
from ui.app.services import services
from ui.empty import need
from ui.state import remember_view
from ui.words import plain

DOWNLOADS = (
    ("Scores and decisions, CSV", "csv", "scores.csv"),
    ("Scores and decisions, Parquet", "parquet", "scores.parquet"),
    ("Decisions, CSV", "decisions", "decisions.csv"),
    ("Report, HTML", "report", "report.html"),
)


def _preview(inspection, state) -> None:
    counts, undecided = state.changes(), int((inspection.is_suspicious & state.undecided).sum())
    put_off = sum(decision.action == "needs_review" for _, decision in state.decided)
    cells = (
        ("Kept as they are", counts["unchanged"]),
        ("Relabelled", counts["relabelled"]),
        ("Excluded", counts["excluded"]),
        ("Need review (undecided, kept)", put_off),
        ("Suspicious, undecided (kept)", undecided),
    )
    for column, (name, value) in zip(st.columns(len(cells)), cells, strict=True):
        column.metric(name, f"{value:,}")
    if undecided:
        st.warning(f"{undecided:,} suspicious images are undecided: they stay in the set with the label they have.")
    with st.expander("Images per class, before and after"):
        rows = [(name, before, after) for name, (before, after) in state.class_counts().items()]
        st.dataframe(pd.DataFrame(rows, columns=["class", "before", "after"]), hide_index=True)


def _title(name: str) -> str:
    title = EXPORTS[name].title
    return title[:1].upper() + title[1:]


def _write(inspection, state) -> None:
    st.subheader("Write to disk")
    with st.form("write", border=True):
        left, right = st.columns([2, 1])
        to = left.selectbox("What", list(EXPORTS), format_func=_title, key="export_to")
        link = right.selectbox(
            "Images in a folder", ("copy", "hard"), format_func={"copy": "as copies", "hard": "as hard links"}.get, key="export_link"
        )
        out = st.text_input("Where", placeholder="/data/cleansed  –  a new path on this machine, outside the source", key="export_out")
        if st.form_submit_button("Write", type="primary"):
            _write_now(inspection, state, to, link, out.strip())


def _write_now(inspection, state, to: str, link: str, out: str) -> None:
    if not out:
        st.error("No path was given – a new path on this machine, outside the source")
        return
    try:
        with st.spinner("Writing…"):
            written = export(
                inspection,
                state,
                to=to,
                out=Path(out).expanduser(),
                source=source_path(services().workspace, inspection.key),
                link=link,
            )
    except UserError as error:
        st.error(plain(str(error), 400))
        return
    st.success("Written: " + ", ".join(plain(str(path), 200) for path in written))


def _downloads(inspection, state) -> None:
    st.subheader("Download")

    def written(to: str, name: str) -> bytes:
        with tempfile.TemporaryDirectory() as folder:
            main, *_ = export(inspection, state, to=to, out=Path(folder) / name, source=source_path(services().workspace, inspection.key))
            return main.read_bytes()

    for column, (label, to, name) in zip(st.columns(len(DOWNLOADS)), DOWNLOADS, strict=True):
        column.download_button(
            label,
            functools.partial(written, to, name),
            file_name=f"taster-{inspection.key[:8]}-{name}",
            key=f"download:{name}",
            on_click="ignore",
            width="stretch",
        )


inspection = need("export")
remember_view("export")
st.title("Export")
state = services().review_state(inspection)
st.caption("Only what was decided changes anything; the source itself is never touched.")
_preview(inspection, state)
_write(inspection, state)
_downloads(inspection, state)
