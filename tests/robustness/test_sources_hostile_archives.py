"""Tar shards and .npz files that are cut, forged or bombs."""

from __future__ import annotations

import io
import random
import struct
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.sources import open_source
from tests.support.source_files import (
    CLASSES,
    LABELS,
    add_member,
    draw,
    npz,
    png,
    refused,
    webdataset,
)

# ---- tar


def test_a_cut_tar_gives_what_is_whole(tmp_path: Path) -> None:
    path = webdataset(tmp_path, draw(), LABELS)
    whole = path.read_bytes()
    with tarfile.open(path) as tar:
        member = tar.getmember("pics/0006.png")
    path.write_bytes(whole[: member.offset_data + 100])
    data = open_source(path)
    assert [name.rpartition("#")[2] for name in data.ids] == [f"pics/{row:04d}" for row in range(6)]
    assert "truncated" in data.skipped[0].reason
    np.testing.assert_array_equal(np.asarray(data.load(5)), draw()[5])


def test_tars_that_are_none(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    for data in (b"", b"hello", b"\x1f\x8b" + b"x" * 600, random.Random(0).randbytes(2000)):
        path.write_bytes(data)
        refused(path, "cannot be read as a tar|no readable image")
    with tarfile.open(path, "w:gz") as tar:
        add_member(tar, "a.png", png(draw()[0]))
    refused(path, "uncompressed")


def test_tar_members_that_are_no_files_or_lead_out_are_harmless(tmp_path: Path) -> None:
    inner = tmp_path / "outer" / "inner"
    inner.mkdir(parents=True)
    path = webdataset(inner, draw(), LABELS)
    before = sorted(tmp_path.rglob("*"))
    with tarfile.open(path, "a") as tar:
        for name, kind in (("l.png", tarfile.SYMTYPE), ("h.png", tarfile.LNKTYPE), ("d.png", tarfile.CHRTYPE), ("f.png", tarfile.FIFOTYPE)):
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, "/etc/passwd"
            tar.addfile(member)
        add_member(tar, "../../evil.png", png(draw(1)[0]))
        add_member(tar, "/abs.png", png(draw(1)[1]))
        add_member(tar, "empty.png", b"")
    data = open_source(path)
    assert len(data) == 14 and data.ids[-2:] == ("set.tar#../../evil", "set.tar#abs")
    assert [skip.file for skip in data.skipped] == ["set.tar#empty"]
    assert sorted(tmp_path.rglob("*")) == before


def test_a_tar_that_points_back_at_itself_ends(tmp_path: Path) -> None:
    path = webdataset(tmp_path, draw(), LABELS)
    data = bytearray(path.read_bytes())
    with tarfile.open(path) as tar:
        offset = tar.getmember("pics/0008.png").offset
    size = (-(offset + 512)).to_bytes(12, "big", signed=True)
    data[offset + 124 : offset + 136] = size
    checksum = sum(data[offset : offset + 148]) + 8 * 32 + sum(data[offset + 156 : offset + 512])
    data[offset + 148 : offset + 156] = b"%06o\x00 " % checksum
    path.write_bytes(bytes(data))
    opened = open_source(path)
    assert len(opened) == 8 and "cut or broken" in opened.skipped[0].reason


# ---- npz


@pytest.mark.parametrize(
    ("arrays", "match"),
    [
        ({"labels": np.zeros(12)}, "no array of images"),
        ({"images": np.array([object()] * 3)}, "Python objects"),
        ({"images": draw(), "labels": np.array([{}] * 12)}, "Python objects"),
        ({"images": draw().astype(np.int32)}, "int32"),
        ({"images": draw().transpose(0, 3, 1, 2)}, "shape"),
        ({"images": draw()[0]}, "shape"),
        ({"images": np.zeros((5, 0, 4), np.uint8)}, "4x0"),
        ({"images": np.zeros((0, 4, 4), np.uint8)}, "no readable image"),
        ({"images": draw().astype(np.float32)}, "floats outside"),
        ({"images": np.full((4, 8, 8), np.nan, np.float32)}, "floats outside"),
        ({"images": draw(), "labels": np.arange(3)}, "labels have shape"),
        ({"images": draw(), "labels": np.zeros((12, 10))}, "labels have shape"),
        ({"images": draw(), "labels": np.arange(12), "class_names": np.arange(3)}, "class_names"),
    ],
    ids=[
        "none",
        "objects",
        "object labels",
        "int32",
        "planes first",
        "one image",
        "flat",
        "empty",
        "floats",
        "nan",
        "few labels",
        "one-hot",
        "names",
    ],
)
def test_npz_that_cannot_be_used(tmp_path: Path, arrays: dict[str, Any], match: str) -> None:
    refused(npz(tmp_path / "a.npz", **arrays), match)


def npy_header(shape: tuple[int, ...], descr: str = "|u1") -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": descr, "fortran_order": False, "shape": shape})
    return buffer.getvalue()


def test_a_zip_bomb_is_seen_before_it_is_unpacked(tmp_path: Path) -> None:
    n = 9 << 20
    path = tmp_path / "bomb.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("images.npy", npy_header((n, 32, 32, 1)))
    data = path.read_bytes()
    # the directory entry claims the size that the header claims, although next to nothing is stored
    at = data.index(b"PK\x01\x02")
    with zipfile.ZipFile(path) as archive:
        length = archive.getinfo("images.npy").file_size
    claimed = min(length + n * 1024, 2**32 - 2)
    path.write_bytes(data[: at + 24] + struct.pack("<I", claimed) + data[at + 28 :])
    refused(path, "not as long as its header says|GB unpacked")


def test_a_compressed_array_over_the_limit_is_not_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.savez_compressed(tmp_path / "a.npz", images=draw(), labels=np.array(LABELS))
    monkeypatch.setattr("core.sources.arrays.MAX_BYTES", 1000)
    refused(tmp_path / "a.npz", "GB unpacked")
    np.savez(tmp_path / "b.npz", images=draw(), labels=np.array(LABELS))
    assert len(open_source(tmp_path / "b.npz")) == 12


def test_headers_that_claim_more_than_is_there(tmp_path: Path) -> None:
    for kind in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        with zipfile.ZipFile(tmp_path / "a.npz", "w", kind) as archive:
            archive.writestr("images.npy", npy_header((1 << 40, 32, 32, 3)) + b"x" * 100)
        refused(tmp_path / "a.npz", "not as long")


def test_broken_npz_files(tmp_path: Path) -> None:
    path = npz(tmp_path / "a.npz", images=draw(), labels=np.array(LABELS))
    whole = path.read_bytes()
    for data in (b"", b"hello", whole[:1000], whole[:-30]):
        path.write_bytes(data)
        refused(path, "cannot be read")
    np.savez_compressed(path, images=draw(), labels=np.array(LABELS))
    damaged = bytearray(path.read_bytes())
    damaged[2000:2100] = b"\x00" * 100
    path.write_bytes(bytes(damaged))
    refused(path, "cannot be read")


def test_grey_arrays_and_texts_as_labels(tmp_path: Path) -> None:
    grey = draw()[:, :, :, 0]
    for images in (grey, grey[:, :, :, None]):
        data = open_source(npz(tmp_path / "a.npz", x_train=images, y_train=np.array([CLASSES[label] for label in LABELS])))
        assert data.classes == CLASSES
        np.testing.assert_array_equal(np.asarray(data.load(3)), np.repeat(grey[3][:, :, None], 3, axis=2))


def test_array_labels_outside_the_names_are_no_labels(tmp_path: Path) -> None:
    labels = np.array([0, 1, 2, -1, 3, 0] * 2)
    data = open_source(npz(tmp_path / "a.npz", images=draw(), labels=labels, class_names=np.array(CLASSES)))
    assert data.labels.tolist() == [0, 1, 2, -1, -1, 0] * 2
