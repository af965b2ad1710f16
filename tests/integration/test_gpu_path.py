"""The paths that only a GPU takes, walked on a stand-in: nothing is mixed, nothing is left behind on the device."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image

from core.embedders import find_embedder
from core.embedders.base import Settings
from core.embedders.gradients.gradients import Gradients
from core.embedders.simclr.contrast_training import Plan, Training
from core.embedders.simclr.feature_learning import FeatureLearner
from core.proofs.proof import ProveOptions, prove
from core.scans.options import ScanOptions
from core.scans.pipeline import inspection_of, scan
from core.scores.probe import train as probe_module
from core.scores.probe.train import train_probe
from core.triggers import mine
from core.workspace.workspace import Workspace
from tests.support.core_toys import image_folder, quick_gradients
from tests.support.gpu_stand_in import OnDevice, gpu_stand_in
from tests.support.proof_toys import perfect, poisoned
from tests.support.simclr_toys import no_agreement, quiet, shapes
from tests.support.trigger_toys import CLASSES, SIDE, checker, pictures, stamp


@pytest.fixture(autouse=True)
def _stand_in() -> Iterator[None]:
    if torch.cuda.is_available():
        pytest.skip("a GPU is there: the tests of each part use it")
    before = OnDevice.made
    with gpu_stand_in():
        yield
    assert OnDevice.made > before, "nothing was computed on the device"


# ---- the stand-in itself refuses what CUDA refuses


def test_both_sides_do_not_mix() -> None:
    there = torch.ones(3).to("cuda")
    assert there.device.type == "cuda" and (there + 1).cpu().tolist() == [2, 2, 2]
    for mixed in (lambda: there + torch.ones(3), lambda: torch.cat([there, torch.ones(3)]), lambda: torch.ones(2, 3) @ there):
        with pytest.raises(RuntimeError, match="same device"):
            mixed()
    with pytest.raises(RuntimeError, match="same device"):
        torch.ones(3)[torch.tensor([0], device="cuda")]
    assert there[torch.tensor([0])].tolist() == [1] and (there * torch.tensor(2.0)).tolist() == [2, 2, 2]
    with pytest.raises(TypeError, match="numpy"):
        there.numpy()
    with pytest.raises(TypeError, match="numpy"):
        np.asarray(there)


def test_a_network_learns_in_half_precision() -> None:
    network = torch.nn.Conv2d(3, 4, 3).to("cuda", memory_format=torch.channels_last)
    assert isinstance(network.weight.data, OnDevice)
    steps = torch.optim.SGD(network.parameters(), lr=0.1, fused=True)
    before = network.weight.detach().clone()
    with torch.autocast("cuda", dtype=torch.bfloat16):
        out = network(torch.randn(2, 3, 8, 8, device="cuda"))
    assert out.dtype == torch.bfloat16
    out.float().square().mean().backward()
    steps.step()
    assert float((network.weight - before).abs().sum()) > 0


# ---- Taster's own


def test_gradients_are_the_same() -> None:
    images = list(shapes(24)[0])
    here, there = Gradients(Settings("cpu")), Gradients(Settings("cuda"))
    assert np.allclose(here.features(images, np.arange(24)), there.features(images, np.arange(24)), atol=1e-5)


@pytest.mark.parametrize("held", [True, False])
def test_the_probe_trains(held: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe_module, "FEWEST_STEPS", 2)
    if not held:
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda *_: (0, 1))
    pixels, labels = shapes(96)
    found = train_probe(pixels, labels.astype(np.int64), 4, seed=0, epochs=1, device="cuda")
    assert np.isfinite(found.features).all() and np.isfinite(found.given).all()


def test_mining_finds_the_same_rows() -> None:
    toy = pictures(800)
    rows = np.flatnonzero(toy.content != 1)[:40]
    stamp(toy, rows, checker(), np.tile([SIDE - 4, SIDE - 4], (len(rows), 1)))
    toy.labels[rows] = 1
    found = mine(toy.pixels, toy.labels, CLASSES, toy.suspect, toy.vectors, device="cuda")
    assert sorted(found.findings[0].rows) == sorted(rows)


@pytest.mark.parametrize("backbone", ["small", "resnet18"])
def test_a_network_learns_without_labels(tmp_path: Path, backbone: str) -> None:
    learned = Training(Plan(backbone, 32, seed=5, epochs=1, batch=16), shapes(32)[0], tmp_path, "cuda", quiet, no_agreement).run()
    assert all(isinstance(p.data, OnDevice) and bool(torch.isfinite(p).all()) for p in learned.parameters())


def test_features_learn_without_labels(tmp_path: Path) -> None:
    learner = FeatureLearner(Plan("features", 32, seed=0, epochs=2), "cuda")
    images = shapes(64)[0]
    learner.learn(images, tmp_path, quiet, no_agreement)
    assert np.isfinite(learner.features(images)).all()


def test_a_tower_from_a_file_embeds(tmp_path: Path) -> None:
    network = torchvision.models.resnet18(weights=None)
    torch.save(network.state_dict(), tmp_path / "weights.pth")
    image = Image.fromarray(shapes(1)[0][0])
    here, there = (find_embedder("resnet18").load(Settings(device, weights=str(tmp_path / "weights.pth"))) for device in ("cpu", "cuda"))
    one, other = (model.features([model.pixels(image)], np.arange(1))[0].astype(np.float32) for model in (here, there))
    assert np.corrcoef(one, other)[0, 1] > 0.99, "bfloat16 rounds"


def test_a_whole_scan_ends(tmp_path: Path) -> None:
    home = Workspace(tmp_path / "home")
    with quick_gradients():
        key = scan(str(image_folder(tmp_path / "set")), ScanOptions(device="cuda", k=10), home)
    inspection = inspection_of(home, key)
    assert inspection is not None and np.isfinite(inspection.suspicion).all()


@pytest.mark.parametrize("victim", ["small", "resnet18"])
def test_victims_train(tmp_path: Path, victim: str, monkeypatch: pytest.MonkeyPatch) -> None:
    scanned = poisoned(tmp_path, size=20, patch_size=6)
    scanned.judge(scanned.truth.is_poisoned, [perfect(scanned)], np.array(scanned.truth.original_labels))
    result = prove(scanned.key, ProveOptions(seeds=1, epochs=1, device="cuda", victim=victim), scanned.home)
    assert result["device"] == "cuda" and 0 <= result["as_given"]["accuracy"] <= 1


def test_a_scan_learns_its_own_embedding(tmp_path: Path) -> None:
    options = ScanOptions(device="cuda", k=10, embedder="simclr", backbone="small", epochs=1, batch=16)
    home = Workspace(tmp_path / "home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(probe_module, "FEWEST_STEPS", 2)
        key = scan(str(image_folder(tmp_path / "set", size=12)), options, home)
    assert inspection_of(home, key) is not None
