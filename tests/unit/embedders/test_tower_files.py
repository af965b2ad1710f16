"""Weights files of DINOv2 and CLIP: what is refused and how it is said, the download, and a scan through the door."""

from __future__ import annotations

import hashlib
import json
import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from core.cli.program import main
from core.embedders import EMBEDDERS, find_embedder
from core.embedders.base import Settings
from core.embedders.pretrained import hub_models
from core.errors import UserError
from tests.support.core_toys import CPU, draw
from tests.support.tower_toys import State, clip_state, dinov2_state

HUB = ("dinov2_vits14", "dinov2_vitb14", "clip_vit_b32")


def state_of(name: str) -> State:
    return clip_state() if name.startswith("clip") else dinov2_state()


def refused(name: str, file: Path | None, *parts: str) -> str:
    with pytest.raises(UserError) as caught:
        find_embedder(name).load(Settings("cpu", weights=None if file is None else str(file)))
    text = str(caught.value)
    assert "\n" not in text and caught.value.allowed
    for part in parts:
        assert part in text, text
    return text


# ---- files that do not fit ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", HUB)
def test_files_that_are_no_weights(tmp_path: Path, name: str) -> None:
    refused(name, tmp_path / "none.pth", "does not exist", f"--weights takes a file with {name}'s weights")
    refused(name, tmp_path, "does not exist")
    for suffix in (".pth", ".safetensors"):
        for content in (b"", b"noise", b"\xff" * 8 + b"{" + b"\0" * 40, b"\x02" + b"\0" * 7 + b"{}"):
            (tmp_path / f"x{suffix}").write_bytes(content)
            refused(name, tmp_path / f"x{suffix}")
    for number, content in enumerate(([torch.zeros(2)], {"a": 1.0}, {}, {1: {2: 3}}, torch.zeros(3))):
        torch.save(content, tmp_path / f"{number}.pth")
        refused(name, tmp_path / f"{number}.pth")
    save_file(state_of(name), tmp_path / "cut.safetensors")
    (tmp_path / "cut.safetensors").write_bytes((tmp_path / "cut.safetensors").read_bytes()[:-50])
    refused(name, tmp_path / "cut.safetensors", "cannot be read as plain tensors", ".safetensors")


def dropped(part: str) -> Callable[[State], State]:
    return lambda state: {k: v for k, v in state.items() if part not in k}


def changed(part: str, by: Callable[[torch.Tensor], torch.Tensor]) -> Callable[[State], State]:
    return lambda state: {k: by(v) if part in k else v for k, v in state.items()}


SPOILT = {
    "no patches": ("dinov2_vits14", dropped("patch_embed.proj.weight"), "'patch_embed.proj.weight'"),
    "no positions": ("clip_vit_b32", dropped("positional"), "1 tensor is missing or of another shape, first 'visual.positional_embedding'"),
    "no bias": ("dinov2_vits14", dropped("1.norm2.bias"), "first 'blocks.1.norm2.bias'"),
    "no blocks": ("clip_vit_b32", dropped("resblocks"), "do not fit"),
    "a hole in the blocks": ("dinov2_vits14", dropped("blocks.0."), "do not fit"),
    "no projection": ("clip_vit_b32", dropped("visual.proj"), "first 'visual.proj'"),
    "another shape": ("dinov2_vits14", changed("0.attn.qkv.weight", lambda v: v.T), "first 'blocks.0.attn.qkv.weight'"),
    "another number of positions": ("dinov2_vits14", changed("pos_embed", lambda v: v[:, :-1]), "first 'pos_embed'"),
    "flat positions": ("dinov2_vits14", changed("pos_embed", lambda v: v[0]), "first 'pos_embed'"),
    "not a number": ("dinov2_vits14", changed("norm.bias", lambda v: v * float("nan")), "finite"),
    "infinite": ("clip_vit_b32", changed("c_fc.bias", lambda v: v + float("inf")), "finite"),
    "whole numbers": ("clip_vit_b32", changed("visual.proj", lambda v: v.long()), "finite floating-point"),
    "no memory behind it": ("dinov2_vits14", changed("norm.bias", lambda v: v.to("meta")), "finite"),
    "scattered": ("dinov2_vits14", changed("fc1.weight", lambda v: v.to_sparse()), "finite floating-point"),
    "register tokens": ("dinov2_vits14", lambda s: s | {"register_tokens": torch.zeros(1, 4, 64)}, "'register_tokens' has no place here"),
    "attention pooling": (
        "clip_vit_b32",
        lambda s: s | {"visual.attn_pool.query": torch.zeros(3)},
        "'attn_pool.query' has no place",
    ),
    "the other family": ("dinov2_vits14", lambda s: clip_state(), "DINOv2 image tower"),
    "the other family too": ("clip_vit_b32", lambda s: dinov2_state(), "CLIP image tower"),
    "heads of another width": ("dinov2_vits14", lambda s: dinov2_state(width=96), "heads of 64"),
    "patches that do not tile": ("dinov2_vits14", lambda s: dinov2_state(patch=15), "do not tile 224 pixels"),
    "images too large": ("clip_vit_b32", lambda s: clip_state(patch=64, grid=20), "cannot be (width 64"),
    "blown up": ("dinov2_vits14", changed("cls_token", lambda v: v[:, :, :1].expand(1, 1, 10**9)), "first 'cls_token'"),
}


# .safetensors can hold none of these
PTH_ALONE = ("no memory behind it", "scattered", "blown up")
SPOILT_FILES = [(case, ".pth") for case in SPOILT] + [(case, ".safetensors") for case in SPOILT if case not in PTH_ALONE]


@pytest.mark.parametrize(("case", "suffix"), SPOILT_FILES)
def test_a_tower_that_does_not_fit_is_said_in_one_line(tmp_path: Path, case: str, suffix: str) -> None:
    name, spoil, part = SPOILT[case]
    state, file = spoil(state_of(name)), tmp_path / f"mine{suffix}"
    if suffix == ".pth":
        torch.save(state, file)
    else:
        save_file({k: v.contiguous().clone() for k, v in state.items()}, file)
    text = refused(name, file, part)
    assert "mine" in text or "tile" in text


def test_weights_of_the_other_size_name_the_embedder_that_reads_them(tmp_path: Path) -> None:
    torch.save(dinov2_state(width=768, depth=1), tmp_path / "b.pth")
    refused("dinov2_vits14", tmp_path / "b.pth", "the weights of dinov2_vitb14, not of dinov2_vits14", "--embedder dinov2_vitb14")
    assert find_embedder("dinov2_vitb14").load(Settings("cpu", weights=str(tmp_path / "b.pth"))).key


class Code:
    """Runs when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Path.touch, (self.mark,)


@pytest.mark.parametrize("name", HUB)
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_code_in_a_weights_file_is_never_run(tmp_path: Path, name: str, suffix: str) -> None:
    evil, mark = tmp_path / f"evil{suffix}", tmp_path / "ran"
    torch.save(state_of(name) | {"norm.weight": Code(mark)}, evil)
    refused(name, evil, "cannot be read as plain tensors")
    evil.write_bytes(pickle.dumps(Code(mark)))
    refused(name, evil, "cannot be read as plain tensors")
    assert not mark.exists()
    pickle.loads(evil.read_bytes())
    assert mark.exists(), "the file does run where it is let"


@pytest.mark.filterwarnings("ignore")
def test_a_program_is_refused(tmp_path: Path) -> None:
    torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), tmp_path / "ViT-B-32.pt")
    refused("clip_vit_b32", tmp_path / "ViT-B-32.pt", "'ViT-B-32.pt' cannot be read as plain tensors", ".safetensors")


# ---- the download -----------------------------------------------------------------------------------------


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of torch.hub's."""
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    return tmp_path / "hub" / "checkpoints"


def published(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch, *, sha256: str | None = None) -> Path:
    """A small tower at an address of this machine, in place of the one on the network."""
    file = folder / f"published-{name}"
    if name.startswith("clip"):
        save_file(clip_state(), file)
    else:
        torch.save(dinov2_state(), file)
    sha256 = sha256 or hashlib.sha256(file.read_bytes()).hexdigest()
    monkeypatch.setitem(hub_models.TOWERS, name, replace(hub_models.TOWERS[name], url=file.as_uri(), sha256=sha256))
    return file


@pytest.mark.parametrize("name", HUB)
def test_published_weights_are_fetched_once(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    source = published(name, tmp_path, monkeypatch)
    first = find_embedder(name).load(Settings("cpu"))
    assert [file.name for file in cache.iterdir()] == [hub_models.TOWERS[name].file]
    local = find_embedder(name).load(Settings("cpu", weights=str(source)))
    source.unlink()
    again = find_embedder(name).load(Settings("cpu"))
    assert first.key == again.key == local.key
    batch = [first.pixels(draw(0, 0))]
    np.testing.assert_array_equal(first.features(batch, np.arange(1)), again.features(batch, np.arange(1)))


def test_other_bytes_than_the_published_ones_are_refused(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    published("dinov2_vits14", tmp_path, monkeypatch, sha256="0" * 64)
    refused("dinov2_vits14", None, "could not be downloaded (RuntimeError)")
    assert not (cache / "dinov2_vits14_pretrain.pth").exists()
    (cache / "dinov2_vits14_pretrain.pth").write_bytes(b"left there by someone")
    refused("dinov2_vits14", None, "are not the published ones", "delete it")


@pytest.mark.parametrize("name", HUB)
@pytest.mark.parametrize("error", [URLError("no route"), ConnectionResetError("reset"), TimeoutError()], ids=lambda e: type(e).__name__)
def test_without_a_network_the_way_out_is_named(cache: Path, monkeypatch: pytest.MonkeyPatch, name: str, error: Exception) -> None:
    def fail(*arguments: object, **named: object) -> None:
        raise error

    monkeypatch.setattr(torch.hub, "download_url_to_file", fail)
    refused(name, None, f"the weights of {name} could not be downloaded", "--embedder gradients", "--weights FILE")


def test_addresses_are_the_authors_own() -> None:
    for name, tower in hub_models.TOWERS.items():
        assert tower.url.startswith(("https://dl.fbaipublicfiles.com/dinov2/", "https://huggingface.co/laion/")) and tower.file
        assert len(tower.sha256) == 64, f"{name} is fetched by its digest alone"
        assert "/main/" not in tower.url, "a branch may move"


# ---- through the door --------------------------------------------------------------------------------------


def folder_of_toys(root: Path, count: int = 36) -> Path:
    for i in range(count):
        path = root / f"kind{i % 3}" / f"{i:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        draw(i % 3, i).save(path)
    return root


@pytest.mark.slow
@pytest.mark.parametrize("name", ["dinov2_vits14", "clip_vit_b32"])
def test_a_scan_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    images, weights = folder_of_toys(tmp_path / "images"), tmp_path / "tiny.pth"
    torch.save(state_of(name), weights)
    given = ["--embedder", name, "--weights", str(weights), "--device", "cpu", "--k", "5", "--workspace", str(tmp_path / "w"), "--json"]
    assert main(["scan", str(images), *given]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["embedder"] == name and told["images"] == 36
    [vectors] = (tmp_path / "w").rglob("vectors.npy")
    found = np.load(vectors)
    assert found.shape == (36, 24 if name.startswith("clip") else 64)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    # the toys of one kind differ by noise alone: even random weights put them together
    similarity = found @ found.T
    np.fill_diagonal(similarity, -2)
    kind = np.array([int(path.parent.name[-1]) for path in sorted(images.rglob("*.png"))])
    assert (kind[similarity.argmax(axis=1)] == kind).mean() > 0.9


def test_weights_go_with_every_trained_embedder_and_with_no_other(tmp_path: Path) -> None:
    (tmp_path / "w.pth").write_bytes(b"weights")
    for name, entry in EMBEDDERS.items():
        options = replace(CPU, embedder=name, weights=str(tmp_path / "w.pth"))
        if entry.trained:
            assert dict(options.recipe().options)["weights"]
        else:
            with pytest.raises(UserError, match=r"it is for lite0, resnet18, .*dinov2_vits14.*clip_vit_b32"):
                options.recipe()


def test_info_names_them(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["info", "--json", "--workspace", str(tmp_path)]) == 0
    assert set(HUB) <= json.loads(capsys.readouterr().out)["embedders"].keys()


def test_a_strip_is_not_blown_up(tmp_path: Path) -> None:
    torch.save(dinov2_state(), tmp_path / "t.pth")
    pixels = (
        find_embedder("dinov2_vits14")
        .load(Settings("cpu", weights=str(tmp_path / "t.pth")))
        .pixels(Image.new("RGB", (60_000, 1), (9, 99, 199)))
    )
    assert pixels.shape == (224, 224, 3) and (pixels == [9, 99, 199]).all()
