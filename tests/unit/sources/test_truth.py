"""The one reader of truth: joined by id, whatever the form, and clear about what it cannot use."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from core.errors import UserError
from core.sources import open_source, read_truth
from core.types import Dataset
from tests.support.source_files import LABELS, draw, folder


@pytest.fixture
def toy() -> Dataset:
    n = 6
    return Dataset(
        name="toy",
        ids=tuple(f"cat/{row}.png" for row in range(n)),
        labels=np.array([0, 0, 1, 1, 2, -1]),
        classes=("cat", "dog", "7"),
        splits=("",) * n,
        image_digests=np.zeros((n, 16), dtype=np.uint8),
        digest="0" * 32,
        loader=lambda row: None,
        encoded=lambda row: (b"", ".png"),
    )


@pytest.mark.parametrize("form", ["csv", "parquet"])
@pytest.mark.parametrize("labels", ["names", "numbers"])
def test_truth_is_joined_by_id(toy, tmp_path, form, labels):
    order = [4, 2, 0, 1, 3]  # row 5 is missing
    originals = ["7", "dog", "dog", "cat", "cat"] if labels == "names" else [2, 1, 1, 0, 0]
    columns = {
        "id": [toy.ids[row] for row in order] + ["other.png"],
        "is_poisoned": [False, False, True, False, True, True],
        "original_label": [*originals, originals[0]],
    }
    path = tmp_path / f"truth.{form}"
    if form == "csv":
        pd.DataFrame(columns).to_csv(path, index=False)
    else:
        pq.write_table(pa.table(columns), path)
    truth = read_truth(path, toy)
    assert truth.is_poisoned.tolist() == [True, False, False, True, False, False]
    assert truth.original_labels.tolist() == [1, 0, 1, 0, 2, -1]


def test_unknown_and_foreign_originals(toy, tmp_path):
    path = tmp_path / "truth.csv"
    lines = [
        f"{toy.ids[0]},0,",
        f"{toy.ids[1]},no,cow",
        f"{toy.ids[2]},False,-1",
        f"{toy.ids[3]},1,1.0",
        f"{toy.ids[4]},0,7",
    ]
    path.write_text("id,is_poisoned,original_label\n" + "\n".join(lines) + "\n")
    truth = read_truth(path, toy)
    assert truth.original_labels.tolist() == [-1, -1, -1, 1, 2, -1]
    # "cow" is no class here, so the label given to that row is wrong whatever it was
    assert truth.is_poisoned.tolist() == [False, True, False, True, False, False]


def test_either_column_will_do(toy, tmp_path):
    path = tmp_path / "truth.csv"
    path.write_text(f"id,original_label\n{toy.ids[0]},dog\n")
    # what the file does not name is clean, so its given label is the original
    assert read_truth(path, toy).original_labels.tolist() == [1, 0, 1, 1, 2, -1]
    path.write_text(f"id,is_poisoned\n{toy.ids[0]},true\n")
    assert read_truth(path, toy).is_poisoned.tolist() == [True, False, False, False, False, False]


@pytest.mark.parametrize(
    ("name", "content", "parts"),
    [
        ("t.csv", "id,is_poisoned\nnobody,1\n", ["names no image", "cat/0.png"]),
        ("t.csv", "name,is_poisoned\nx,1\n", ["'name', 'is_poisoned'", "it needs id"]),
        ("t.csv", "id,colour\nx,1\n", ["it needs id"]),
        ("t.csv", "id,is_poisoned\ncat/0.png,maybe\n", ["'maybe'", "line 1"]),
        ("t.csv", "id,is_poisoned,original_label\ncat/0.png,1,3\n", ["'3'", "0…2"]),
        (
            "t.csv",
            "id,is_poisoned,original_label\ncat/0.png,1,cow\n",
            ["none of the data set's classes", "'cat', 'dog', '7'"],
        ),
        ("t.csv", "id,is_poisoned\ncat/0.png,1\ncat/0.png,0\n", ["twice"]),
        ("t.csv", "", ["cannot be read"]),
        ("t.parquet", "no parquet", ["cannot be read"]),
        ("t.pkl", "", ["unknown kind"]),
    ],
)
def test_a_bad_truth_is_one_clear_line(toy, tmp_path, name, content, parts):
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(UserError) as error:
        read_truth(path, toy)
    text = str(error.value)
    assert "\n" not in text and all(part in text for part in parts)
    with pytest.raises(UserError, match="is not there"):
        read_truth(tmp_path / "gone.csv", toy)


def test_truth_written_by_the_simulator_is_read_back(tmp_path):
    import core.attacks as attacks

    n = 12
    dataset = Dataset(
        name="toy",
        ids=tuple(f"{row}.png" for row in range(n)),
        labels=np.arange(n) % 3,
        classes=("cat", "dog", "emu"),
        splits=("",) * n,
        image_digests=np.zeros((n, 16), dtype=np.uint8),
        digest="0" * 32,
        loader=lambda row: None,
        encoded=lambda row: (bytes([row]), ".png"),
    )
    new = attacks.apply_attack(dataset, "symmetric", rate=0.5)
    out = attacks.write_poisoned(new, tmp_path / "set", recipe={"attack": "symmetric"})
    paths = pq.read_table(out / "truth.parquet")["id"].to_pylist()
    truth = read_truth(out / "truth.parquet", replace(new, ids=tuple(paths)))
    assert np.array_equal(truth.is_poisoned, new.truth.is_poisoned)
    assert np.array_equal(truth.original_labels, dataset.labels)


def test_a_class_that_is_gone_makes_its_row_poisoned_beside_the_images_and_in_a_file_of_its_own(tmp_path):
    source = folder(tmp_path / "set", draw(), LABELS)
    columns = {"id": ["ant/00.png", "bee/05.png", "cow/09.png"], "is_poisoned": [False] * 3, "original_label": ["bee", "3", "gone"]}
    pq.write_table(pa.table(columns), source / "truth.parquet")
    data = open_source(source)
    for truth in (data.truth, read_truth(source / "truth.parquet", data)):
        # "3" is a name here, and no index: a column of texts holds names
        assert np.flatnonzero(truth.is_poisoned).tolist() == [5, 9]
        assert truth.original_labels.tolist() == [1, 0, 0, 0, 1, -1, 1, 1, 2, -1, 2, 2]


def test_truth_may_hold_label_numbers_and_flags_as_numbers(toy, tmp_path):
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"id": [toy.ids[1], toy.ids[0]], "is_poisoned": [0, 0], "original_label": [7, 1]}), path)
    truth = read_truth(path, toy)
    assert truth.is_poisoned.tolist() == [False, True, False, False, False, False]
    assert truth.original_labels.tolist() == [1, -1, 1, 1, 2, -1]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"id": ["cat/0.png"]}, "it needs id and"),
        ({"id": ["cat/0.png"] * 2, "is_poisoned": [True] * 2}, "twice"),
        ({"id": [1], "is_poisoned": [True]}, "names no image"),
        ({"id": ["cat/0.png"], "is_poisoned": ["maybe"]}, "true or false"),
        ({"id": ["cat/0.png"], "is_poisoned": [None]}, "true or false"),
        ({"id": ["cat/0.png"], "original_label": [0.5]}, "it must be a class name"),
        ({"id": ["cat/0.png"], "original_label": [True]}, "it must be a class name"),
        ({"id": ["cat/0.png"], "original_label": [["cat"]]}, "no class or name"),
    ],
)
def test_a_truth_table_that_is_wrong_says_why(toy, tmp_path, columns, message):
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table(columns), path)
    with pytest.raises(UserError, match=message):
        read_truth(path, toy)
