"""Files swapped between hashing and decoding: nothing of the new content is kept under the old one's digest."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from core.attacks import apply_attack
from core.errors import UnreadableImage
from core.files import FileDigests
from core.scans.embedding import embed
from core.sources import open_source, working_pixels
from core.types import Dataset
from tests.support.source_files import KINDS, LABELS, Builder, draw, folder, png
from tests.unit.scans.test_embedding import Means

CHANGED = "the image has changed since it was listed"
IN_MEMORY = {"npz_compressed", "cifar10_python", "cifar100_python"}


def swap(source: Path, other: Path) -> None:
    """Put the content of `other`'s files in the place of `source`'s, sizes and times of change kept where they can be."""
    files = [source] if source.is_file() else [file for file in source.rglob("*") if file.is_file()]
    for file in files if source.is_dir() else [*files, *(source.parent / "files").rglob("*.png")]:
        new = (
            other
            if file == source
            else (other if source.is_dir() else other.parent) / file.relative_to(source if source.is_dir() else source.parent)
        )
        before = file.stat()
        file.write_bytes(new.read_bytes())
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize("kind", sorted(set(KINDS) - IN_MEMORY))
def test_other_bytes_than_were_listed_are_not_handed_out(kind: str, tmp_path: Path) -> None:
    build: Builder = KINDS[kind]
    source, other = build(tmp_path / "a" / "set", draw(1), LABELS), build(tmp_path / "b" / "set", draw(2), LABELS)
    data = open_source(source)
    swap(source, other)
    for row in range(len(data)):
        for read in (data.load, data.raw):
            with pytest.raises(UnreadableImage):
                read(row)


def swapped_one(root: Path) -> tuple[Dataset, Path]:
    """Twelve images of which the second is another one than was listed."""
    folder(root, draw(), LABELS)
    data = open_source(root)
    (root / "ant/01.png").write_bytes(png(draw(7)[1]))
    return data, root


def test_features_of_swapped_content_are_not_kept_under_the_old_digest(tmp_path: Path) -> None:
    data, root = swapped_one(tmp_path / "set")
    found = embed(data, Means(), tmp_path / "features")
    assert [(skip.file, skip.reason) for skip in found.dataset.skipped] == [("ant/01.png", CHANGED)]
    # a later scan of the content that was listed reads it, instead of finding the other's features
    (root / "ant/01.png").write_bytes(png(draw()[1]))
    again, fresh = embed(open_source(root), Means(), tmp_path / "features"), embed(open_source(root), Means(), tmp_path / "new")
    np.testing.assert_array_equal(again.vectors, fresh.vectors)
    assert len(again.dataset) == 12


def test_working_pixels_and_attacks_see_no_swapped_content(tmp_path: Path) -> None:
    data, _ = swapped_one(tmp_path / "set")
    assert (working_pixels(data, 32)[1] == 128).all()
    poisoned = apply_attack(data, "badnets", rate=0.5, target="cow")
    with pytest.raises(UnreadableImage, match=CHANGED):
        poisoned.load(1)
    assert poisoned.load(2).size == (32, 32)


def test_a_file_of_the_same_size_and_time_is_hashed_again(tmp_path: Path) -> None:
    file, digests = tmp_path / "a.png", FileDigests(tmp_path / "digests.npz")
    file.write_bytes(b"one")
    assert digests.get(file) is None
    digests.put(file, np.zeros((1, 16), np.uint8))
    digests.save()
    assert FileDigests(tmp_path / "digests.npz").get(file) is not None
    before = file.stat()
    file.write_bytes(b"two")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert FileDigests(tmp_path / "digests.npz").get(file) is None


def test_a_file_that_changes_while_it_is_hashed_is_hashed_again(tmp_path: Path) -> None:
    file, digests = tmp_path / "a.png", FileDigests(tmp_path / "digests.npz")
    file.write_bytes(b"one")
    assert digests.get(file) is None
    file.write_bytes(b"longer")
    digests.put(file, np.zeros((1, 16), np.uint8))
    assert digests.get(file) is None


def test_a_damaged_list_of_digests_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "digests.npz"
    for stamps in (np.zeros((1, 2), np.int64), np.zeros((2, 3), np.int64)):
        np.savez(path, names=np.frombuffer(b"/a", np.uint8), stamps=stamps, lengths=[16], digests=np.zeros(16, np.uint8))
        assert FileDigests(path).get(tmp_path) is None
