"""No CSV that Taster writes runs in a spreadsheet; Parquet is exact; and Taster reads its own tables back as they were."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.cleansing import cleansing, write_cleansed
from core.exports import EXPORTS, export
from core.files import quoted_cell, unquoted_cell
from core.reviews import ReviewState, review_state
from core.sources import open_source
from core.types import Dataset, Inspection, content_digest
from tests.support.hostile_inspection import inspection, line, png

NAMES = ("=a.png", "-b.png", "+c.png", "@d.png", "'=e.png", "'f.png", "\tg.png", "h.png", "''-i.png", "-1/=j.png")
LABELS = ("=cmd|' /C calc'!A0", "-1", "@sum", "'=x", "plain")
STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    for row, name in enumerate(NAMES):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(png(row))
    return folder


@pytest.fixture
def found(source: Path) -> Inspection:
    n, base = len(NAMES), inspection(None)
    labels = np.arange(n, dtype=np.int64) % len(LABELS)
    digests = np.arange(n * 16, dtype=np.uint8).reshape(n, 16)
    data = Dataset(
        "=set", NAMES, labels, LABELS, ("-train",) * n, digests, content_digest(NAMES, labels, LABELS, digests),
        loader=base.dataset.loader, encoded=lambda row: ((source / NAMES[row]).read_bytes(), ".png"),
    )  # fmt: skip
    suspicion = np.linspace(0, 1, n, dtype=np.float32)
    assert base.verdicts is not None and base.suggestions is not None
    suggested = replace(base.suggestions, labels=np.roll(labels, 1), confidence=np.full(n, 0.99, np.float32))
    return replace(
        base, dataset=data, scores={}, suspicion=suspicion, verdicts=np.where(suspicion >= 0.5, 1, 0).astype(np.int8),
        suggestions=suggested, findings=(), content=None, artifact=None, xy=None,
    )  # fmt: skip


@pytest.fixture
def state(found: Inspection) -> ReviewState:
    new = "=new|class"
    lines = [line(1, NAMES[0], "relabel", new, note="+note"), line(2, NAMES[1], "keep", reviewer="-rev", note="'=x")]
    return review_state(found.dataset, lines)


def cells(path: Path) -> list[str]:
    with path.open(newline="", encoding="utf-8") as file:
        return [cell for row in csv.reader(file) for cell in row]


def numeric(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def test_no_cell_of_any_csv_begins_a_formula(found: Inspection, state: ReviewState, source: Path, tmp_path: Path) -> None:
    for name in EXPORTS:
        export(found, state, to=name, out=tmp_path / "all" / name, source=source)
    write_cleansed(cleansing(found, state, auto=True), tmp_path / "all" / "cleansed", source=source)
    tables = sorted((tmp_path / "all").rglob("*.csv"))
    assert {path.name for path in tables} == {"scores.csv", "manifest.csv", "decisions.csv", "cleanlab.csv", "changed_by_rule.csv"}
    for path in tables:
        # -1 as a class is quoted, −1 as a number would not be: no table has a negative number here
        assert not [cell for cell in cells(path) if cell.startswith(STARTS) and not numeric(cell)], path
    manifest = cells(tmp_path / "all" / "manifest-csv" / "manifest.csv")
    assert "'=cmd|' /C calc'!A0" in manifest and "'-1" in manifest and "''=x" in manifest and "plain" in manifest


def test_parquet_holds_the_texts_as_they_are(found: Inspection, state: ReviewState, source: Path, tmp_path: Path) -> None:
    scores = pq.read_table(export(found, state, to="parquet", out=tmp_path / "s.parquet")[0]).to_pydict()
    assert scores["id"] == list(NAMES) and scores["label"] == [LABELS[i % 5] for i in range(len(NAMES))]
    log = pq.read_table(export(found, state, to="decisions", out=tmp_path / "d.parquet")[0]).to_pydict()
    assert log["note"] == ["+note", "'=x"] and log["label"] == ["=new|class", ""] and log["group"] == ["", ""]


@pytest.mark.parametrize("form", ["manifest-csv", "csv", "manifest-parquet"])
def test_taster_reads_its_own_tables_back(found: Inspection, state: ReviewState, source: Path, tmp_path: Path, form: str) -> None:
    # beside its images, so that the names of files need no folder before them
    place = tmp_path / "beside" / f"list{EXPORTS[form].suffixes[0]}"
    export(found, state, to=form, out=place, source=source)
    if form != "csv":
        back = open_source(str(place), allow_outside=True)
        assert {back.classes[i] for i in back.labels} == {*LABELS, "=new|class"}
    else:
        place.rename(source / place.name)
        back = open_source(str(source / place.name))
        assert {back.classes[i] for i in back.labels} == set(LABELS)
    assert back.ids == NAMES and back.skipped == () and back.splits == ("-train",) * len(NAMES)
    assert [back.raw(row)[0] for row in range(len(NAMES))] == [png(row) for row in range(len(NAMES))]


def test_the_cleansed_folders_manifest_names_its_files(found: Inspection, state: ReviewState, source: Path, tmp_path: Path) -> None:
    export(found, state, to="folder", out=tmp_path / "clean", source=source)
    back = open_source(str(tmp_path / "clean" / "manifest.csv"))
    assert back.ids == NAMES and back.skipped == ()


def test_other_programs_manifests_are_taken_as_they_stand(source: Path) -> None:
    (source / "list.csv").write_text("file_name,label\n'=e.png,'=x\n'f.png,'-1\nh.png,h\n", encoding="utf-8")
    back = open_source(str(source / "list.csv"))
    assert back.ids == ("'=e.png", "'f.png", "h.png") and set(back.classes) == {"'=x", "'-1", "h"}


@given(st.text(alphabet=st.sampled_from("'=+-@\t\r\nab"), max_size=6))
def test_quoting_is_undone(text: str) -> None:
    quoted = quoted_cell(text)
    assert unquoted_cell(quoted) == text and not quoted.startswith(STARTS)
