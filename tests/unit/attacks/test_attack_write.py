"""A written set holds what the set in memory holds, under names that can do no harm."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from core.attacks.apply import apply_attack
from core.attacks.write import write_poisoned
from core.errors import UnreadableImage, UserError
from core.sources import open_source
from core.types import Dataset
from tests.support.attack_toys import (
    CLASSES,
    PIXEL,
    make_dataset,
    one_line,
    pixels,
    random_images,
    toy_dataset,
)


@pytest.fixture(scope="module")
def toy() -> Dataset:
    return toy_dataset()


# ---- the written folder


def tree(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


RECIPE = {"attack": "badnets", "rate": 0.1, "target": "ant", "seed": 0, "settings": {"patch_size": 3}}


def test_written_set_holds_what_the_set_in_memory_holds(toy, tmp_path):
    new = apply_attack(toy, "badnets", rate=0.1)
    calls = []
    out = write_poisoned(new, tmp_path / "set", recipe=RECIPE, progress=lambda done, n: calls.append((done, n)))
    assert out == tmp_path / "set" and calls == [(row + 1, 60) for row in range(60)]
    truth = pq.read_table(out / "truth.parquet").to_pylist()
    assert [line["is_poisoned"] for line in truth] == new.truth.is_poisoned.tolist()
    for row, line in enumerate(truth):
        data = (out / line["id"]).read_bytes()
        assert (data == toy.raw(row)[0]) == (not line["is_poisoned"])
        assert line["id"].split("/")[0] == CLASSES[new.labels[row]]
        assert line["original_label"] == CLASSES[toy.labels[row]]
        assert line["attack"] == ("badnets" if line["is_poisoned"] else "")
        assert np.array_equal(np.asarray(Image.open(out / line["id"]).convert("RGB")), pixels(new, row))
    assert len(tree(out)) == 60 + 2
    recipe = json.loads((out / "recipe.json").read_text())
    assert recipe["attack"] == "badnets" and recipe["poisoned"] == 6 and recipe["digest"] == new.digest
    assert sorted(p.name for p in tmp_path.iterdir()) == ["set"]


def test_label_noise_on_disk_keeps_every_byte(toy, tmp_path):
    new = apply_attack(toy, "symmetric", rate=0.5)
    out = write_poisoned(new, tmp_path / "set", recipe=RECIPE)
    for row, line in enumerate(pq.read_table(out / "truth.parquet").to_pylist()):
        assert (out / line["id"]).read_bytes() == toy.raw(row)[0]


@pytest.mark.parametrize("name", PIXEL)
def test_two_runs_write_the_same_bytes(toy, tmp_path, name):
    trees = []
    for run in range(2):
        new = apply_attack(toy, name, rate=0.1, seed=9)
        trees.append(tree(write_poisoned(new, tmp_path / f"run{run}", recipe=RECIPE)))
    assert trees[0] == trees[1]
    other = write_poisoned(apply_attack(toy, name, rate=0.1, seed=10), tmp_path / "other", recipe=RECIPE)
    assert tree(other) != trees[0]


def test_existing_and_overlapping_folders_are_refused(toy, tmp_path):
    new = apply_attack(toy, "badnets", rate=0.1)
    source = tmp_path / "source"
    (source / "ant").mkdir(parents=True)
    (source / "ant" / "a.png").write_bytes(b"x")
    (tmp_path / "file").write_bytes(b"x")
    (tmp_path / "link").symlink_to(source)
    for out in ("source", "source/new", "file", "link/new", "source/../source/ant/deep", "."):
        with pytest.raises(UserError) as error:
            write_poisoned(new, tmp_path / out, recipe=RECIPE, source=source)
        one_line(error)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "link", "source"]
    assert tree(source) == {"ant/a.png": b"x"}
    (tmp_path / "empty").mkdir()
    assert write_poisoned(new, tmp_path / "empty", recipe=RECIPE, source=source) == tmp_path / "empty"


def test_an_interrupted_write_leaves_nothing(toy, tmp_path):
    def stop(done: int, n: int) -> None:
        if done == 30:
            raise KeyboardInterrupt

    new = apply_attack(toy, "badnets", rate=0.1)
    with pytest.raises(KeyboardInterrupt):
        write_poisoned(new, tmp_path / "set", recipe=RECIPE, progress=stop)
    assert list(tmp_path.iterdir()) == []


def test_the_final_name_appears_only_when_all_is_written(toy, tmp_path):
    seen = []
    new = apply_attack(toy, "badnets", rate=0.1)
    write_poisoned(new, tmp_path / "set", recipe=RECIPE, progress=lambda *_: seen.append((tmp_path / "set").exists()))
    assert len(seen) == 60 and not any(seen)


def test_an_unreadable_image_is_named(toy, tmp_path):
    def broken(row: int) -> tuple[bytes, str]:
        if row == 17:
            raise UnreadableImage("file ends too early")
        return toy.encoded(row)

    new = apply_attack(replace(toy, encoded=broken), "symmetric", rate=0.1)
    with pytest.raises(UserError) as error:
        write_poisoned(new, tmp_path / "set", recipe=RECIPE)
    one_line(error, toy.ids[17], "file ends too early")
    assert list(tmp_path.iterdir()) == []


HOSTILE = (
    "..",
    "a/b",
    "a_b",
    "",
    "x\x00y",
    "n" * 400,
    "n" * 401,
    "CON",
    "con",
    ".hidden",
    "truth.parquet",
    "猫",
    "é",
    "ends. ",
)


def test_hostile_class_names_become_safe_unique_folders(tmp_path):
    n = len(HOSTILE)
    dataset = make_dataset(random_images(n * 2), np.arange(n * 2) % n, HOSTILE)
    new = apply_attack(dataset, "pair_flip", rate=0.5)
    out = write_poisoned(new, tmp_path / "set", recipe=RECIPE)
    truth = pq.read_table(out / "truth.parquet").to_pylist()
    assert all((out / line["id"]).is_file() for line in truth)
    assert [p.name for p in tmp_path.iterdir()] == ["set"]
    folders = json.loads((out / "recipe.json").read_text())["folders"]
    name_of = {given: name for name, given in folders.items()}
    assert set(name_of) == set(HOSTILE) and len({name.casefold() for name in folders}) == n
    assert [line["original_label"] for line in truth] == [name_of[HOSTILE[label]] for label in dataset.labels]
    for kept in ("a_b", "猫", "é", "n" * 100):
        assert name_of.get(kept, kept) == kept
    # beside the folders lie the records
    assert not {name.casefold() for name in folders} & {"truth.parquet", "recipe.json", "con"}


def test_unlabelled_images_lie_at_the_root_beside_a_class_of_that_very_name(toy, tmp_path):
    labels = toy.labels.copy()
    labels[4] = -1
    dataset = replace(toy, labels=labels, classes=("name of row 4", *CLASSES[1:]))
    plain = write_poisoned(apply_attack(dataset, "symmetric", rate=0.1), tmp_path / "plain", recipe=RECIPE)
    name = pq.read_table(plain / "truth.parquet").to_pylist()[4]["id"]
    # numbers are drawn by the set's digest, which a class by that name must not change here
    new = apply_attack(dataset, "symmetric", rate=0.1)
    out = write_poisoned(replace(new, classes=(name, *CLASSES[1:])), tmp_path / "set", recipe=RECIPE)
    line = pq.read_table(out / "truth.parquet").to_pylist()[4]
    assert line["id"] == "_" + name and line["original_label"] is None and not line["is_poisoned"]
    assert (out / line["id"]).read_bytes() == toy.raw(4)[0]


def test_the_written_set_is_read_back_by_the_folder_source(toy, tmp_path):
    new = apply_attack(toy, "badnets", rate=0.1)
    out = write_poisoned(new, tmp_path / "set", recipe=RECIPE)
    back = open_source(str(out))
    truth = {line["id"]: line for line in pq.read_table(out / "truth.parquet").to_pylist()}
    assert set(back.ids) == set(truth) and back.classes == CLASSES
    by_row = {toy.row_of(truth[image_id]["source_id"]): row for row, image_id in enumerate(back.ids)}
    for row in range(60):
        assert back.labels[by_row[row]] == new.labels[row]
        assert np.array_equal(pixels(back, by_row[row]), pixels(new, row))


def test_truth_is_needed_to_write(toy, tmp_path):
    with pytest.raises(ValueError, match="no truth"):
        write_poisoned(toy, tmp_path / "set", recipe={})
