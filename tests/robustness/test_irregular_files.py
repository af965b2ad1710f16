"""FIFOs, sockets, devices and links to them where a file is expected: one line at once, nothing waits and nothing fills the memory."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from core.attacks import apply_attack
from core.cli import main
from core.embedders.base import Settings
from core.embedders.precomputed import Precomputed
from core.embedders.pretrained.weights_file import identity, read_tensors
from core.errors import UserError
from core.files import read_json, read_table
from core.scans import attack_recipe
from core.sources import open_source, read_truth
from tests.support.source_files import LABELS, draw, folder


def fifo(path: Path) -> None:
    os.mkfifo(path)


def bound_socket(path: Path) -> None:
    here = Path.cwd()
    os.chdir(path.parent)  # the name of a socket may have a hundred characters
    try:
        with socket.socket(socket.AF_UNIX) as opened:
            opened.bind(path.name)
    finally:
        os.chdir(here)


def link_to_zeros(path: Path) -> None:
    path.symlink_to("/dev/zero")


def link_to_itself(path: Path) -> None:
    path.symlink_to(path)


@pytest.fixture(params=[fifo, bound_socket, link_to_zeros, link_to_itself, Path.mkdir], ids=lambda make: make.__name__)
def irregular(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], Path]:
    def make(name: str) -> Path:
        request.param(tmp_path / name)
        return tmp_path / name

    return make


@pytest.fixture
def images(tmp_path: Path) -> Path:
    return folder(tmp_path / "images", draw(), LABELS)


def one_line(call: Callable[[], object]) -> None:
    with pytest.raises(UserError) as error:
        call()
    assert "\n" not in str(error.value) and len(str(error.value)) < 500


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_tables(irregular: Callable[[str], Path], images: Path, suffix: str) -> None:
    path, data = irregular(f"t{suffix}"), open_source(images)
    one_line(lambda: read_truth(path, data))
    one_line(lambda: read_table(path, "the table"))
    one_line(lambda: open_source(path))
    one_line(lambda: apply_attack(data, "label_file", rate=1, labels_file=path))


def test_labels_as_an_array(irregular: Callable[[str], Path], images: Path) -> None:
    path = irregular("labels.npy")
    one_line(lambda: apply_attack(open_source(images), "label_file", rate=1, labels_file=path))


def test_embeddings_and_weights(irregular: Callable[[str], Path]) -> None:
    path = irregular("w.pt")
    one_line(lambda: Precomputed(Settings("cpu", embeddings=str(path))))
    one_line(lambda: read_tensors(path, "weights"))
    one_line(lambda: identity(path))


def test_json(irregular: Callable[[str], Path], images: Path, tmp_path: Path) -> None:
    path = irregular("recipe.json")
    assert read_json(path) is None and attack_recipe(str(tmp_path)) is None


def test_a_recipe_that_is_nested_or_large(tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.json"
    recipe.write_text("[" * 100_000)
    assert read_json(recipe) is None and attack_recipe(str(tmp_path)) is None
    recipe.write_text(json.dumps({"attack": "badnets"}))
    assert attack_recipe(str(tmp_path)) == {"attack": "badnets"}
    with recipe.open("r+b") as file:
        file.truncate(1 << 40)
    assert read_json(recipe) is None and attack_recipe(str(tmp_path)) is None


def test_a_truth_beside_the_images_that_is_no_file_is_no_truth(images: Path) -> None:
    os.mkfifo(images / "truth.parquet")
    assert open_source(images).truth is None


@pytest.mark.parametrize("bad", ["a\0b", "x" * 5000, "/proc/1/root/none/t.csv", "~nobody-of-this-name/t.csv"])
def test_places_that_are_none(bad: str, images: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    vectors = tmp_path / "v.npy"
    np.save(vectors, np.random.default_rng(0).normal(size=(12, 4)).astype(np.float32))
    for arguments in (
        ["scan", bad],
        ["poison", bad, "--attack", "badnets", "--out", str(tmp_path / "out")],
        ["poison", str(images), "--attack", "label_file", "--labels", f"{bad}.csv", "--out", str(tmp_path / "out")],
        ["scan", str(images), "--embeddings", bad],
        ["scan", str(images), "--embedder", "resnet18", "--weights", bad],
    ):
        if arguments[0] == "scan":
            arguments += ["--workspace", str(tmp_path / "ws")]
        assert main(arguments) == 2, arguments
        said = capfd.readouterr()
        lines = [line for line in said.err.replace("\r", "\n").split("\n") if line.startswith("taster:")]
        assert len(lines) == 1 and len(lines[0]) < 6000, said.err[-500:]
    one_line(lambda: read_truth(Path(f"{bad}.csv"), open_source(images)))


def test_embeddings_without_a_number(tmp_path: Path) -> None:
    np.save(tmp_path / "v.npy", np.zeros((12, 0), np.float32))
    with pytest.raises(UserError, match="vectors without a number"):
        Precomputed(Settings("cpu", embeddings=str(tmp_path / "v.npy")))
