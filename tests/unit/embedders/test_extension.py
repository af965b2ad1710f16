"""A new embedder is its file and one line in the registry: `info` lists it, scans use it, its record says the rest."""

from __future__ import annotations

import importlib.util
import json
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from core.cli.program import main
from core.embedders import EMBEDDERS
from core.errors import UserError
from core.scans import ScanOptions, cannot_embed, inspection_of, votes_cheaply
from core.workspace import Workspace
from tests.support.core_toys import image_folder

TOY = '''
"""`thumbnails`: each image at 4 × 4 pixels."""

from __future__ import annotations

import numpy as np

from core.embedders import Embedder


class Thumbnails:
    key, batch_size = "thumbnails-1", 64

    def __init__(self, settings):
        self.seed = settings.seed

    def pixels(self, image):
        return np.asarray(image.resize((4, 4)), dtype=np.uint8)

    def features(self, batch, rows):
        return np.stack(batch).reshape(len(batch), -1).astype(np.float32)

    def finish(self, shards, count):
        found = np.concatenate([np.asarray(shard, dtype=np.float32) for shard in shards])
        found -= found.mean(0)
        return found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-9)


THUMBNAILS = Embedder("thumbnails", "each image at 4 x 4 pixels", Thumbnails, fast=True)
'''


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The toy's module, in a file of its own, and its one line."""
    file = tmp_path / "thumbnails.py"
    file.write_text(TOY, encoding="utf-8")
    spec = importlib.util.spec_from_file_location("thumbnails", file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setitem(EMBEDDERS, "thumbnails", module.THUMBNAILS)
    return module


def test_info_lists_it(toy: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", "--workspace", str(tmp_path / "home")]) == 0
    assert "thumbnails            each image at 4 x 4 pixels" in capsys.readouterr().out


@pytest.mark.slow
def test_a_scan_uses_it(toy: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.scores.probe.train.FEWEST_STEPS", 2)
    home, images = tmp_path / "home", image_folder(tmp_path / "set", size=12)
    given = ["scan", str(images), "--embedder", "thumbnails", "--device", "cpu", "--k", "5", "--workspace", str(home), "--json"]
    assert main(given) == 0
    key = json.loads(capsys.readouterr().out)["key"]
    found = inspection_of(Workspace(home), key)
    assert found is not None and found.recipe.embedder == "thumbnails" and np.isfinite(found.suspicion).all()
    assert "halftone_shift" in found.scores, "a fast embedder is asked about altered images"
    assert cannot_embed(found) == "" and votes_cheaply(found)
    monkeypatch.setattr(toy.Thumbnails, "features", None)
    assert main(given) == 0 and json.loads(capsys.readouterr().out)["key"] == key


@pytest.mark.parametrize(
    ("flag", "option", "value"),
    [("trained", "weights", "w.pth"), ("needs_file", "embeddings", "v.npy"), ("learns", "epochs", 3)],
)
def test_its_record_says_which_options_go_with_it(toy: ModuleType, flag: str, option: str, value: object) -> None:
    with pytest.raises(UserError, match=rf"--{option} does not go with embedder 'thumbnails'"):
        ScanOptions(embedder="thumbnails", **{option: value}).recipe()
    EMBEDDERS["thumbnails"] = replace(toy.THUMBNAILS, **{flag: True})
    with pytest.raises(UserError, match=r"it is for .*thumbnails"):
        ScanOptions(embedder="gradients", **{option: value}).recipe()


def test_a_slow_one_is_not_asked_about_altered_images_on_a_cpu(
    toy: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.scores.probe.train.FEWEST_STEPS", 2)
    EMBEDDERS["thumbnails"] = replace(toy.THUMBNAILS, fast=False)
    home, images = tmp_path / "home", image_folder(tmp_path / "set", size=12)
    assert main(["scan", str(images), "--embedder", "thumbnails", "--device", "cpu", "--k", "5", "--workspace", str(home), "--json"]) == 0
    found = inspection_of(Workspace(home), json.loads(capsys.readouterr().out)["key"])
    assert found is not None and "halftone_shift" not in found.scores and not votes_cheaply(found)
