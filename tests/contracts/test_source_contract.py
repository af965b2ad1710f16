"""What every kind of source promises, checked on the same twelve images."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.sources import SOURCES, open_source, source_identity
from core.types import Skipped
from tests.support.source_files import ALWAYS_LABELLED, CLASSES, KINDS, LABELS, Builder, FileCache, draw


@pytest.fixture(params=sorted(KINDS))
def build(request: pytest.FixtureRequest) -> Builder:
    return KINDS[request.param]


def test_rows_labels_classes_and_pixels(build: Builder, tmp_path: Path) -> None:
    images = draw()
    data = open_source(build(tmp_path / "set", images, LABELS))
    assert len(data) == 12 and len(set(data.ids)) == 12
    assert data.classes == CLASSES
    assert data.labels.dtype == np.int64 and data.labels.tolist() == list(LABELS)
    assert data.skipped == () and data.truth is None
    for row in range(12):
        image = data.load(row)
        assert image.mode == "RGB"
        np.testing.assert_array_equal(np.asarray(image), images[row])
        stored, suffix = data.raw(row)
        assert suffix == ".png"
        np.testing.assert_array_equal(np.asarray(Image.open(BytesIO(stored)).convert("RGB")), images[row])


def test_reopening_gives_the_same_set_wherever_it_lies(build: Builder, tmp_path: Path) -> None:
    one, other = (build(tmp_path / place / "set", draw(), LABELS) for place in ("a", "b"))
    first, again, moved = open_source(one), open_source(str(one)), open_source(other)
    assert first.ids == again.ids == moved.ids
    assert first.digest == again.digest == moved.digest
    assert source_identity(one) == source_identity(os.path.relpath(one)) != source_identity(other)


def test_a_changed_image_changes_the_digest_and_its_row_alone(build: Builder, tmp_path: Path) -> None:
    images = draw()
    before = open_source(build(tmp_path / "a" / "set", images, LABELS))
    images[5, 0, 0, 0] ^= 1
    after = open_source(build(tmp_path / "b" / "set", images, LABELS))
    assert before.digest != after.digest
    assert np.flatnonzero((before.image_digests != after.image_digests).any(axis=1)).tolist() == [5]


def test_a_changed_label_changes_the_digest_but_no_images(build: Builder, tmp_path: Path) -> None:
    before = open_source(build(tmp_path / "a" / "set", draw(), LABELS))
    after = open_source(build(tmp_path / "b" / "set", draw(), (*LABELS[:11], 0)))
    assert before.digest != after.digest
    assert {d.tobytes() for d in before.image_digests} == {d.tobytes() for d in after.image_digests}


@pytest.mark.parametrize("kind", sorted(set(KINDS) - ALWAYS_LABELLED))
def test_without_labels_every_row_is_unlabelled(kind: str, tmp_path: Path) -> None:
    data = open_source(KINDS[kind](tmp_path / "set", draw(), None))
    assert len(data) == 12
    assert data.labels.tolist() == [-1] * 12 and data.classes == ()


def test_opening_decodes_nothing(build: Builder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = build(tmp_path / "set", draw(), LABELS)

    class Decoded(Exception):
        """Unlike anything that a broken image raises."""

    def refuse(*_: object, **__: object) -> None:
        raise Decoded

    monkeypatch.setattr(Image, "open", refuse)
    data = open_source(spec)
    assert len(data) == 12
    if not build.__name__.startswith(("cifar", "npz")):
        with pytest.raises(Decoded):
            data.load(0)


def test_eight_threads_agree_with_one(build: Builder, tmp_path: Path) -> None:
    images = draw()
    data = open_source(build(tmp_path / "set", images, LABELS))
    rows = np.random.default_rng(1).permutation(np.tile(np.arange(12), 20))
    with ThreadPoolExecutor(8) as pool:
        loaded = list(pool.map(lambda row: np.asarray(data.load(row)), rows))
    np.testing.assert_array_equal(np.stack(loaded), images[rows])


def test_select_keeps_pixels_with_their_ids(build: Builder, tmp_path: Path) -> None:
    images = draw()
    data = open_source(build(tmp_path / "set", images, LABELS))
    part = data.select(np.array([9, 2, 5]), [Skipped("x", "y")]).select(np.array([2, 0]))
    assert part.ids == (data.ids[5], data.ids[9])
    np.testing.assert_array_equal(np.asarray(part.load(0)), images[5])
    np.testing.assert_array_equal(np.asarray(Image.open(BytesIO(part.raw(1)[0]))), images[9])


def test_a_second_opening_hashes_nothing_until_a_file_changes(build: Builder, tmp_path: Path) -> None:
    cache = FileCache()
    spec = build(tmp_path / "set", draw(), LABELS)
    first = open_source(spec, digests=cache)
    assert cache.n_put > 0
    n_put = cache.n_put
    again = open_source(spec, digests=cache)
    assert cache.n_put == n_put
    assert again.digest == first.digest == open_source(spec).digest
    np.testing.assert_array_equal(again.image_digests, first.image_digests)
    for file in cache.held:
        status = Path(file).stat()
        os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    assert open_source(spec, digests=cache).digest == first.digest
    assert cache.n_put == 2 * n_put


def test_the_cached_digests_are_what_is_used(build: Builder, tmp_path: Path) -> None:
    cache = FileCache()
    spec = build(tmp_path / "set", draw(), LABELS)
    open_source(spec, digests=cache)
    # a row of zeros says that the container holds no image there; it stays so
    flipped = {file: np.where(digests.any(axis=1, keepdims=True), ~digests, 0) for file, (_, digests) in cache.held.items()}
    cache.held = {file: (state, flipped[file].astype(np.uint8)) for file, (state, _) in cache.held.items()}
    np.testing.assert_array_equal(open_source(spec, digests=cache).image_digests, open_source(spec).image_digests ^ 255)


def test_the_registry_names_every_kind_of_source() -> None:
    assert list(SOURCES) == ["folder", "parquet", "cifar", "manifest", "webdataset", "arrays", "demo"]
