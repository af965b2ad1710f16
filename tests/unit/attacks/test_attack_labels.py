"""Labels from a file: matched to the right rows, refused where they cannot be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from core.attacks.apply import apply_attack
from core.errors import UserError
from core.types import Dataset
from tests.support.attack_toys import (
    CLASSES,
    one_line,
    poisoned_rows,
    toy_dataset,
)


@pytest.fixture(scope="module")
def toy() -> Dataset:
    return toy_dataset()


# ---- labels from a file


def wrong_labels(toy: Dataset) -> np.ndarray:
    labels = toy.labels.copy()
    labels[[1, 5, 40]] = (labels[[1, 5, 40]] + 2) % 4
    return labels


@pytest.mark.parametrize("form", ["npy", "csv-names", "csv-numbers", "parquet-row", "parquet-id"])
def test_label_file_of_each_form(toy, tmp_path, form):
    wrong = wrong_labels(toy)
    order = np.random.default_rng(0).permutation(60)
    path = tmp_path / f"labels.{form.split('-')[0]}"
    if form == "npy":
        np.save(path, wrong.astype(np.int8))
    elif form == "csv-names":
        pd.DataFrame({"label": [CLASSES[i] for i in wrong]}).to_csv(path, index=False)
    elif form == "csv-numbers":
        pd.DataFrame({"label": wrong, "note": "x"}).to_csv(path, index=False)
    elif form == "parquet-row":
        pq.write_table(pa.table({"row": order, "given": wrong[order].astype(np.int8)}), path)
    else:
        ids = [toy.ids[i] for i in order] + ["elsewhere.png"]
        pq.write_table(pa.table({"id": ids, "label": [CLASSES[i] for i in wrong[order]] + ["ant"]}), path)
    new = apply_attack(toy, "labels", rate=0.1, labels_file=path)
    assert np.array_equal(new.labels, wrong)
    assert poisoned_rows(new) == [1, 5, 40]
    assert all(new.raw(row) == toy.raw(row) for row in range(60))


def test_label_file_that_names_few_rows_changes_no_others(toy, tmp_path):
    path = tmp_path / "few.csv"
    path.write_text("id,label\n" + f"{toy.ids[0]},dog\n{toy.ids[1]},bee\n")
    new = apply_attack(toy, "label_file", rate=1, labels_file=path)
    assert poisoned_rows(new) == [0] and new.labels[0] == 3


def test_row_counts_the_rows_of_the_source(toy, tmp_path):
    path = tmp_path / "labels.csv"
    pd.DataFrame({"row": np.arange(60), "label": wrong_labels(toy)}).to_csv(path, index=False)
    part = toy.select(np.arange(3, 60))
    new = apply_attack(part, "label_file", rate=1, labels_file=path)
    assert [new.ids[row] for row in poisoned_rows(new)] == [toy.ids[5], toy.ids[40]]


def test_several_label_columns_need_a_name(toy, tmp_path):
    path = tmp_path / "cifar10n.parquet"
    table = {"row": np.arange(60), "clean": toy.labels, "worse": wrong_labels(toy), "seconds": np.full(60, 99)}
    pq.write_table(pa.table(table), path)
    with pytest.raises(UserError) as error:
        apply_attack(toy, "label_file", rate=1, labels_file=path)
    one_line(error, "choose one of: clean, worse")
    assert poisoned_rows(apply_attack(toy, "label_file", rate=1, labels_file=path, labels_column="worse")) == [1, 5, 40]
    assert poisoned_rows(apply_attack(toy, "label_file", rate=1, labels_file=path, labels_column="clean")) == []
    with pytest.raises(UserError) as error:
        apply_attack(toy, "label_file", rate=1, labels_file=path, labels_column="seconds")
    one_line(error, "99", "0…3")


@pytest.mark.parametrize(
    ("name", "content", "parts"),
    [
        ("a.csv", "label\nant\n", ["1 labels for 60 images"]),
        ("a.csv", "id,label\nnobody.png,ant\n", ["names no image"]),
        ("a.csv", "row,label\n0,ant\n0,bee\n", ["twice"]),
        ("a.csv", "row,label\n0,cow\n", ["no column of labels", "ant, bee"]),
        ("a.csv", "", ["cannot be read"]),
        ("a.parquet", "no parquet", ["cannot be read"]),
        ("a.npy", "no array", ["cannot be read"]),
        ("a.pkl", "", ["unknown kind", "pickled"]),
    ],
)
def test_a_bad_label_file_is_one_clear_line(toy, tmp_path, name, content, parts):
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(UserError) as error:
        apply_attack(toy, "label_file", rate=1, labels_file=path)
    one_line(error, *parts)


def test_pickled_and_missing_label_files_are_refused(toy, tmp_path):
    class Bomb:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "exploded",))

    path = tmp_path / "objects.npy"
    np.save(path, np.array([Bomb()] * 60, dtype=object), allow_pickle=True)
    with pytest.raises(UserError) as error:
        apply_attack(toy, "label_file", rate=1, labels_file=path)
    one_line(error, "cannot be read")
    assert not (tmp_path / "exploded").exists()
    np.save(path, np.zeros((60, 2), dtype=int))
    with pytest.raises(UserError):
        apply_attack(toy, "label_file", rate=1, labels_file=path)
    with pytest.raises(UserError) as error:
        apply_attack(toy, "label_file", rate=1, labels_file=tmp_path / "gone.csv")
    one_line(error, "is not there")
