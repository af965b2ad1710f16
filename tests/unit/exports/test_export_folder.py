"""The cleansed folder: the plan and nothing else, under names that no system chokes on."""

from __future__ import annotations

import csv
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.exports.names import safe_name, unique_names
from core.exports.write import cleansed_plan, export
from core.reviews.log import fold
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
    records = export(found, fold(log), log, to="folder", out=out, source=source, link=link)
    assert [p.name for p in records] == ["manifest.csv", "decisions.csv", "scores.parquet", "scores.parquet.json"]
    with (out / "manifest.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    plan = cleansed_plan(found, fold(log))
    assert [row["id"] for row in rows] == [found.dataset.ids[i] for i in np.flatnonzero(plan.kept)]
    for row in rows:
        number, written = found.dataset.ids.index(row["id"]), out / row["file_name"]
        assert written.read_bytes() == png(number)
        assert written.resolve().is_relative_to(out.resolve()) and len(Path(row["file_name"]).parts) == 2
        assert row["label"] == plan.classes[plan.labels[number]]
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
    export(found, {}, [], to="folder", out=tmp_path / "clean", link="hard", source=tmp_path / "gone.parquet")
    assert (tmp_path / "clean" / "cat" / "train.parquet#4.png").read_bytes() == png(4)
    assert (tmp_path / "clean" / "train.parquet#39.png").read_bytes() == png(39)  # no label: above the classes


def test_splits_are_not_mixed(tmp_path: Path) -> None:
    found = inspection(None)
    splits = tuple("test" if row % 2 else "train" for row in range(ROWS))
    found = replace(found, dataset=replace(found.dataset, splits=splits))
    export(found, {}, [], to="folder", out=tmp_path / "clean")
    assert {p.name for p in (tmp_path / "clean").iterdir() if p.is_dir()} == {"train", "test"}
    assert (tmp_path / "clean" / "train" / "cat" / "train.parquet#4.png").is_file()


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("..", "_"),
        ("a/b", "a_b"),
        ("", "_"),
        ("x\x00y", "x_y"),
        (".git", "_.git"),
        ("end. . ", "end"),
        ("NUL.txt", "_NUL.txt"),
        ("C:\\x", "C__x"),
        ("rtl\u202egnp", "rtl_gnp"),
        ("caf\udce9", "caf_"),
        ("日本", "日本"),
        ("é" * 150, "é" * 100),
    ],
    ids=ascii,
)
def test_safe_names(name: str, safe: str) -> None:
    assert safe_name(name) == safe


def test_unique_names_keep_the_honest_ones_and_never_collide() -> None:
    names = ["a/b", "a_b", "A_B", "a_b-2", "a:b", ""]
    assert unique_names([(name, "") for name in names]) == ["a_b-3", "a_b", "A_B-4", "a_b-2", "a_b-5", "_"]
    got = unique_names([(name, "") for name in names], taken=["_"])
    assert got[1] == "a_b" and len({name.casefold() for name in got}) == len(names) and "_" not in got
    many = unique_names([("same", ".png")] * 3000)
    assert len(set(many)) == 3000 and all(name.endswith(".png") for name in many)
