"""What every embedder promises, and that foreign weights and vectors are refused in one line."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
import torch
from PIL import Image

from core.compute import pick_device
from core.embedders import EMBEDDERS, find_embedder
from core.embedders.base import Model, Settings
from core.errors import UserError
from core.scans.embedding import embed
from core.scans.learning import learn
from core.types import Dataset
from core.workspace.progress import Progress
from core.workspace.workspace import Workspace
from tests.support.attack_toys import make_dataset
from tests.support.core_toys import draw
from tests.support.tower_toys import clip_state, dinov2_state

WIDTHS = {"resnet18": 512, "resnet50": 2048, "convnext_tiny": 768}
# small towers: width of the class token, or of CLIP's projection
TOWERS = {"dinov2_vits14": 64, "dinov2_vitb14": 128, "clip_vit_b32": 24}
ROWS = np.arange(1000)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A file of random weights for each embedder that has trained ones."""
    from torchvision.models import get_model

    folder, files = tmp_path_factory.mktemp("weights"), {}
    for name in WIDTHS:
        torch.manual_seed(1)
        files[name] = folder / f"{name}.pt"
        torch.save(get_model(name, weights=None).state_dict(), files[name])
    for name, width in TOWERS.items():
        files[name] = folder / f"{name}.pt"
        torch.save(clip_state(output=width) if name.startswith("clip") else dinov2_state(width=width), files[name])
    return files


@pytest.fixture(scope="module")
def images() -> list[Image.Image]:
    """Images of many sizes, one of them a single pixel, one a strip, one grey."""
    shapes = [(32, 32), (32, 32), (1, 1), (64, 48), (5, 90), (200, 300), (28, 28), (32, 32)]
    found = [draw(i % 3, i, height=h, width=w) for i, (h, w) in enumerate(shapes)]
    found[7] = found[7].convert("L").convert("RGB")
    return found


@pytest.fixture(scope="module")
def models(weights: dict[str, Path], images: list[Image.Image], tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Model]:
    """Name -> its model, loaded once."""
    vectors = tmp_path_factory.mktemp("vectors") / "v.npy"
    np.save(vectors, np.random.default_rng(0).normal(size=(len(images), 5)))

    @lru_cache
    def load(name: str) -> Model:
        file = str(weights[name]) if name in weights else None
        learns = find_embedder(name).learns
        model = find_embedder(name).load(Settings("cpu", weights=file, embeddings=str(vectors), epochs=1 if learns else 0))
        if learns:
            learn(toy(), model, Workspace(vectors.parent), Progress(None, None), None)
        return model

    return load


def refused(settings: Settings, name: str, *parts: str) -> str:
    with pytest.raises(UserError) as caught:
        find_embedder(name).load(settings)
    text = str(caught.value)
    assert "\n" not in text and caught.value.allowed
    for part in parts:
        assert part in text
    return text


def toy(count: int = 40, seed: int = 0) -> Dataset:
    return make_dataset([np.asarray(draw(i % 4, i + seed)) for i in range(count)], np.arange(count) % 4)


# ---- all of them ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", list(EMBEDDERS))
def test_images_of_all_sizes_become_unit_rows(name: str, models: Callable[[str], Model], images: list[Image.Image]) -> None:
    model = models(name)
    pixels = [model.pixels(image) for image in images]
    assert all(p.dtype == np.uint8 and p.ndim == 3 and p.shape[2] == 3 for p in pixels)
    raw = model.features(pixels, ROWS[: len(images)])
    assert raw.dtype == np.float32 and len(raw) == len(images) and np.isfinite(raw).all()
    assert raw.shape[1] == (WIDTHS | TOWERS).get(name, raw.shape[1])
    vectors = model.finish([raw[:3], raw[3:]], len(images))
    assert vectors.dtype == np.float32 and vectors.shape[0] == len(images) and vectors.shape[1] >= 2
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)
    np.testing.assert_allclose(model.finish([raw], len(images)), vectors, atol=1e-6)
    assert model.key and model.batch_size >= 1


@pytest.mark.slow
@pytest.mark.parametrize("name", list(EMBEDDERS))
def test_the_batch_changes_nothing(name: str, models: Callable[[str], Model], images: list[Image.Image]) -> None:
    model = models(name)
    pixels = [model.pixels(image) for image in images]
    whole = model.features(pixels, ROWS[: len(images)])
    apart = np.concatenate([model.features(pixels[i : i + 1], ROWS[i : i + 1]) for i in range(len(images))])
    np.testing.assert_allclose(apart, whole, atol=1e-5 * max(1.0, float(np.abs(whole).max())))
    np.testing.assert_array_equal(model.features(pixels, ROWS[: len(images)]), whole)


def test_an_unknown_embedder_names_the_choices() -> None:
    with pytest.raises(UserError, match="embedder 'dinov3' is not known – choose one of: gradients, simclr, lite0, resnet18") as caught:
        find_embedder("dinov3")
    assert all(name in str(caught.value) for name in EMBEDDERS)


def test_every_embedder_with_trained_weights_is_tested() -> None:
    packaged = {"lite0"}  # its weights come with the installation: tests/unit/embedders/test_lite.py
    assert {name for name, entry in EMBEDDERS.items() if entry.trained} == WIDTHS.keys() | TOWERS.keys() | packaged


def test_every_entry_says_what_it_is() -> None:
    assert all(name == entry.name and len(entry.summary) > 20 for name, entry in EMBEDDERS.items())


def test_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert pick_device("auto") == pick_device("cpu") == "cpu"
    for wish in ("cuda", "tpu"):
        with pytest.raises(UserError):
            pick_device(wish)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert [pick_device(wish) for wish in ("auto", "cpu", "cuda")] == ["cuda", "cpu", "cuda"]


# ---- gradients -----------------------------------------------------------------------------------------


def test_gradients_are_the_same_twice_and_blind_to_labels(models: Callable[[str], Model], tmp_path: Path) -> None:
    dataset, fresh = toy(), find_embedder("gradients").load(Settings("cpu"))
    relabelled = replace(dataset, labels=np.zeros(40, np.int64))
    first = embed(dataset, models("gradients"), tmp_path / "a").vectors
    np.testing.assert_array_equal(first, embed(dataset, fresh, tmp_path / "b").vectors)
    np.testing.assert_array_equal(first, embed(relabelled, models("gradients"), tmp_path / "c").vectors)


def test_gradients_see_content(models: Callable[[str], Model], tmp_path: Path) -> None:
    dataset = toy(60)
    vectors = embed(dataset, models("gradients"), tmp_path).vectors
    assert 2 <= vectors.shape[1] <= 192
    similarity = vectors @ vectors.T
    np.fill_diagonal(similarity, -2)
    assert (dataset.labels[similarity.argmax(axis=1)] == dataset.labels).mean() > 0.9


def test_gradients_of_an_image_do_not_depend_on_its_neighbours(models: Callable[[str], Model]) -> None:
    model = models("gradients")
    image = [model.pixels(draw(0, 0))]
    crowd = [model.pixels(draw(kind, 5)) for kind in range(1, 30)]
    np.testing.assert_allclose(model.features(crowd + image, ROWS[:30])[-1], model.features(image, ROWS[:1])[0], atol=1e-5)


def test_identical_images_have_finite_vectors(models: Callable[[str], Model], tmp_path: Path) -> None:
    dataset = make_dataset([np.full((32, 32, 3), 77, np.uint8)] * 30, np.arange(30) % 2)
    vectors = embed(dataset, models("gradients"), tmp_path).vectors
    assert np.isfinite(vectors).all()
    np.testing.assert_allclose(vectors @ vectors[0], 1.0, atol=1e-5)


# ---- torchvision ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", list(WIDTHS))
@pytest.mark.parametrize("size", [(32, 32), (300, 200)])
def test_the_weights_own_transforms_and_penultimate_layer(
    name: str, size: tuple[int, int], weights: dict[str, Path], models: Callable[[str], Model]
) -> None:
    from torchvision.models import get_model, get_model_weights

    image = draw(1, 1, height=size[0], width=size[1])
    model = models(name)
    found = model.features([model.pixels(image)], ROWS[:1])[0]
    network = get_model(name, weights=None)
    network.load_state_dict(torch.load(weights[name], weights_only=True))
    caught: list[torch.Tensor] = []
    last = network.fc if hasattr(network, "fc") else network.classifier[-1]
    last.register_forward_hook(lambda module, inputs, output: caught.append(inputs[0]))
    preset = {"resnet18": "IMAGENET1K_V1", "resnet50": "IMAGENET1K_V2", "convnext_tiny": "IMAGENET1K_V1"}[name]
    transform = get_model_weights(name)[preset].transforms()
    with torch.inference_mode():
        network.eval()(transform(image).unsqueeze(0))
    expected = caught[0].numpy()[0]
    assert found.shape == (WIDTHS[name],)
    np.testing.assert_allclose(found, expected, atol=1e-4 * float(np.abs(expected).max()), rtol=1e-3)


def test_a_long_strip_is_not_blown_up(models: Callable[[str], Model]) -> None:
    model = models("resnet18")
    strip = Image.new("RGB", (1, 60_000), (10, 200, 30))
    pixels = model.pixels(strip)
    assert pixels.shape == (224, 224, 3) and (pixels == [10, 200, 30]).all()


def test_weights_from_a_wrapped_checkpoint_with_another_head(tmp_path: Path, weights: dict[str, Path]) -> None:
    state = torch.load(weights["resnet18"], weights_only=True)
    state["fc.weight"], state["fc.bias"] = torch.zeros(7, 512), torch.zeros(7)
    torch.save({"state_dict": {f"module.{k}": v for k, v in state.items()}, "epoch": 3}, tmp_path / "w.pt")
    plain, wrapped = (
        find_embedder("resnet18").load(Settings("cpu", weights=str(file))) for file in (weights["resnet18"], tmp_path / "w.pt")
    )
    batch = [plain.pixels(draw(0, 0))]
    np.testing.assert_array_equal(plain.features(batch, ROWS[:1]), wrapped.features(batch, ROWS[:1]))
    assert plain.key != wrapped.key


def test_weights_that_do_not_fit_or_are_not_there(tmp_path: Path, weights: dict[str, Path]) -> None:
    refused(Settings("cpu", weights=str(tmp_path / "none.pt")), "resnet18", "does not exist")
    refused(Settings("cpu", weights=str(tmp_path)), "resnet18", "does not exist")
    refused(Settings("cpu", weights=str(weights["resnet50"])), "resnet18", "do not fit", "same backbone")
    refused(Settings("cpu", weights=str(weights["resnet18"])), "convnext_tiny", "do not fit")
    (tmp_path / "noise.pt").write_bytes(b"noise")
    refused(Settings("cpu", weights=str(tmp_path / "noise.pt")), "resnet18", "cannot be read as plain tensors")
    for name, content in {"list": [torch.zeros(2)], "numbers": {"a": 1.0}, "empty": {}}.items():
        torch.save(content, tmp_path / f"{name}.pt")
        refused(Settings("cpu", weights=str(tmp_path / f"{name}.pt")), "resnet18")


class Code:
    """Runs when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Path.touch, (self.mark,)


@pytest.mark.parametrize("save", [torch.save, lambda value, path: path.write_bytes(pickle.dumps(value))], ids=["torch", "pickle"])
def test_code_in_a_weights_file_is_never_run(tmp_path: Path, save: object) -> None:
    save({"fc.weight": Code(tmp_path / "ran")}, tmp_path / "evil.pt")  # type: ignore[operator]
    refused(Settings("cpu", weights=str(tmp_path / "evil.pt")), "resnet18", "cannot be read as plain tensors")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("error", [URLError("no route"), ConnectionResetError("reset"), RuntimeError("invalid hash value")])
def test_without_a_network_the_way_out_is_named(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fail(*arguments: object, **named: object) -> None:
        raise error

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", fail)
    refused(Settings("cpu"), "resnet18", "could not be downloaded", "--embedder gradients", "--weights FILE")


# ---- precomputed ---------------------------------------------------------------------------------------


def test_precomputed_vectors_keep_their_rows(tmp_path: Path) -> None:
    dataset = toy(12)
    given = np.random.default_rng(0).normal(size=(12, 6))
    np.save(tmp_path / "v.npy", given)
    model = find_embedder("precomputed").load(Settings(embeddings=str(tmp_path / "v.npy")))
    vectors = embed(dataset, model, tmp_path / "features", by_row=True).vectors
    np.testing.assert_allclose(vectors, given / np.linalg.norm(given, axis=1, keepdims=True), atol=1e-6)


def test_precomputed_vectors_of_equal_images_may_differ(tmp_path: Path) -> None:
    dataset = make_dataset([np.full((8, 8, 3), 9, np.uint8)] * 5, np.arange(5) % 2)
    np.save(tmp_path / "v.npy", np.eye(5))
    model = find_embedder("precomputed").load(Settings(embeddings=str(tmp_path / "v.npy")))
    np.testing.assert_allclose(embed(dataset, model, tmp_path / "features", by_row=True).vectors, np.eye(5), atol=1e-6)


def test_precomputed_vectors_of_the_wrong_kind_are_refused(tmp_path: Path) -> None:
    refused(Settings(), "precomputed", "--embeddings FILE.npy")
    refused(Settings(embeddings=str(tmp_path / "none.npy")), "precomputed", "does not exist")
    wrong = {
        "flat": np.zeros(5),
        "cube": np.zeros((5, 2, 2)),
        "text": np.array([["a", "b"]]),
        "complex": np.zeros((5, 2), complex),
        "objects": np.array([[{}, 1]], dtype=object),
    }
    for name, array in wrong.items():
        np.save(tmp_path / f"{name}.npy", array, allow_pickle=True)
        refused(Settings(embeddings=str(tmp_path / f"{name}.npy")), "precomputed")
    np.savez(tmp_path / "archive.npz", a=np.zeros((5, 2)))
    (tmp_path / "archive.npz").rename(tmp_path / "archive.npy")
    refused(Settings(embeddings=str(tmp_path / "archive.npy")), "precomputed")
    (tmp_path / "cut.npy").write_bytes((tmp_path / "flat.npy").read_bytes()[:90])
    refused(Settings(embeddings=str(tmp_path / "cut.npy")), "precomputed", "not a plain .npy")


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_number_that_is_not_finite_is_named_with_its_row(tmp_path: Path, bad: float) -> None:
    given = np.ones((12, 3))
    given[7, 1] = bad
    np.save(tmp_path / "v.npy", given)
    model = find_embedder("precomputed").load(Settings(embeddings=str(tmp_path / "v.npy")))
    with pytest.raises(UserError, match="row 7"):
        embed(toy(12), model, tmp_path / "features", by_row=True)


def test_the_number_of_vectors_is_checked(tmp_path: Path) -> None:
    np.save(tmp_path / "v.npy", np.ones((4, 3)))
    model = find_embedder("precomputed").load(Settings(embeddings=str(tmp_path / "v.npy")))
    model.check_rows(4)  # type: ignore[attr-defined]
    with pytest.raises(UserError, match="4 rows, the source has 5 images"):
        model.check_rows(5)  # type: ignore[attr-defined]
