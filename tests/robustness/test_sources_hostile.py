"""Sources made to harm or to confuse: one clear line, or the row skipped with its reason; never a traceback."""

from __future__ import annotations

import io
import os
import pickle
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from core.errors import UnreadableImage, UserError
from core.sources import open_source, source_identity
from tests.support.app_server import ROOT
from tests.support.source_files import (
    CLASSES,
    KINDS,
    LABELS,
    Call,
    draw,
    folder,
    png,
    refused,
    unreadable,
)

# ---- specs


@pytest.mark.parametrize("spec", ["no/such/place", "", "a\x00b", "x" * 5000, "~nobody-of-this-name/x"])
def test_a_spec_that_is_no_place(spec: str) -> None:
    refused(spec, "does not exist|no usable path")


@pytest.mark.parametrize("name", ["m.pt", "m.pth", "m.pkl", "m.pickle", "m.npy", "m.joblib", "m.ckpt"])
def test_pickles_are_refused_by_name_and_not_opened(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(pickle.dumps(Call(os.mkdir, str(tmp_path / "owned"))))
    refused(tmp_path / name, "pickle")
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize("name", ["a.png", "a.txt", "a.tar.gz", "a.tgz", "a.zip", "a.json", "noext"])
def test_unknown_kinds_say_what_is_allowed(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"x")
    refused(tmp_path / name, "class folders")


def test_a_pipe_or_device_as_source(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.parquet")
    refused(tmp_path / "pipe.parquet", "neither a file nor a folder")
    refused("/dev/zero", "neither a file nor a folder")


def test_sets_that_say_nothing_are_refused(tmp_path: Path) -> None:
    (tmp_path / "ant").mkdir()
    refused(tmp_path, "no readable image")
    for row in range(2):
        (tmp_path / f"ant/{row}.png").write_bytes(png(draw()[row]))
    refused(tmp_path, "only 2 readable images")
    (tmp_path / "ant/3.png").write_bytes(png(draw()[3]))
    refused(tmp_path, "of one class, 'ant'")
    (tmp_path / "loose.png").write_bytes(png(draw()[4]))
    refused(tmp_path, "of one class, 'ant'")


# ---- folders


def test_links_out_of_the_folder_are_skipped_unless_allowed(tmp_path: Path) -> None:
    source, outside = folder(tmp_path / "in", draw(), LABELS), folder(tmp_path / "in-not", draw(1), LABELS)
    (source / "ant/link.png").symlink_to(outside / "ant/00.png")
    (source / "doe").symlink_to(outside / "bee")
    (source / "ant/inner.png").symlink_to(source / "bee/04.png")
    (source / "ant/broken.png").symlink_to(source / "nothing.png")
    data = open_source(source)
    assert "ant/inner.png" in data.ids and len(data) == 13 and data.classes == CLASSES
    reasons = {skip.file: skip.reason for skip in data.skipped}
    assert reasons["ant/link.png"] == reasons["doe"] == "a link that leaves the source's folder"
    assert "No such file" in reasons["ant/broken.png"]
    wide = open_source(source, allow_outside=True)
    assert wide.classes == (*CLASSES[:3], "doe") and len(wide) == 18


def test_loops_of_links_end(tmp_path: Path) -> None:
    folder(tmp_path, draw(), LABELS)
    (tmp_path / "ant/loop").symlink_to(tmp_path)
    (tmp_path / "bee/self").symlink_to(tmp_path / "bee/self")
    (tmp_path / "bee/peer.png").symlink_to(tmp_path / "bee/peer.png")
    (tmp_path / "aaa").symlink_to(tmp_path / "bee")
    data = open_source(tmp_path, allow_outside=True)
    assert len(data) == 12 and data.classes == CLASSES
    assert {skip.file for skip in data.skipped} >= {"ant/loop", "aaa"}


def test_truth_that_is_a_link_out_is_not_read(tmp_path: Path) -> None:
    source = folder(tmp_path / "in", draw(), LABELS)
    pq.write_table(pa.table({"id": ["ant/00.png"], "is_poisoned": [True], "original_label": ["bee"]}), tmp_path / "t")
    (source / "truth.parquet").symlink_to(tmp_path / "t")
    data = open_source(source)
    assert data.truth is None and data.skipped[0].file == "truth.parquet"
    assert open_source(source, allow_outside=True).truth is not None


def test_what_is_no_file_is_skipped_without_waiting(tmp_path: Path) -> None:
    folder(tmp_path, draw(), LABELS)
    os.mkfifo(tmp_path / "ant/pipe.png")
    (tmp_path / "ant/empty.png").touch()
    (tmp_path / "ant/drawing.svg").write_text("<svg/>")
    (tmp_path / "ant/folder.png").mkdir()
    reasons = {skip.file: skip.reason for skip in open_source(tmp_path).skipped}
    assert reasons == {
        "ant/pipe.png": "not a regular file",
        "ant/empty.png": "the file is empty",
        "ant/drawing.svg": "SVG files are not supported: convert it to PNG or JPEG",
    }
    unreadable(tmp_path / "ant/pipe.png", "not a regular file")


def test_a_huge_sparse_file_is_not_read(tmp_path: Path) -> None:
    folder(tmp_path, draw(), LABELS)
    with (tmp_path / "ant/huge.png").open("wb") as file:
        file.truncate(1 << 40)
    assert "larger than" in open_source(tmp_path).skipped[0].reason


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_files_that_may_not_be_read_are_skipped(tmp_path: Path) -> None:
    folder(tmp_path, draw(), LABELS)
    (tmp_path / "ant/00.png").chmod(0)
    assert "Permission denied" in open_source(tmp_path).skipped[0].reason


def test_files_that_fail_to_open_are_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder(tmp_path, draw(), LABELS)
    real = os.open

    def locked(path: Any, *arguments: Any, **options: Any) -> int:
        if str(path).endswith("ant/00.png"):
            raise PermissionError(13, "Permission denied")
        return real(path, *arguments, **options)

    monkeypatch.setattr(os, "open", locked)
    data = open_source(tmp_path)
    assert data.skipped[0].file == "ant/00.png" and "Permission denied" in data.skipped[0].reason
    assert len(data) == 11


@pytest.mark.skipif(sys.platform != "linux", reason="names that are not UTF-8 are a matter of Linux")
def test_names_that_are_not_utf8_can_be_written_to_tables(tmp_path: Path) -> None:
    folder(tmp_path, draw(), LABELS)
    os.mkdir(os.fsencode(tmp_path) + b"/caf\xe9")
    for name in (b"/caf\xe9/a.png", b"/ant/\xff.png", b"/ant/\\udcff.png"):
        Path(os.fsdecode(os.fsencode(tmp_path) + name)).write_bytes(png(draw()[0]))
    data = open_source(tmp_path)
    assert len(data) == 15 and len(set(data.ids)) == 15
    pa.table({"id": list(data.ids), "class": [data.classes[label] for label in data.labels]})
    assert data.classes[2] == "caf\\udce9"
    assert {"ant/\\udcff.png", "ant/\\udcff.png (2)"} <= set(data.ids)
    for row in range(15):
        data.load(row)


def test_class_names_are_kept_as_they_are(tmp_path: Path) -> None:
    names = ["<img src=x onerror=alert(1)>", "=cmd|' ", "new\nline\x1b[31m", "\u202eevil", "a\\b", "-1"]
    for name in names:
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.png").write_bytes(png(draw()[0]))
    assert open_source(tmp_path).classes == tuple(sorted(names))


def test_names_that_begin_with_a_dot_are_read_as_training_loaders_read_them(tmp_path: Path) -> None:
    folder(tmp_path, draw(), LABELS)
    for name in (".dot", "ant/.deep"):
        (tmp_path / name).mkdir()
    for name in (".dot/a.png", "ant/.deep/.b.png", "ant/.png", ".loose.png"):
        (tmp_path / name).write_bytes(png(draw(1)[0]))
    (tmp_path / "ant/._00.png").write_bytes(b"\x00\x05\x16\x07 a resource fork")
    (tmp_path / ".taster-left.partial").mkdir()
    (tmp_path / ".taster-left.partial/a.png").write_bytes(png(draw(1)[0]))
    data = open_source(tmp_path)
    assert set(data.ids) - set(open_source(folder(tmp_path / "plain", draw(), LABELS)).ids) == {
        ".dot/a.png",
        ".loose.png",
        "ant/.deep/.b.png",
        "ant/.png",
        "ant/._00.png",
    }
    assert data.classes == (".dot", *CLASSES) and data.labels[data.row_of(".loose.png")] == -1
    unreadable(tmp_path / "ant/._00.png", "not an image")


def test_libraries_say_nothing_on_stderr(tmp_path: Path) -> None:
    """Images and tables about which Pillow and pyarrow warn: the reasons are in the list of what was skipped."""
    folder(tmp_path, draw(), LABELS)
    tiff = io.BytesIO()
    Image.fromarray(draw()[0]).save(tiff, format="TIFF")
    whole = tiff.getvalue()
    for cut in (len(whole) - 60, len(whole) - 20, len(whole) - 4):
        (tmp_path / f"ant/cut{cut}.tif").write_bytes(whole[:cut])
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(draw()[1]).save(tmp_path / "ant/exif.jpg", exif=b"Exif\x00\x00II*\x00\xff\xff\xff\xff")
    palette = Image.new("P", (9, 9))
    palette.info["transparency"] = bytes(3)
    palette.save(tmp_path / "bee/palette.png", transparency=bytes(3))
    code = (
        "import sys; from core.sources import open_source, working_pixels; from core.errors import UnreadableImage\n"
        "data = open_source(sys.argv[1]); working_pixels(data, 32); print(len(data))"
    )
    done = subprocess.run([sys.executable, "-W", "always", "-c", code, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=True)
    assert (done.stdout.strip(), done.stderr) == ("17", "")


# ---- any kind


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.randoms(use_true_random=False),
    st.sampled_from(["parquet", "npz_stored", "npz_compressed", "webdataset", "manifest_parquet", "cifar100_python"]),
)
def test_garbled_files_open_or_are_refused(tmp_path_factory: pytest.TempPathFactory, rng: random.Random, kind: str) -> None:
    spec = KINDS[kind](tmp_path_factory.mktemp("garbled") / "set", draw(), LABELS)
    file = spec / "train" if spec.is_dir() else spec
    data = bytearray(file.read_bytes())
    for _ in range(rng.randint(1, 5)):
        # mostly where the headers and footers lie
        at = rng.choice([rng.randrange(len(data)), rng.randrange(600), len(data) - 1 - rng.randrange(1500)])
        data[at] = rng.randrange(256)
    file.write_bytes(bytes(data[: len(data) - rng.choice([0, 0, 1, 700])]))
    try:
        opened = open_source(spec)
    except UserError:
        return
    for row in range(len(opened)):
        try:
            opened.load(row)
        except UnreadableImage as error:
            assert error.reason


def test_identity_is_the_real_place(tmp_path: Path) -> None:
    folder(tmp_path / "real", draw(), LABELS)
    (tmp_path / "alias").symlink_to(tmp_path / "real")
    assert source_identity(tmp_path / "alias") == source_identity(tmp_path / "real/../real") == str(tmp_path / "real")
    assert len(open_source(tmp_path / "alias")) == 12
