"""The cleansed folder: the plan and nothing else, under names that no system chokes on."""

from __future__ import annotations

import csv
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.exports import export
from core.files import unquoted_cell
from core.reviews import review_state
from core.types import Decision, Inspection
from tests.support.hostile_inspection import ROWS, decisions, inspection, png


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return tmp_path / "source"


@pytest.fixture
def found(source: Path) -> Inspection:
    return inspection(source)


@pytest.fixture
def log(found: Inspection) -> list[Decision]:
    return decisions(found)


def tree(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.mark.parametrize("link", ["copy", "hard"])
def test_the_folder_is_the_plan(found: Inspection, log: list[Decision], source: Path, tmp_path: Path, link: str) -> None:
    before = tree(source)
    out = tmp_path / "clean"
    state = review_state(found.dataset, log)
    records = export(found, state, to="folder", out=out, source=source, link=link)
    assert [p.name for p in records] == ["manifest.csv", "decisions.csv", "scores.parquet", "scores.parquet.json"]
    with (out / "manifest.csv").open(newline="", encoding="utf-8") as file:
        rows = [{name: unquoted_cell(cell) for name, cell in row.items()} for row in csv.DictReader(file)]
    assert [row["id"] for row in rows] == [found.dataset.ids[i] for i in np.flatnonzero(state.kept)]
    for row in rows:
        number, written = found.dataset.ids.index(row["id"]), out / row["file_name"]
        assert written.read_bytes() == png(number)
        assert written.resolve().is_relative_to(out.resolve()) and len(Path(row["file_name"]).parts) == 2
        assert row["label"] == state.classes[state.labels[number]]
        assert (written.stat().st_ino == (source / row["id"]).stat().st_ino) == (link == "hard")
    images = [p for p in out.rglob("*.png") if p.is_file()]
    assert len(images) == len(rows) == ROWS - 1
    folders = {row["label"]: Path(row["file_name"]).parent.name for row in rows}
    assert len({name.casefold() for name in folders.values()}) == len(folders) == 8
    assert folders["cat"] == "cat" and folders["Cat"] == "Cat-2" and folders["../evil"] == "_.._evil"
    by_id = {row["id"]: row for row in rows}
    moved = by_id[found.dataset.ids[10]]
    assert (moved["action"], moved["original_label"], moved["label"]) == ("relabel", "CON", "cat")
    assert tree(source) == before and not list(tmp_path.glob(".taster-*"))
    assert out.stat().st_mode & 0o777 == 0o777 & ~_umask()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_a_container_becomes_a_folder_too(tmp_path: Path) -> None:
    found = inspection(None)
    export(found, review_state(found.dataset), to="folder", out=tmp_path / "clean", link="hard", source=tmp_path / "gone.parquet")
    assert (tmp_path / "clean" / "cat" / "train.parquet#4.png").read_bytes() == png(4)
    assert (tmp_path / "clean" / "train.parquet#39.png").read_bytes() == png(39)  # no label: above the classes


def test_splits_are_not_mixed(tmp_path: Path) -> None:
    found = inspection(None)
    splits = tuple("test" if row % 2 else "train" for row in range(ROWS))
    found = replace(found, dataset=replace(found.dataset, splits=splits))
    export(found, review_state(found.dataset), to="folder", out=tmp_path / "clean")
    assert {p.name for p in (tmp_path / "clean").iterdir() if p.is_dir()} == {"train", "test"}
    assert (tmp_path / "clean" / "train" / "cat" / "train.parquet#4.png").is_file()
