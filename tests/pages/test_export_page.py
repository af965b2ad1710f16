"""The export page: what will change, in numbers that add up, and downloads that are what `export` writes."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from streamlit.delta_generator import DeltaGenerator
from streamlit.testing.v1 import AppTest

from core.exports import EXPORTS, Export
from core.reviews import review_state
from tests.support.app_server import ROOT


def at_export() -> AppTest:
    test = AppTest.from_file(str(ROOT / "ui" / "shell.py"), default_timeout=180).run()
    return test.switch_page(str(ROOT / "pages" / "export.py")).run()


def test_a_class_that_a_reviewer_made_up_is_counted_too(app_over, workspace):
    made = app_over(workspace)
    inspection = made.inspection(made.newest_key("demo"))
    suspects = [inspection.dataset.ids[row] for row in np.flatnonzero(inspection.is_suspicious)[:3]]
    made.reviews().decide(inspection.dataset.digest, suspects[:1], "relabel", label="no digit", reviewer="Ada")
    made.reviews().decide(inspection.dataset.digest, suspects[1:2], "exclude", reviewer="Ada")
    made.reviews().decide(inspection.dataset.digest, suspects[2:], "needs_review", reviewer="Ada")
    test = at_export()
    assert not test.exception
    said = {metric.label: metric.value for metric in test.metric}
    assert said["Relabelled"] == said["Excluded"] == said["Need review (undecided, kept)"] == "1"
    # what needs review is among them
    assert said["Suspicious, undecided (kept)"] == f"{int(inspection.is_suspicious.sum()) - 2:,}"
    table = test.dataframe[0].value
    assert table["class"].tolist() == [*inspection.dataset.classes, "no digit"]
    assert table["before"].sum() == len(inspection.dataset) and table["after"].sum() == len(inspection.dataset) - 1
    assert table["after"].tolist()[-1] == 1


def test_every_format_can_be_chosen_a_new_one_too(app_over, workspace, monkeypatch):
    monkeypatch.setitem(EXPORTS, "ids", Export("ids", "ids of the images", "ids.txt", (".txt",), lambda job, path: [path]))
    app_over(workspace)
    options = at_export().selectbox(key="export_to").options
    assert len(options) == len(EXPORTS) and options[-1] == "Ids of the images"


def test_downloads_are_what_export_writes(app_over, workspace, monkeypatch):
    def renamed(inspection):
        classes = ("=cmd|' /C calc'!A0", *inspection.dataset.classes[1:])
        return replace(inspection, dataset=replace(inspection.dataset, classes=classes))

    made = app_over(workspace, change=renamed)
    inspection = made.inspection(made.newest_key("demo"))
    made.reviews().decide(inspection.dataset.digest, [inspection.dataset.ids[0]], "keep", reviewer="=Ada", note="@sum")
    given = {}
    monkeypatch.setattr(DeltaGenerator, "download_button", lambda self, label, data, **more: given.update({label: data}))
    assert not at_export().exception
    rows = list(csv.DictReader(io.StringIO(given["Scores and decisions, CSV"]().decode())))
    assert {row["label"] for row in rows} == {"'=cmd|' /C calc'!A0", *inspection.dataset.classes[1:]} and rows[0]["reviewer"] == "'=Ada"
    exact = pq.read_table(io.BytesIO(given["Scores and decisions, Parquet"]())).to_pylist()
    assert {row["label"] for row in exact} == set(inspection.dataset.classes) and exact[0]["reviewer"] == "=Ada"
    (line,) = csv.DictReader(io.StringIO(given["Decisions, CSV"]().decode()))
    assert line["note"] == "'@sum" and line["group"] == ""
    assert review_state(inspection.dataset, made.reviews().log(inspection.dataset.digest)).seq == int(line["seq"])
    assert given["Report, HTML"]().startswith(b"<!doctype html>")


@pytest.mark.parametrize("where", ["closed", "a\0b", "x" * 5000, "read-only", "taken", "~nobody-here/out"])
def test_a_place_that_cannot_be_is_one_line(app_over, workspace, tmp_path, where):
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "file").write_text("kept")
    places = {
        "closed": Path("/proc/1/root/out"),
        "read-only": Path("/proc/out"),
        "taken": tmp_path / "taken",
    }
    app_over(workspace)
    test = at_export()
    test.text_input(key="export_out").set_value(str(places.get(where, where)))
    next(button for button in test.button if button.label == "Write").click().run()
    assert not test.exception
    [error] = test.error
    assert error.value and "\n" not in error.value and len(error.value) < 1000
    assert (tmp_path / "taken" / "file").read_text() == "kept"
