"""The embedder simclr: learning on features, what names a result, the curve, options, the command line."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from core.cli.program import main
from core.embedders.base import LearningProgress, Settings
from core.embedders.simclr.contrast_nets import build
from core.embedders.simclr.contrast_training import Plan
from core.embedders.simclr.feature_learning import FeatureLearner
from core.embedders.simclr.simclr import Simclr
from core.errors import UserError
from core.files.atomic import read_json
from core.scans.learning import agreement, learn
from core.scans.options import ScanOptions
from core.workspace.progress import Progress
from core.workspace.workspace import Workspace
from tests.support.attack_toys import make_dataset
from tests.support.simclr_toys import Stopped, bound, no_agreement, quiet, shapes

# ---- on top of features


def small_learner(seed: int = 0, epochs: int = 8) -> FeatureLearner:
    return FeatureLearner(Plan("features", 32, seed=seed, epochs=epochs), "cpu")


def test_learning_on_features_is_the_same_after_a_stop(tmp_path: Path) -> None:
    images = shapes(80)[0]
    one, two = small_learner(), small_learner()
    one.learn(images, tmp_path / "a", quiet, no_agreement)

    def stop(told: LearningProgress) -> None:
        if told.share > 0.3:
            raise Stopped

    (tmp_path / "b").mkdir()
    with pytest.raises(Stopped):
        two.learn(images, tmp_path / "b", stop, no_agreement)
    assert list((tmp_path / "b").glob("views-*.pt"))
    two.learn(images, tmp_path / "b", quiet, no_agreement)
    assert np.array_equal(one.features(images), two.features(images))
    assert not list((tmp_path / "b").glob("views-*.pt"))


def test_learning_on_features_gathers_what_is_alike(tmp_path: Path) -> None:
    images, kinds = shapes(600)
    learner = small_learner(epochs=20)
    before = agreement(learner.gradients.features(list(images), np.arange(600)), kinds)
    learner.learn(images, tmp_path, quiet, no_agreement)
    assert agreement(learner.features(images), kinds) > before


# ---- the embedder


@pytest.mark.parametrize("backbone", ["small", "features"])
def test_what_was_learned_is_found_again(tmp_path: Path, backbone: str) -> None:
    settings = Settings("cpu", backbone=backbone, epochs=2, batch=0 if backbone == "features" else 16)
    model, images = bound(tmp_path, settings)
    curve = model.learn(images, tmp_path, quiet, no_agreement)
    assert curve and {"epoch", "loss", "speed", "seconds", "agreement"} <= set(curve[-1])
    found = model.features(list(images), np.arange(len(images)))
    other, _ = bound(tmp_path, settings)
    assert other.known(tmp_path) and other.key == model.key
    assert np.array_equal(found, other.features(list(images), np.arange(len(images))))
    # a row's vector does not depend on who else is in the batch
    assert np.allclose(found[:3], other.features(list(images[:3]), np.arange(3)), atol=1e-4)
    vectors = model.finish([found], len(found))
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("side", [16, 24, 32, 40, 64])
def test_every_working_size_can_be_learned_from(tmp_path: Path, side: int) -> None:
    images, kinds = shapes(24, side)
    dataset = make_dataset(list(images), kinds)
    model = Simclr(Settings("cpu", epochs=1))
    learn(dataset, model, Workspace(tmp_path), Progress(None, None), None)
    assert model.features([model.pixels(dataset.load(row)) for row in range(3)], np.arange(3)).shape[0] == 3


def test_another_device_or_backbone_names_another_scan() -> None:
    plain = ScanOptions(embedder="simclr", device="cpu").recipe()
    assert ("backbone", "features") in plain.options and ("epochs", "60") in plain.options
    assert ScanOptions(embedder="simclr", device="cpu", backbone="features", epochs=60).recipe() == plain
    assert ScanOptions(embedder="simclr", device="cpu", backbone="resnet18").recipe() != plain


def test_the_result_is_named_by_images_and_plan_not_by_labels(tmp_path: Path) -> None:
    images = list(shapes(24)[0])
    first, second = (make_dataset(images, np.random.default_rng(seed).integers(0, 4, 24)) for seed in (0, 1))
    keys = [Simclr(Settings("cpu")).bind(d.image_digests, 32) for d in (first, second)]
    assert keys[0] == keys[1]
    assert Simclr(Settings("cpu", epochs=7)).bind(first.image_digests, 32) != keys[0]
    assert Simclr(Settings("cpu", seed=1)).bind(first.image_digests, 32) != keys[0]


def test_learning_keeps_a_curve_for_who_watches(tmp_path: Path) -> None:
    images = list(shapes(40)[0])
    dataset = make_dataset(images, np.arange(40) % 4)
    states: list[Any] = []
    model = Simclr(Settings("cpu", backbone="small", epochs=2, batch=16))
    workspace = Workspace(tmp_path)
    learn(dataset, model, workspace, Progress(None, states.append), tmp_path / "learning.json")
    found = read_json(tmp_path / "learning.json")
    assert found and len(found["curve"]) >= 2 and 0 <= found["curve"][-1]["agreement"] <= 1
    assert any(s.stage == "train" and "altered images per second" in s.message for s in states)
    again = Simclr(Settings("cpu", backbone="small", epochs=2, batch=16))
    told: list[Any] = []
    learn(dataset, again, workspace, Progress(None, told.append), tmp_path / "other.json")
    assert not told and again.embed_rows is not None, "it learned twice"


def test_agreement_counts_as_a_loop_would() -> None:
    rng = np.random.default_rng(0)
    vectors, labels = rng.normal(size=(60, 5)).astype(np.float32), rng.integers(-1, 3, 60)
    rows = np.flatnonzero(labels >= 0)
    kept = vectors[rows] - vectors[rows].mean(0)
    kept /= np.linalg.norm(kept, axis=1, keepdims=True)
    right = 0
    for i in range(len(rows)):
        near = sorted((j for j in range(len(rows)) if j != i), key=lambda j: -float(kept[i] @ kept[j]))[:20]
        votes = [sum(math.exp(float(kept[i] @ kept[j]) / 0.1) for j in near if labels[rows[j]] == c) for c in range(3)]
        right += int(np.argmax(votes)) == labels[rows[i]]
    assert agreement(vectors, labels) == pytest.approx(right / len(rows))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (ScanOptions(epochs=3), "--epochs does not go with embedder 'gradients'"),
        (ScanOptions(embedder="simclr", epochs=3, minutes=1.0), "--epochs and --minutes do not go together"),
        (ScanOptions(embedder="simclr", minutes=-1.0), "minutes = -1 cannot be"),
        (ScanOptions(embedder="simclr", batch=3), "batch = 3 cannot be"),
        (ScanOptions(embedder="simclr", device="cpu", batch=64), "--batch does not go with the backbone 'features'"),
        (ScanOptions(embedder="simclr", backbone="vgg"), "backbone 'vgg' is not known"),
    ],
)
def test_options_that_cannot_be_are_one_line(options: ScanOptions, words: str) -> None:
    with pytest.raises(UserError) as told:
        options.recipe()
    assert words in str(told.value) and "\n" not in str(told.value)


def test_a_backbone_that_cannot_be_is_one_line() -> None:
    with pytest.raises(UserError, match="backbone 'vgg' is not known"):
        Simclr(Settings("cpu", backbone="vgg"))


def test_a_budget_of_time_ends_the_learning_on_features(tmp_path: Path) -> None:
    told: list[LearningProgress] = []
    learner = FeatureLearner(Plan("features", 32, epochs=10**6, minutes=0.05), "cpu")
    learner.learn(shapes(80)[0], tmp_path, told.append, no_agreement)
    assert told[-1].share == 1.0 and 0 < told[-1].epoch < 10**6


@pytest.mark.parametrize(("name", "side"), [("small", 64), ("resnet18", 32), ("resnet18", 64), ("resnet18", 96)])
def test_every_backbone_takes_its_size(name: str, side: int) -> None:
    network = build(name, side, 0, "cpu").eval()
    found = network(torch.rand(2, 3, side, side))
    assert found.shape == (2, 128) and torch.allclose(found.norm(dim=1), torch.ones(2), atol=1e-5)


def test_the_curve_is_drawn_from_two_points_on() -> None:
    from ui.charts.charts import learning_curve

    points = [{"epoch": 1, "agreement": None}, {"epoch": 2, "agreement": 0.5}, {"epoch": 3, "agreement": 0.625}]
    assert learning_curve({"curve": points[:2]}) is None and learning_curve({}) is None
    figure = learning_curve({"curve": points})
    assert figure is not None and list(figure.data[0].x) == [2, 3] and list(figure.data[0].y) == [50.0, 62.5]


# ---- the command line


def folder_of_shapes(root: Path, n: int = 48) -> Path:
    images, kinds = shapes(n)
    for row, (image, kind) in enumerate(zip(images, kinds, strict=True)):
        place = root / f"kind{kind}" / f"{row:03d}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(place)
    return root


def test_what_the_command_learned_is_what_a_scan_embeds_with(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = str(folder_of_shapes(tmp_path / "set"))
    options = ["--embedder", "simclr", "--backbone", "small", "--epochs", "1", "--batch", "16", "--device", "cpu"]
    place = ["--workspace", str(tmp_path / "workspace"), "--json"]
    assert main(["learn", source, *options[2:], *place]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["curve"][-1]["epoch"] == 1 and said["key"].startswith("simclr-")
    assert main(["scan", source, *options, "--k", "5", *place]) == 0
    heard = capsys.readouterr()
    assert "embedding images" in heard.err and "learning from the images" not in heard.err
    scan = json.loads(heard.out)["key"]
    vectors = np.load(tmp_path / "workspace" / "scans" / scan / "vectors.npy")
    assert vectors.shape == (48, 256) and np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_an_embedder_that_learns_nothing_is_refused_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["learn", "demo", "--embedder", "gradients", "--workspace", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert "embedder 'gradients' does not learn from a set" in said and said.count("\n") == 1
