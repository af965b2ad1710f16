"""DINOv2 and CLIP towers against forward passes written out from the papers, in loops, in double precision."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import save_file

from core.embedders import find_embedder
from core.embedders.base import Model, Settings
from core.embedders.pretrained.tower_weights import CLIP, DINOV2, Family, Sizes, build_tower, resized_positions
from tests.support.core_toys import draw
from tests.support.tower_toys import State, clip_shapes, clip_state, dinov2_shapes, dinov2_state

Array = NDArray[np.float64]
ROWS = np.arange(100)
IMAGENET = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
WEB = ([0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711])


# ---- the forward pass, from the papers ----------------------------------------------------------------


def layer_norm(x: Array, weight: Array, bias: Array, epsilon: float) -> Array:
    return np.stack([(t - t.mean()) / math.sqrt(t.var() + epsilon) * weight + bias for t in x])


def attention(x: Array, w: Array, b: Array, out: Array, out_bias: Array) -> Array:
    """Vaswani et al. 2017, eq. 1, a head and a token at a time; heads of 64."""
    width = x.shape[1]
    q, k, v = (x @ w[i * width : (i + 1) * width].T + b[i * width : (i + 1) * width] for i in range(3))
    found = np.zeros_like(x)
    for head in range(width // 64):
        part = slice(64 * head, 64 * head + 64)
        for token in range(len(x)):
            weights = np.array([math.exp(q[token, part] @ k[other, part] / math.sqrt(64)) for other in range(len(x))])
            found[token, part] = sum(weights[j] * v[j, part] for j in range(len(x))) / weights.sum()
    return found @ out.T + out_bias


def gelu(x: float) -> float:
    return 0.5 * x * (1 + math.erf(x / math.sqrt(2)))


def quick_gelu(x: float) -> float:
    return x / (1 + math.exp(-1.702 * x))


def patches_of(image: Array, kernel: Array) -> Array:
    """(s, s, 3) -> (grid², W), row by row."""
    side, grid = kernel.shape[-1], image.shape[0] // kernel.shape[-1]
    cut = [image[side * i : side * i + side, side * j : side * j + side].transpose(2, 0, 1) for i in range(grid) for j in range(grid)]
    return np.stack([(kernel * piece).sum(axis=(1, 2, 3)) for piece in cut])


def cubic(t: float) -> float:
    """Keys 1981, a = −0.75."""
    t, a = abs(t), -0.75
    if t <= 1:
        return (a + 2) * t**3 - (a + 3) * t**2 + 1
    return a * t**3 - 5 * a * t**2 + 8 * a * t - 4 * a if t < 2 else 0.0


def resized(plane: Array, grid: int, offset: float) -> Array:
    """(g, g, W) -> (grid, grid, W); samples lie g / (grid + offset) apart, the border is repeated."""
    side = len(plane)
    step = side / (grid + offset)
    matrix = np.zeros((grid, side))
    for i in range(grid):
        at = (i + 0.5) * step - 0.5
        for j in range(math.floor(at) - 1, math.floor(at) + 3):
            matrix[i, min(max(j, 0), side - 1)] += cubic(at - j)
    return np.einsum("ia,jb,abw->ijw", matrix, matrix, plane)


def dinov2_by_hand(state: State, image: Array) -> Array:
    s = {name: value.double().numpy() for name, value in state.items()}
    x = patches_of(image, s["patch_embed.proj.weight"]) + s["patch_embed.proj.bias"]
    positions, grid = s["pos_embed"][0], math.isqrt(len(x))
    native = math.isqrt(len(positions) - 1)
    plane = positions[1:].reshape(native, native, -1)
    plane = plane if native == grid else resized(plane, grid, 0.1)
    x = np.concatenate([s["cls_token"][0] + positions[:1], x + plane.reshape(grid * grid, -1)])
    for i in range(sum(name.endswith("ls1.gamma") for name in s)):
        b = {name.removeprefix(f"blocks.{i}."): value for name, value in s.items() if name.startswith(f"blocks.{i}.")}
        inner = layer_norm(x, b["norm1.weight"], b["norm1.bias"], 1e-6)
        x = x + b["ls1.gamma"] * attention(inner, b["attn.qkv.weight"], b["attn.qkv.bias"], b["attn.proj.weight"], b["attn.proj.bias"])
        inner = layer_norm(x, b["norm2.weight"], b["norm2.bias"], 1e-6) @ b["mlp.fc1.weight"].T + b["mlp.fc1.bias"]
        x = x + b["ls2.gamma"] * (np.vectorize(gelu)(inner) @ b["mlp.fc2.weight"].T + b["mlp.fc2.bias"])
    return layer_norm(x[:1], s["norm.weight"], s["norm.bias"], 1e-6)[0]


def clip_by_hand(state: State, image: Array, activation: Any) -> Array:
    s = {name.removeprefix("visual."): value.double().numpy() for name, value in state.items() if name.startswith("visual.")}
    x = np.concatenate([s["class_embedding"][None], patches_of(image, s["conv1.weight"])]) + s["positional_embedding"]
    x = layer_norm(x, s["ln_pre.weight"], s["ln_pre.bias"], 1e-5)
    for i in range(sum(name.endswith("ln_1.weight") for name in s)):
        start = f"transformer.resblocks.{i}."
        b = {name.removeprefix(start): value for name, value in s.items() if name.startswith(start)}
        inner = layer_norm(x, b["ln_1.weight"], b["ln_1.bias"], 1e-5)
        x = x + attention(inner, b["attn.in_proj_weight"], b["attn.in_proj_bias"], b["attn.out_proj.weight"], b["attn.out_proj.bias"])
        inner = layer_norm(x, b["ln_2.weight"], b["ln_2.bias"], 1e-5) @ b["mlp.c_fc.weight"].T + b["mlp.c_fc.bias"]
        x = x + np.vectorize(activation)(inner) @ b["mlp.c_proj.weight"].T + b["mlp.c_proj.bias"]
    return layer_norm(x[:1], s["ln_post.weight"], s["ln_post.bias"], 1e-5)[0] @ s["proj"]


def prepared(image: Image.Image, resize: int, crop: int, mean: list[float], std: list[float]) -> Array:
    """By Pillow alone: short side to `resize`, bicubic; the middle `crop` pixels; colours as in training."""
    w, h = image.size
    short = min(w, h)
    image = image.resize((int(resize * w / short), int(resize * h / short)), Image.Resampling.BICUBIC)
    left, top = round((image.width - crop) / 2), round((image.height - crop) / 2)
    return (np.asarray(image.crop((left, top, left + crop, top + crop))) / 255 - mean) / std


def load(name: str, file: Path) -> Model:
    return find_embedder(name).load(Settings("cpu", weights=str(file)))


def raw(model: Model, image: Image.Image) -> NDArray[np.float32]:
    return model.features([model.pixels(image)], ROWS[:1])[0]


SIZES = {
    "one head": {"width": 64, "depth": 1},
    "two heads, two blocks": {"width": 128, "depth": 2, "hidden": 80},
}


@pytest.mark.parametrize("sizes", list(SIZES))
@pytest.mark.parametrize("grid", [4, 5], ids=["native positions", "resized positions"])
@pytest.mark.parametrize("shape", [(32, 32), (300, 201)])
def test_dinov2_is_the_papers_network(tmp_path: Path, sizes: str, grid: int, shape: tuple[int, int]) -> None:
    state = dinov2_state(grid=grid, **SIZES[sizes])
    torch.save(state, tmp_path / "tower.pth")
    image = draw(1, 2, height=shape[0], width=shape[1])
    expected = dinov2_by_hand(state, prepared(image, 256, 224, *IMAGENET))
    found = raw(load("dinov2_vits14", tmp_path / "tower.pth"), image)
    np.testing.assert_allclose(found, expected, atol=2e-5 * np.abs(expected).max())


@pytest.mark.parametrize("sizes", list(SIZES))
@pytest.mark.parametrize("openai", [False, True], ids=["gelu", "quick gelu"])
@pytest.mark.parametrize("shape", [(32, 32), (100, 71)])
def test_clip_is_the_papers_network(tmp_path: Path, sizes: str, openai: bool, shape: tuple[int, int]) -> None:
    state = clip_state(**SIZES[sizes])
    if openai:
        state |= {"input_resolution": torch.tensor(48), "context_length": torch.tensor(77), "vocab_size": torch.tensor(9)}
    save_file(state, tmp_path / "tower.safetensors")
    image = draw(2, 1, height=shape[0], width=shape[1])
    pixels = prepared(image, 48, 48, *WEB)
    expected = clip_by_hand(state, pixels, quick_gelu if openai else gelu)
    found = raw(load("clip_vit_b32", tmp_path / "tower.safetensors"), image)
    np.testing.assert_allclose(found, expected, atol=2e-5 * np.abs(expected).max())
    other = clip_by_hand(state, pixels, gelu if openai else quick_gelu)
    assert np.abs(found - other).max() > 20 * np.abs(found - expected).max(), "the two activations must be told apart"


@pytest.mark.parametrize(("name", "state"), [("dinov2_vits14", dinov2_state()), ("clip_vit_b32", clip_state())], ids=["dinov2", "clip"])
def test_a_file_is_read_alike_in_every_wrapping(tmp_path: Path, name: str, state: State) -> None:
    torch.save(state, tmp_path / "a.pth")
    torch.save({"state_dict": {f"module.{k}": v for k, v in state.items()}}, tmp_path / "b.pth")
    save_file(state, tmp_path / "c.safetensors")
    save_file(state, tmp_path / "d.pth")
    image = draw(0, 0)
    found = [raw(load(name, tmp_path / file), image) for file in ("a.pth", "b.pth", "c.safetensors", "d.pth")]
    assert all(np.array_equal(found[0], other) for other in found[1:])
    torch.save({k: v.half() for k, v in state.items()}, tmp_path / "half.pth")
    np.testing.assert_allclose(raw(load(name, tmp_path / "half.pth"), image), found[0], atol=0.02 * np.abs(found[0]).max())


@pytest.mark.parametrize(("name", "state"), [("dinov2_vits14", dinov2_state()), ("clip_vit_b32", clip_state())], ids=["dinov2", "clip"])
def test_a_file_under_timms_own_names_is_read_too(tmp_path: Path, name: str, state: State) -> None:
    """As timm publishes them: without the mask token, and with CLIP's projection as a linear layer."""
    tower, _ = build_tower(state, CLIP if name.startswith("clip") else DINOV2, "t.pth")
    own = {key: value.clone() for key, value in tower.state_dict().items()}
    if name.startswith("dino"):
        own["pos_embed"] = state["pos_embed"]
    save_file(own, tmp_path / "timm.safetensors")
    torch.save(state, tmp_path / "published.pth")
    image = draw(2, 2)
    np.testing.assert_array_equal(raw(load(name, tmp_path / "timm.safetensors"), image), raw(load(name, tmp_path / "published.pth"), image))


def test_other_weights_are_another_key_and_other_vectors(tmp_path: Path) -> None:
    for seed in (0, 1):
        torch.save(dinov2_state(seed), tmp_path / f"{seed}.pth")
    (tmp_path / "copy.pth").write_bytes((tmp_path / "0.pth").read_bytes())
    zero, one, copy = (load("dinov2_vits14", tmp_path / f"{name}.pth") for name in ("0", "1", "copy"))
    assert zero.key == copy.key != one.key, "a file is known by its content, not by its name"
    assert zero.key != load("dinov2_vitb14", tmp_path / "0.pth").key
    assert not np.allclose(raw(zero, draw(0, 0)), raw(one, draw(0, 0)), atol=0.1)


# ---- positions ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("offset", [0.0, 0.1])
def test_positions_at_their_own_grid_stay_as_they_are(offset: float) -> None:
    positions = torch.randn(1, 1 + 16 * 16, 8, generator=torch.Generator().manual_seed(0))
    assert torch.equal(resized_positions(positions, 16, offset), positions)


@pytest.mark.parametrize("offset", [0.0, 0.1])
@pytest.mark.parametrize(("side", "grid"), [(37, 16), (5, 4), (4, 7), (3, 1)])
def test_resized_positions(side: int, grid: int, offset: float) -> None:
    positions = torch.randn(1, 1 + side * side, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float32)
    found = resized_positions(positions, grid, offset)
    assert found.shape == (1, 1 + grid * grid, 6) and torch.equal(found[:, 0], positions[:, 0])
    expected = resized(positions[0, 1:].double().numpy().reshape(side, side, 6), grid, offset)
    np.testing.assert_allclose(found[0, 1:].numpy(), expected.reshape(grid * grid, 6), atol=1e-5)


# ---- the published checkpoints ---------------------------------------------------------------------------

SMALL = dinov2_shapes(width=384, depth=12, hidden=1536, patch=14, grid=37)
BASE = dinov2_shapes(width=768, depth=12, hidden=3072, patch=14, grid=37)
CLIP_B32 = clip_shapes(width=768, depth=12, hidden=3072, patch=32, grid=7, output=512)


def test_the_listed_shapes_are_the_published_ones() -> None:
    small, base = (sum(math.prod(shape) for shape in shapes.values()) for shapes in (SMALL, BASE))
    # the published files have 88,283,115 and 346,378,731 bytes: four a number, and the same archive around them
    assert 88_283_115 - 4 * small == 346_378_731 - 4 * base == 56_811
    assert sum(math.prod(shape) for shape in CLIP_B32.values()) == 87_849_216
    assert SMALL["pos_embed"] == (1, 1370, 384) and CLIP_B32["visual.positional_embedding"] == (50, 768)


@pytest.mark.parametrize(
    ("shapes", "family", "sizes", "heads"),
    [
        (SMALL, DINOV2, Sizes(384, 12, 1536, 14, 16), 6),
        (BASE, DINOV2, Sizes(768, 12, 3072, 14, 16), 12),
        (CLIP_B32, CLIP, Sizes(768, 12, 3072, 32, 7, 512), 12),
    ],
    ids=["ViT-S/14", "ViT-B/14", "ViT-B/32"],
)
def test_a_checkpoint_of_full_size_loads_and_embeds(shapes: dict[str, tuple[int, ...]], family: Family, sizes: Sizes, heads: int) -> None:
    state = {name: torch.full(shape, 0.01) for name, shape in shapes.items()}
    tower, found = build_tower(state, family, "full.pth")
    assert found == sizes and tower.pos_embed.shape == (1, 1 + sizes.grid**2, sizes.width)
    assert {block.attn.num_heads for block in tower.blocks} == {heads}
    with torch.inference_mode():
        assert tower(torch.zeros(1, 3, 224, 224)).shape == (1, sizes.output or sizes.width)


# ---- rows ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["dinov2_vits14", "clip_vit_b32"])
def test_a_row_does_not_depend_on_its_neighbours_and_comes_out_alike_twice(tmp_path: Path, name: str) -> None:
    torch.save(dinov2_state() if name.startswith("dino") else clip_state(), tmp_path / "t.pth")
    model, again = load(name, tmp_path / "t.pth"), load(name, tmp_path / "t.pth")
    pixels = [model.pixels(draw(i % 3, i)) for i in range(9)]
    whole = model.features(pixels, ROWS[:9])
    np.testing.assert_array_equal(whole, again.features(pixels, ROWS[:9]))
    alone = model.features(pixels[4:5], ROWS[:1])[0]
    crowd = model.features([pixels[4], *[255 - p for p in pixels]], ROWS[:10])[0]
    np.testing.assert_allclose(alone, whole[4], atol=1e-5 * np.abs(whole).max())
    np.testing.assert_allclose(alone, crowd, atol=1e-5 * np.abs(whole).max())
    assert np.abs(whole[4] - whole[5]).max() > 0.01


@pytest.mark.parametrize(("state", "family", "side"), [(dinov2_state(), DINOV2, 224), (clip_state(), CLIP, 48)], ids=["dinov2", "clip"])
def test_half_precision_as_on_a_gpu_keeps_the_direction(state: State, family: Family, side: int) -> None:
    tower, _ = build_tower(state, family, "t.pth")
    x = torch.randn(4, 3, side, side, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        exact = tower(x)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            half = tower(x).float()
    assert not torch.equal(exact, half)
    assert (torch.nn.functional.cosine_similarity(exact, half) > 0.999).all()
