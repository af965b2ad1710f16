"""What each kind of source makes of its own notes: classes, splits, truth, decoding, the demo, real data."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from core.errors import UserError
from core.sources import open_source, source_identity
from core.sources.base import split_in, unique_names
from core.sources.labels import labels_by_name, labels_from_values
from core.sources.parquet_rows import PieceReader, open_shard
from tests.support.source_files import CLASSES, LABELS, add_member, draw, folder, png, webdataset, write_parquet

REPOSITORY = Path(__file__).resolve().parents[3]


# ---- folders


def test_classes_are_the_first_folders_and_ids_the_paths(tmp_path: Path) -> None:
    folder(tmp_path, draw(), LABELS)
    (tmp_path / "ant/deep/er").mkdir(parents=True)
    (tmp_path / "ant/deep/er/z.PNG").write_bytes(png(draw()[0]))
    (tmp_path / "loose.png").write_bytes(png(draw()[1]))
    (tmp_path / "empty class").mkdir()
    for passed_over in ("notes.txt", "ant/meta.json", "ant/.DS_Store", ".taster-0123"):
        (tmp_path / passed_over).write_bytes(b"x")
    (tmp_path / ".taster-left.partial").mkdir()
    (tmp_path / ".taster-left.partial/a.png").write_bytes(png(draw()[0]))
    data = open_source(tmp_path)
    assert data.classes == CLASSES and data.skipped == ()
    assert list(data.ids) == sorted(data.ids) and len(data) == 14
    labels = dict(zip(data.ids, data.labels.tolist(), strict=True))
    assert labels["ant/deep/er/z.PNG"] == 0 and labels["cow/11.png"] == 2 and labels["loose.png"] == -1
    assert set(data.splits) == {""}


def test_split_folders_give_splits_and_the_class_below(tmp_path: Path) -> None:
    for split, rows in (("train", range(6)), ("valid", range(6, 12))):
        for row in rows:
            place = tmp_path / split / CLASSES[row % 3]
            place.mkdir(parents=True, exist_ok=True)
            (place / f"{row}.png").write_bytes(png(draw()[row]))
    data = open_source(tmp_path)
    assert data.classes == CLASSES
    assert data.splits == ("train",) * 6 + ("valid",) * 6
    (tmp_path / "other").mkdir()
    (tmp_path / "other/a.png").write_bytes(png(draw()[0]))
    assert open_source(tmp_path).classes == ("other", "train", "valid")


def test_truth_beside_the_folders_is_read(tmp_path: Path) -> None:
    folder(tmp_path, draw(), LABELS)
    table = pa.table(
        {
            "id": ["ant/00.png", "bee/05.png", "bee/06.png", "gone/1.png"],
            "is_poisoned": [True, True, False, True],
            "original_label": ["cow", "a class that left", "ant", "ant"],
        }
    )
    pq.write_table(table, tmp_path / "truth.parquet")
    data = open_source(tmp_path)
    assert data.truth is not None and data.skipped == ()
    assert np.flatnonzero(data.truth.is_poisoned).tolist() == [0, 5]
    assert data.truth.original_labels.tolist() == [2, 0, 0, 0, 1, -1, 0, 1, 2, 2, 2, 2]


# ---- Parquet


def test_class_names_without_notes_come_from_the_values(tmp_path: Path) -> None:
    cells = [{"bytes": png(image), "path": None} for image in draw()]
    write_parquet(tmp_path / "a.parquet", cells, [10, 9, 2, -3] * 3, with_names=False)
    data = open_source(tmp_path / "a.parquet")
    assert data.classes == ("2", "9", "10")
    assert data.labels.tolist() == [2, 1, 0, -1] * 3


def test_labels_beyond_the_class_names_are_no_labels(tmp_path: Path) -> None:
    cells = [{"bytes": png(image), "path": None} for image in draw()]
    write_parquet(tmp_path / "a.parquet", cells, [0, 1, 3, -1, None, 2] * 2)
    assert open_source(tmp_path / "a.parquet").labels.tolist() == [0, 1, -1, -1, -1, 2] * 2


def test_rows_without_an_image_are_skipped_and_the_others_keep_their_ids(tmp_path: Path) -> None:
    cells: list[object] = [{"bytes": png(image), "path": None} for image in draw()]
    cells[3], cells[7] = None, {"bytes": b"", "path": None}
    write_parquet(tmp_path / "a.parquet", cells, LABELS)
    data = open_source(tmp_path / "a.parquet")
    assert [s.file for s in data.skipped] == ["a.parquet#3", "a.parquet#7"]
    assert data.ids[2:4] == ("a.parquet#2", "a.parquet#4") and data.labels[3] == 1
    np.testing.assert_array_equal(np.asarray(data.load(9)), draw()[11])


def test_the_column_with_the_image_note_wins_and_fine_labels_go_first(tmp_path: Path) -> None:
    blobs = [png(image) for image in draw()]
    table = pa.table({"thumb": pa.array([b"no image"] * 12), "photo": pa.array(blobs), "coarse_label": [0] * 12, "fine_label": LABELS})
    features = {
        "photo": {"_type": "Image"},
        "coarse_label": {"_type": "ClassLabel", "names": ["one"]},
        "fine_label": {"_type": "ClassLabel", "names": list(CLASSES)},
    }
    notes = {"huggingface": json.dumps({"info": {"features": features}})}
    pq.write_table(table.replace_schema_metadata(notes), tmp_path / "a.parquet")
    data = open_source(tmp_path / "a.parquet")
    assert data.classes == CLASSES
    np.testing.assert_array_equal(np.asarray(data.load(4)), draw()[4])


def test_shards_that_disagree_on_class_names_are_refused(tmp_path: Path) -> None:
    cells = [{"bytes": png(image), "path": None} for image in draw()]
    write_parquet(tmp_path / "a.parquet", cells, LABELS)
    write_parquet(tmp_path / "b.parquet", cells, LABELS, with_names=False)
    with pytest.raises(UserError, match="do not agree"):
        open_source(tmp_path)


def test_tables_beside_class_folders_do_not_change_what_the_folder_is(tmp_path: Path) -> None:
    folder(tmp_path, draw(), LABELS)
    pq.write_table(pa.table({"id": ["a"], "suspicion_score": [0.5]}), tmp_path / "scores.parquet")
    (tmp_path / "broken.parquet").write_bytes(b"PAR1")
    webdataset(tmp_path, draw(), LABELS)
    assert open_source(tmp_path).ids[0] == "ant/00.png"


def test_a_row_reader_keeps_within_its_bytes_and_reads_in_any_order(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    blobs = [rng.bytes(2000) for _ in range(700)]
    pq.write_table(pa.table({"image": blobs}), tmp_path / "a.parquet", row_group_size=300)
    shard = open_shard("a.parquet", tmp_path / "a.parquet", "image", False)
    assert shard.starts.tolist() == [0, 300, 600, 700] and shard.piece_rows < 300
    reader = PieceReader((shard,), cache_bytes=600_000)
    for row in [*range(700), *rng.integers(0, 700, 300).tolist()]:
        assert reader.read(0, row) == blobs[row]
        assert reader._held == sum(piece.nbytes for piece in reader._pieces.values()) <= 600_000


# ---- manifests and WebDataset


def test_manifest_ids_and_splits_are_taken_and_missing_files_listed(tmp_path: Path) -> None:
    for row, image in enumerate(draw()[:4]):
        (tmp_path / f"{row}.png").write_bytes(png(image))
    lines = ["id,filepath,label,split", *(f"n{row},{row}.png,{row % 2},train" for row in range(4)), "n9,gone.png,1,test", "n8,,1,"]
    (tmp_path / "m.csv").write_text("\n".join(lines))
    data = open_source(tmp_path / "m.csv")
    assert data.ids == ("n0", "n1", "n2", "n3") and data.splits == ("train",) * 4
    assert data.classes == ("0", "1") and data.labels.tolist() == [0, 1, 0, 1]
    assert [skip.file for skip in data.skipped] == ["gone.png", "row 6"]
    assert "No such file" in data.skipped[0].reason


def test_webdataset_texts_are_labels_only_where_they_repeat(tmp_path: Path) -> None:
    for name, texts in (("repeat", ["x", "y"] * 6), ("captions", [f"a picture of {k}" for k in range(12)])):
        with tarfile.open(tmp_path / f"{name}.tar", "w") as tar:
            for row, image in enumerate(draw()):
                add_member(tar, f"{row}.png", png(image))
                add_member(tar, f"{row}.txt", texts[row].encode())
    assert open_source(tmp_path / "repeat.tar").classes == ("x", "y")
    assert open_source(tmp_path / "captions.tar").classes == ()


# ---- labels and names


@pytest.mark.parametrize(
    ("values", "labels", "classes"),
    [
        (["b", "a", None, ""], [1, 0, -1, -1], ("a", "b")),
        (["10", "9", "-1"], [1, 0, -1], ("9", "10")),
        ([3.0, float("nan"), 1.0], [1, -1, 0], ("1", "3")),
        ([True, False], [1, 0], ("False", "True")),
        (["1", "one"], [0, 1], ("1", "one")),
        ([None, None], [-1, -1], ()),
    ],
    ids=["texts", "numbers as texts", "floats", "truth values", "mixed", "none"],
)
def test_label_values(values: list[object], labels: list[int], classes: tuple[str, ...]) -> None:
    got, names = labels_from_values(values)
    assert (got.tolist(), names) == (labels, classes) and got.dtype == np.int64


@pytest.mark.parametrize("value", [[1, 2], {"a": 1}, 0.5])
def test_a_label_that_is_no_class_is_refused(value: object) -> None:
    with pytest.raises(UserError, match="is no class"):
        labels_from_values(["a", value])


@given(st.lists(st.one_of(st.none(), st.text(), st.integers())))
def test_every_value_gets_its_own_class_or_none(values: list[object]) -> None:
    labels, classes = labels_from_values(values)
    for value, label in zip(values, labels.tolist(), strict=True):
        assert classes[label] == str(value) if label >= 0 else value in (None, "") or int(str(value)) < 0
    assert set(labels.tolist()) - {-1} == set(range(len(classes)))


def test_labels_by_name_take_names_and_numbers() -> None:
    assert labels_by_name(["b", 0, 2.0, 3, -1, None, "z", 1.5], "abc").tolist() == [1, 0, 2, -1, -1, -1, -1, -1]


@given(st.lists(st.sampled_from(["a", "a (2)", "a (3)", "b", "\udce9", "\\udce9"])))
def test_unique_names_are_unique_and_keep_the_first(names: list[str]) -> None:
    got = unique_names(names)
    assert len(set(got)) == len(got) == len(names)
    for name, unique in zip(names, got, strict=True):
        unique.encode("utf-8")
        assert unique.startswith(name.replace("\udce9", "\\udce9"))


@pytest.mark.parametrize(
    ("name", "split"),
    [("data/train-00000-of-00002.parquet", "train"), ("cifar10-test.parquet", "test"), ("training.parquet", ""), ("valid_1.tar", "valid")],
)
def test_splits_in_shard_names(name: str, split: str) -> None:
    assert split_in(name) == split


# ---- the demo, imports, real data


def test_the_demo_is_clean_digits() -> None:
    data = open_source("demo")
    assert len(data) == 1797 and data.classes == tuple("0123456789") and data.truth is None
    assert data.ids[0] == "digit-0000" and np.bincount(data.labels).min() > 170
    image = np.asarray(data.load(0))
    assert image.shape == (32, 32, 3) and image[:, 0].max() < 40 and image.max() > 200
    assert data.digest == open_source("demo").digest and source_identity("demo") == "demo"
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(data.raw(5)[0]))), np.asarray(data.load(5)))


def test_a_folder_called_demo_can_be_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder(tmp_path / "demo", draw(), LABELS)
    assert len(open_source("./demo")) == 12
    assert len(open_source("demo")) == 1797


def test_opening_imports_no_heavy_package(tmp_path: Path) -> None:
    folder(tmp_path, draw(), LABELS)
    code = (
        "import sys; from core.sources import open_source; open_source(sys.argv[1]); open_source('demo');"
        "print([m for m in ('torch', 'pandas', 'sklearn', 'scipy') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def real_file(name: str) -> Path:
    path = Path(os.environ.get("TASTER_DATA", REPOSITORY.parent / "shared" / "data"), name)
    if not path.is_file():
        pytest.skip(f"{name} is not here; TASTER_DATA names the folder that has it")
    return path


def test_real_cifar10() -> None:
    data = open_source(real_file("cifar10-test.parquet"))
    assert len(data) == 10_000 and data.classes[0] == "airplane" and len(data.classes) == 10
    assert np.bincount(data.labels).tolist() == [1000] * 10
    assert data.load(9_999).size == (32, 32) and data.raw(0)[1] == ".jpg"
    assert set(data.splits) == {"test"}
