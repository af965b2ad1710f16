"""Exports: exact columns, what a reviewer decided and nothing else, and no harm to anything that is there."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest

from core.errors import UserError
from core.exports import EXPORTS, export, scores_table
from core.exports.tables import sidecar
from core.files import quoted_cell
from core.reviews import fold, review_state
from core.types import ACTIONS, Decision, Inspection
from tests.support.hostile_inspection import CLASSES, ROWS, SUSPICIOUS, UNLABELLED_ROW, dataset, decisions, inspection, line, png

COLUMNS = [
    *("id", "file_name", "label", "split", "suspicion_score", "is_suspicious", "verdict", "suggested_label"),
    *("suggested_label_confidence", "knn_disagreement_score", "outlier_score", "spectral_score", "trigger_id"),
    *("projection_x", "projection_y", "action", "corrected_label", "reviewer", "decided_at"),
]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return tmp_path / "source"


@pytest.fixture
def found(source: Path) -> Inspection:
    return inspection(source)


@pytest.fixture
def log(found: Inspection) -> list[Decision]:
    return decisions(found)


# ---- the table


def test_columns_their_order_types_and_values(found: Inspection, log: list[Decision]) -> None:
    table = scores_table(found, review_state(found.dataset, log))
    assert table.column_names == COLUMNS and table.num_rows == ROWS
    types = {name: str(table.schema.field(name).type) for name in COLUMNS}
    numbers = {name for name in COLUMNS if name.endswith(("_score", "_confidence")) or name.startswith("projection")}
    assert {name for name in COLUMNS if types[name] == "float"} == numbers
    assert {name for name in COLUMNS if types[name] == "bool"} == {"is_suspicious"}
    assert {types[name] for name in COLUMNS} == {"float", "bool", "string"}
    rows = table.to_pylist()
    assert tuple(row["id"] for row in rows) == found.dataset.ids
    assert (rows[1]["label"], rows[UNLABELLED_ROW]["label"], rows[0]["split"]) == ("../evil", None, None)
    assert rows[5]["suspicion_score"] is None and rows[6]["suspicion_score"] == pytest.approx(6 * 0.4 / 39)
    assert tuple(i for i, row in enumerate(rows) if row["is_suspicious"]) == SUSPICIOUS
    assert (rows[10]["verdict"], rows[0]["verdict"]) == ("dirty_label_poison", "clean")
    assert (rows[0]["suggested_label"], rows[1]["suggested_label"]) == (None, CLASSES[0])
    assert rows[0]["suggested_label_confidence"] is None
    assert [rows[i]["trigger_id"] for i in (9, 10, 17)] == [None, "t<0>", "t<0>"]
    assert rows[7]["projection_y"] == pytest.approx(float(found.xy[7, 1]))  # type: ignore[index]
    assert (rows[10]["action"], rows[10]["corrected_label"]) == ("relabel", "cat")
    assert (rows[3]["action"], rows[3]["corrected_label"], rows[3]["reviewer"]) == ("exclude", None, "ann")
    assert rows[3]["decided_at"] == log[5].at and rows[2]["action"] is None


def test_an_unfinished_inspection_has_the_same_columns_with_nulls(found: Inspection) -> None:
    bare = Inspection(found.dataset, found.recipe, "key")
    table = scores_table(bare, review_state(bare.dataset))
    assert table.column_names == [name for name in COLUMNS if name not in ("knn_disagreement_score", "outlier_score", "spectral_score")]
    for name in table.column_names[4:]:
        assert table[name].null_count == ROWS, name
    assert json.dumps(sidecar(bare, review_state(bare.dataset)), allow_nan=False)


def test_file_names_are_given_for_files_only() -> None:
    found = inspection(None)
    table = scores_table(found, review_state(found.dataset))
    assert table["file_name"].null_count == ROWS and table["id"][3].as_py() == "train.parquet#3"


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_tables_come_back_as_they_were(found: Inspection, log: list[Decision], tmp_path: Path, form: str) -> None:
    state = review_state(found.dataset, log)
    table = scores_table(found, state)
    path, beside = export(found, state, to=form, out=tmp_path / f"new/t.{form}")
    assert (path.name, beside.name) == (f"t.{form}", f"t.{form}.json")
    if form == "parquet":
        assert pq.read_table(path).equals(table)
    else:
        options = pa_csv.ConvertOptions(column_types=table.schema, strings_can_be_null=True, quoted_strings_can_be_null=False)
        back = pa_csv.read_csv(path, convert_options=options)
        expected = pa.table(
            [[c and quoted_cell(c) if isinstance(c, str) else c for c in column.to_pylist()] for column in table.columns], table.schema
        )
        assert back.equals(expected)
    facts = json.loads(beside.read_text())
    assert facts == json.loads(json.dumps(sidecar(found, state)))
    assert set(facts["polarity"]) == {name for name in COLUMNS if name.endswith("_score")}
    assert set(facts["polarity"].values()) == {"high = suspicious"}


def test_the_sidecar_says_what_the_table_cannot(found: Inspection, log: list[Decision]) -> None:
    facts = sidecar(found, review_state(found.dataset, log))
    assert facts["dataset"]["digest"] == found.dataset.digest and facts["key"] == found.key
    assert facts["recipe"] == {"embedder": "gradients", "k": 50, "seed": 0, "options": {"weights": "abc"}}
    assert facts["threshold"] == 0.5 and facts["versions"]["numpy"] == np.__version__
    assert facts["decisions"] == {
        "upto_seq": 9,
        "decided": 6,
        "actions": dict(zip(ACTIONS, (0, 4, 1, 1), strict=True)),
        "reviewers": ["=HYPERLINK(1)", "ann"],
        "on_images_not_in_this_set": 1,
    }
    assert facts["counts"]["suspicious"] == 4 and facts["counts"]["undecided_suspicious"] == 2
    assert facts["counts"]["verdicts"]["clean"] == 36
    assert facts["skipped"] == [{"file": "bad<i>.png", "reason": "truncated"}]


# ---- the cleansed plan


def test_only_decisions_change_anything(found: Inspection, log: list[Decision]) -> None:
    nothing = review_state(found.dataset)
    assert nothing.kept.all() and np.array_equal(nothing.labels, found.dataset.labels)
    assert nothing.changes() == {"unchanged": 39, "relabelled": 0, "excluded": 0, "unlabelled": 1}
    assert nothing.undecided.all() and all(before == after for before, after in nothing.class_counts().values())

    state = review_state(found.dataset, log)
    assert np.flatnonzero(~state.kept).tolist() == [3]
    moved = np.flatnonzero(state.labels != found.dataset.labels)
    assert {int(row): state.classes[state.labels[row]] for row in moved} == {
        0: "new\x00 class",
        10: "cat",
        UNLABELLED_ROW: "../evil",
    }
    assert state.changes() == {"unchanged": 36, "relabelled": 3, "excluded": 1, "unlabelled": 0}
    before = {**dict.fromkeys(CLASSES[:4], 6), **dict.fromkeys(CLASSES[4:], 5), "new\x00 class": 0}
    after = {**before, CLASSES[0]: 5, "../evil": 7, CLASSES[3]: 4, "cat": 6, "new\x00 class": 1}
    assert state.class_counts() == {name: (before[name], after[name]) for name in before}


# ---- manifests and other tools


def test_a_manifest_beside_the_source_names_its_files(found: Inspection, log: list[Decision], source: Path) -> None:
    state, folder = review_state(found.dataset, log), source.parent
    path, beside = export(found, state, to="manifest-csv", out=folder / "clean.csv", source=source)
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["file_name", "label", "original_label", "split", "id", "action"]
    assert len(rows) == ROWS - 1 and found.dataset.ids[3] not in {row["id"] for row in rows}
    for row in rows:
        assert row["file_name"] == f"source/{row['id']}" and (folder / row["file_name"]).is_file()
    assert "relative" in json.loads(beside.read_text())["paths"]
    far, beside = export(found, state, to="manifest-parquet", out=folder / "far", source=source)
    names = pq.read_table(far)["file_name"].to_pylist()
    assert all(Path(name).is_absolute() and Path(name).is_file() for name in names)
    assert "absolute" in json.loads(beside.read_text())["paths"]


@pytest.mark.parametrize("form", ["manifest-csv", "manifest-parquet", "fiftyone"])
def test_a_container_has_no_files_to_name(tmp_path: Path, form: str) -> None:
    found = inspection(None)
    (tmp_path / "train.parquet").touch()
    with pytest.raises(UserError, match="export to 'folder' instead"):
        export(found, review_state(found.dataset), to=form, out=tmp_path / "out", source=tmp_path / "train.parquet")
    assert not (tmp_path / "out").exists()


def test_a_manifest_source_is_believed_only_where_the_bytes_agree(found: Inspection, source: Path, tmp_path: Path) -> None:
    (source / "list.csv").touch()
    path = export(found, review_state(found.dataset), to="manifest-csv", out=tmp_path / "a.csv", source=source / "list.csv")[0]
    assert len(path.read_text().splitlines()) == ROWS + 1
    swapped = replace(found, dataset=replace(found.dataset, encoded=lambda row: (png(row + 1), ".png")))
    with pytest.raises(UserError, match="container"):
        export(swapped, review_state(found.dataset), to="manifest-csv", out=tmp_path / "b.csv", source=source / "list.csv")


def test_cleanlab_scores_are_low_where_ours_are_high(found: Inspection, tmp_path: Path) -> None:
    path, beside = export(found, review_state(found.dataset), to="cleanlab", out=tmp_path / "c.csv")
    table = pa_csv.read_csv(path).to_pydict()
    assert list(table) == [
        *("id", "is_label_issue", "label_score", "given_label", "predicted_label"),
        *("is_outlier_issue", "outlier_score", "is_near_duplicate_issue", "near_duplicate_score"),
    ]
    assert [i for i, flag in enumerate(table["is_label_issue"]) if flag] == [3, 10]
    assert [i for i, flag in enumerate(table["is_outlier_issue"]) if flag] == [17]
    assert table["label_score"][3] == pytest.approx(1 - 0.45) and table["label_score"][5] is None
    # the outlier score leaves 0…1, so it becomes ranks: the most suspicious row is 0, the least 1
    assert table["outlier_score"][17] == 0 and table["outlier_score"][0] == 1
    assert table["near_duplicate_score"] == [None] * ROWS
    facts = json.loads(beside.read_text())["polarity"]
    assert facts["outlier_score"] == "low = bad; from outlier_score" and facts["near_duplicate_score"] == "not scored"


def test_fiftyone_samples(found: Inspection, log: list[Decision], source: Path, tmp_path: Path) -> None:
    (path,) = export(found, review_state(found.dataset, log), to="fiftyone", out=tmp_path / "f.json", source=source)
    document = json.loads(path.read_text())
    samples, built_in = document["samples"], {"filepath", "tags"}
    assert {field for sample in samples for field in sample} - built_in == set(document["sample_fields"])
    assert len(samples) == ROWS
    assert all(Path(s["filepath"]).read_bytes() == png(i) for i, s in enumerate(samples))
    assert samples[10]["tags"] == ["dirty_label_poison", "relabel"]
    assert samples[10]["ground_truth"] == {"_cls": "Classification", "label": "CON"}
    assert samples[10]["suggested"] == {"_cls": "Classification", "label": "=cmd()", "confidence": 0.75}
    assert samples[10]["corrected"]["label"] == "cat" and samples[10]["suspicion_score"] == pytest.approx(0.8)
    assert "ground_truth" not in samples[UNLABELLED_ROW] and "suspicion_score" not in samples[5]


def test_the_log_leaves_whole_and_without_formulas(found: Inspection, log: list[Decision], tmp_path: Path) -> None:
    (path,) = export(found, review_state(found.dataset, log), to="decisions", out=tmp_path / "d.csv")
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == list(Decision.__dataclass_fields__)
    assert [row["seq"] for row in rows] == [str(d.seq) for d in log] and rows[4]["undoes"] == "1"
    assert [row["note"] for row in rows[1:3]] == ["'@sum", "'-1"] and rows[5]["note"] == "plain"
    assert rows[0]["reviewer"] == "'=HYPERLINK(1)" and rows[7]["label"] == "../evil"


def test_an_export_at_any_line_is_the_state_at_that_line(found: Inspection, log: list[Decision], tmp_path: Path) -> None:
    for seq in range(10):
        state = review_state(found.dataset, log, upto=seq)
        table = pq.read_table(export(found, state, to="parquet", out=tmp_path / f"{seq}.parquet")[0])
        got = {r["id"]: (r["action"], r["corrected_label"]) for r in table.to_pylist() if r["action"]}
        in_set = {i: d for i, d in fold(d for d in log if d.seq <= seq).items() if i in found.dataset.ids}
        assert got == {i: (d.action, d.label or None) for i, d in in_set.items()} and state.seq == seq
        written = export(found, state, to="decisions", out=tmp_path / f"{seq}.csv")[0]
        assert len(written.read_text().splitlines()) == seq + 1


def test_names_that_are_no_utf8_are_written_escaped(tmp_path: Path) -> None:
    found = inspection(None)
    ids = ("caf\udce9.png", *found.dataset.ids[1:])
    found = replace(found, dataset=replace(dataset(None), ids=ids))
    log = [line(1, ids[0], "exclude", note="\udcff")]
    for form in EXPORTS:
        if form not in ("manifest-csv", "manifest-parquet", "fiftyone"):
            export(found, review_state(found.dataset, log), to=form, out=tmp_path / form)
    assert pq.read_table(tmp_path / "parquet" / "scores.parquet")["id"][0].as_py() == "caf\\udce9.png"


def test_large_tables_keep_their_rows(tmp_path: Path) -> None:
    found = inspection(None)
    rows = np.arange(50_000) % ROWS
    data = replace(
        found.dataset,
        ids=tuple(f"{row:05d}.png" for row in range(50_000)),
        labels=found.dataset.labels[rows],
        splits=("",) * 50_000,
        image_digests=found.dataset.image_digests[rows],
    )
    large = Inspection(data, found.recipe, "k", suspicion=found.suspicion[rows], threshold=0.5)  # type: ignore[index]
    log = [line(seq + 1, data.ids[seq * 7], "exclude") for seq in range(50)]
    table = pq.read_table(export(large, review_state(data, log), to="parquet", out=tmp_path / "t.parquet")[0])
    assert table.num_rows == 50_000 and table["id"].to_pylist() == list(data.ids)
    assert [i for i, action in enumerate(table["action"].to_pylist()) if action] == [seq * 7 for seq in range(50)]
