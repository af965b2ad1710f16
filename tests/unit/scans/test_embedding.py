"""Raw features on disk: what is read again and what is not, broken images, and starting again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from core.compute import halving, out_of_memory
from core.embedders.whitening import whitened_pca
from core.errors import UnreadableImage, UserError
from core.scans import embedding, features
from core.scans.embedding import embed
from core.types import Dataset
from tests.support.attack_toys import make_dataset, random_images
from tests.support.core_toys import unit


class Means:
    """A model that notes what it is asked: mean colour, and the mean's square."""

    batch_size = 4

    def __init__(self, key: str = "means") -> None:
        self.key, self.rows, self.fail_at = key, list[int](), -1

    def pixels(self, image: Image.Image) -> np.ndarray:
        return np.asarray(image, dtype=np.uint8)

    def features(self, batch: list[np.ndarray], rows: np.ndarray) -> np.ndarray:
        if self.fail_at in rows:
            raise ZeroDivisionError
        self.rows += rows.tolist()
        means = np.array([image.mean(axis=(0, 1)) for image in batch], dtype=np.float32)
        return np.concatenate([means, means**2 / 256], axis=1)

    def finish(self, shards: Any, count: int) -> np.ndarray:
        raw = np.concatenate([np.asarray(shard, dtype=np.float32) for shard in shards])
        assert len(raw) == count
        return raw / np.linalg.norm(raw, axis=1, keepdims=True)


class Breakable:
    """A data set some of whose rows cannot be read at present."""

    def __init__(self, n: int = 20) -> None:
        self.images, self.broken = random_images(n, 8, 8), set[int]()
        self.sound = make_dataset(self.images, np.arange(n) % 2)

    def load(self, row: int) -> Image.Image:
        if row in self.broken:
            raise UnreadableImage(f"row {row} is torn")
        return self.sound.load(row)

    @property
    def dataset(self) -> Dataset:
        from dataclasses import replace

        return replace(self.sound, loader=self.load)


@pytest.fixture(autouse=True)
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedding, "SHARD_ROWS", 8)
    monkeypatch.setattr(features, "GATHER_ROWS", 6)


def expected(images: list[np.ndarray], dataset: Dataset) -> np.ndarray:
    model = Means()
    raw = model.features([np.asarray(dataset.load(row)) for row in range(len(dataset))], np.arange(len(dataset)))
    return model.finish([raw.astype(np.float16)], len(raw))


def test_vectors_stand_in_row_order_and_are_read_once(tmp_path: Path) -> None:
    source, model, told = Breakable(), Means(), list[tuple[int, int]]()
    found = embed(source.dataset, model, tmp_path, progress=lambda *state: told.append(state))
    np.testing.assert_array_equal(found.vectors, expected(source.images, source.sound))
    assert model.rows == list(range(20)) and found.reused == 0 and found.dataset.skipped == ()
    assert told[0] == (0, 20) and told[-1] == (20, 20)
    again = Means()
    second = embed(source.dataset, again, tmp_path)
    np.testing.assert_array_equal(second.vectors, found.vectors)
    assert again.rows == [] and second.reused == 20


def test_another_order_of_known_images_needs_no_reading(tmp_path: Path) -> None:
    source = Breakable()
    before = embed(source.dataset, Means(), tmp_path).vectors
    order, model = np.random.default_rng(0).permutation(20)[:15], Means()
    after = embed(source.dataset.select(order), model, tmp_path)
    assert model.rows == []
    np.testing.assert_array_equal(after.vectors, before[order])


def test_equal_images_are_read_once(tmp_path: Path) -> None:
    images = random_images(6, 8, 8)
    # the toy set encodes every third row as JPEG, so that rows 1 and 4, 2 and 5 are the same files
    images[4], images[5] = images[1], images[2]
    model = Means()
    vectors = embed(make_dataset(images, np.arange(6) % 2), model, tmp_path).vectors
    assert model.rows == [0, 1, 2, 3]
    np.testing.assert_array_equal(vectors[[1, 2]], vectors[[4, 5]])


def test_broken_images_are_listed_and_the_rest_goes_on(tmp_path: Path) -> None:
    source = Breakable()
    source.broken = {0, 9, 19}
    found = embed(source.dataset, Means(), tmp_path)
    kept = [row for row in range(20) if row not in source.broken]
    assert found.dataset.ids == tuple(source.sound.ids[row] for row in kept)
    assert [(s.file, s.reason) for s in found.dataset.skipped] == [(source.sound.ids[r], f"row {r} is torn") for r in (0, 9, 19)]
    np.testing.assert_array_equal(found.vectors, expected(source.images, source.sound)[kept])
    again = embed(source.dataset, Means(), tmp_path)
    assert again.dataset.digest == found.dataset.digest and again.dataset.skipped == found.dataset.skipped


def test_a_whole_shard_of_broken_images(tmp_path: Path) -> None:
    source = Breakable()
    source.broken = set(range(9))
    first, second = embed(source.dataset, Means(), tmp_path), embed(source.dataset, Means(), tmp_path)
    assert len(first.dataset) == len(second.dataset) == 11
    np.testing.assert_array_equal(first.vectors, second.vectors)


def test_an_image_that_could_not_be_read_for_a_while_comes_back(tmp_path: Path) -> None:
    source = Breakable()
    source.broken = {3, 12}
    assert len(embed(source.dataset, Means(), tmp_path).dataset) == 18
    source.broken, model = {12}, Means()
    found = embed(source.dataset, model, tmp_path)
    assert model.rows == [3] and [s.file for s in found.dataset.skipped] == [source.sound.ids[12]]
    source.broken = set()
    full = embed(source.dataset, Means(), tmp_path)
    assert full.dataset.skipped == ()
    np.testing.assert_array_equal(full.vectors, expected(source.images, source.sound))


def test_fewer_than_three_readable_images_are_an_error_with_an_example(tmp_path: Path) -> None:
    source = Breakable()
    source.broken = set(range(18))
    with pytest.raises(UserError, match=r"only 2 of 20 images can be read.*row 0 is torn") as caught:
        embed(source.dataset, Means(), tmp_path)
    assert "\n" not in str(caught.value)


def test_after_a_crash_it_goes_on_behind_the_last_shard(tmp_path: Path) -> None:
    source, broken = Breakable(), Means()
    source.broken = {2}
    broken.fail_at = 13
    with pytest.raises(ZeroDivisionError):
        embed(source.dataset, broken, tmp_path / "a")
    model = Means()
    resumed = embed(source.dataset, model, tmp_path / "a")
    assert model.rows == list(range(8, 20)), "the shard that was complete is not read again, the other one is"
    straight = embed(source.dataset, Means(), tmp_path / "b")
    np.testing.assert_array_equal(resumed.vectors, straight.vectors)


@pytest.mark.parametrize("suffix", ["digests.npy", "features.npy"])
def test_a_damaged_shard_is_made_again(tmp_path: Path, suffix: str) -> None:
    source = Breakable()
    right = embed(source.dataset, Means(), tmp_path).vectors
    for file in sorted(tmp_path.glob(f"*.{suffix}"))[:2]:
        file.write_bytes(file.read_bytes()[:100])
    model = Means()
    np.testing.assert_array_equal(embed(source.dataset, model, tmp_path).vectors, right)
    assert 0 < len(model.rows) < 20


def test_digests_that_end_in_zeros_are_told_apart(tmp_path: Path) -> None:
    from dataclasses import replace

    source = Breakable(4)
    digests = np.zeros((4, 16), np.uint8)
    digests[1, 0], digests[2, 1], digests[3, 15] = 1, 1, 1
    model = Means()
    vectors = embed(replace(source.dataset, image_digests=digests), model, tmp_path).vectors
    assert model.rows == [0, 1, 2, 3]
    np.testing.assert_array_equal(vectors, expected(source.images, source.sound))


def test_models_with_another_key_share_nothing(tmp_path: Path) -> None:
    from core.workspace.workspace import Workspace

    workspace = Workspace(tmp_path)
    folders = {workspace.features_dir(key) for key in ("means", "means-2", "../means")}
    assert len(folders) == 3 and all(folder.parent == workspace.root / "features" for folder in folders)


# ---- when memory runs out ----------------------------------------------------------------------------


class Small:
    """Features for at most `most` images at a time."""

    def __init__(self, most: int, error: Exception) -> None:
        self.most, self.error, self.sizes = most, error, list[int]()

    def features(self, batch: list[np.ndarray], rows: np.ndarray) -> np.ndarray:
        self.sizes.append(len(batch))
        if len(batch) > self.most:
            raise self.error
        return np.array([[image.sum(), row] for image, row in zip(batch, rows, strict=True)], dtype=np.float32)


MEMORY = [
    MemoryError(),
    RuntimeError("CUDA out of memory. Tried to allocate"),
    torch.OutOfMemoryError("x"),
    RuntimeError("[enforce fail] can't allocate memory"),
]


@pytest.mark.parametrize("error", MEMORY, ids=lambda e: type(e).__name__)
@pytest.mark.parametrize("most", [1, 3, 8, 100])
def test_a_batch_is_halved_until_it_fits(most: int, error: Exception) -> None:
    batch = [np.full((2, 2, 3), i, np.uint8) for i in range(21)]
    small, told = Small(most, error), list[int]()
    found = halving(small.features, batch, np.arange(21) + 5, told.append)
    np.testing.assert_array_equal(found, [[12 * i, i + 5] for i in range(21)])
    assert (told == []) == (most >= 21) and min(small.sizes) >= 1


def test_one_image_too_large_and_other_errors_are_not_hidden() -> None:
    batch = [np.zeros((1, 1, 3), np.uint8)] * 4
    with pytest.raises(MemoryError):
        halving(Small(0, MemoryError()).features, batch, np.arange(4))
    other = Small(0, RuntimeError("shapes do not match"))
    with pytest.raises(RuntimeError, match="shapes"):
        halving(other.features, batch, np.arange(4))
    assert other.sizes == [4] and not out_of_memory(RuntimeError("shapes do not match"))


# ---- whitening -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rows", [9, 40], ids=["fewer rows than columns", "more rows than columns"])
def test_whitened_components_equal_a_singular_value_decomposition(rows: int) -> None:
    raw = np.random.default_rng(0).normal(size=(rows, 20)).astype(np.float32) @ np.diag(np.linspace(3, 0.2, 20)).astype(np.float32)
    found = whitened_pca([raw[:5], raw[5:]], rows, dim=6, power=0.5, device="cpu")
    left, scale, _ = np.linalg.svd(raw - raw.mean(axis=0), full_matrices=False)
    # coordinate on an axis: left·scale; its variance is scale²/(rows − 1), which power 0.5 takes to the −¼
    expected = unit((left * scale * (scale**2 / (rows - 1)) ** -0.25)[:, :6])
    np.testing.assert_allclose(found, expected * np.sign((found * expected).sum(axis=0)), atol=1e-4)
