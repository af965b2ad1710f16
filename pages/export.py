"""What will change, then the cleansed set, the decisions and the scores, written or downloaded."""

import io
import tempfile
from pathlib import Path

import pandas as pd
import streamlit as st

from core.errors import UserError
from core.exports import cleansed_plan, export, scores_table
from core.reviews import fold
from core.scans import source_path
from ui.app.services import services
from ui.empty import need
from ui.state import remember_view
from ui.words import plain

WRITTEN = {
    "folder": "Cleansed set as an image folder, with its records",
    "manifest-csv": "Cleansed set as a manifest (CSV)",
    "manifest-parquet": "Cleansed set as a manifest (Parquet)",
    "csv": "Table of scores and decisions (CSV)",
    "parquet": "Table of scores and decisions (Parquet)",
    "decisions": "Log of decisions (CSV)",
    "cleanlab": "Columns as cleanlab names them",
    "fiftyone": "Samples for FiftyOne",
    "report": "Report, one HTML file for people",
}


def _preview(inspection, state) -> None:
    plan = cleansed_plan(inspection, state)
    counts = plan.counts()
    cells = (
        ("Kept as they are", counts["unchanged"]),
        ("Relabelled", counts["relabelled"]),
        ("Excluded", counts["excluded"]),
        ("Need review (kept)", plan.needs_review),
        ("Suspicious, undecided (kept)", plan.undecided_suspicious),
    )
    for column, (name, value) in zip(st.columns(len(cells)), cells, strict=True):
        column.metric(name, f"{value:,}")
    if plan.undecided_suspicious:
        st.warning(f"{plan.undecided_suspicious:,} suspicious images are undecided: they stay in the set with the label they have.")
    with st.expander("Images per class, before and after"):
        st.dataframe(
            pd.DataFrame({"class": inspection.dataset.classes, "before": list(plan.before), "after": list(plan.after)}), hide_index=True
        )


def _write(inspection, state, log) -> None:
    st.subheader("Write to disk")
    with st.form("write", border=True):
        left, right = st.columns([2, 1])
        to = left.selectbox("What", list(WRITTEN), format_func=WRITTEN.get, key="export_to")
        link = right.selectbox(
            "Images in a folder", ("copy", "hard"), format_func={"copy": "as copies", "hard": "as hard links"}.get, key="export_link"
        )
        out = st.text_input("Where", placeholder="/data/cleansed  –  a new path on this machine, outside the source", key="export_out")
        if st.form_submit_button("Write", type="primary"):
            _write_now(inspection, state, log, to, link, out.strip())


def _write_now(inspection, state, log, to: str, link: str, out: str) -> None:
    if not out:
        st.error("No path was given – a new path on this machine, outside the source")
        return
    try:
        with st.spinner("Writing…"):
            written = export(
                inspection,
                state,
                log,
                to=to,
                out=Path(out).expanduser(),
                source=source_path(services().workspace, inspection.key),
                link=link,
            )
    except UserError as error:
        st.error(plain(str(error), 400))
        return
    st.success("Written: " + ", ".join(plain(str(path), 200) for path in written))


def _downloads(inspection, state, log) -> None:
    st.subheader("Download")

    def table(suffix: str) -> bytes:
        buffer = io.BytesIO()
        if suffix == "csv":
            import pyarrow.csv

            pyarrow.csv.write_csv(scores_table(inspection, state), buffer)
        else:
            import pyarrow.parquet

            pyarrow.parquet.write_table(scores_table(inspection, state), buffer)
        return buffer.getvalue()

    def written(to: str, name: str) -> bytes:
        with tempfile.TemporaryDirectory() as folder:
            main, *_ = export(
                inspection, state, log, to=to, out=Path(folder) / name, source=source_path(services().workspace, inspection.key)
            )
            return main.read_bytes()

    stem = f"taster-{inspection.key[:8]}"
    cells = (
        ("Scores and decisions, CSV", f"{stem}-scores.csv", lambda: table("csv")),
        ("Scores and decisions, Parquet", f"{stem}-scores.parquet", lambda: table("parquet")),
        ("Decisions, CSV", f"{stem}-decisions.csv", lambda: written("decisions", "decisions.csv")),
        ("Report, HTML", f"{stem}-report.html", lambda: written("report", "report.html")),
    )
    for column, (label, name, data) in zip(st.columns(len(cells)), cells, strict=True):
        column.download_button(label, data, file_name=name, key=f"download:{name}", on_click="ignore", width="stretch")


inspection = need("export")
remember_view("export")
st.title("Export")
log = services().reviews().log(tuple(services().lineage(inspection.key)))
state = fold(log)
st.caption("Only what was decided changes anything; the source itself is never touched.")
_preview(inspection, state)
_write(inspection, state, log)
_downloads(inspection, state, log)
