"""Small files that would need gigabytes, or end the process: refused in one line, or read in bounded memory."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from core.errors import UserError
from core.files import parquet_values
from core.neighbours import class_shares, row_chunks
from core.sources import open_source
from core.sources.restricted_pickle import load_restricted
from tests.support.app_server import ROOT
from tests.support.source_files import LABELS, draw, folder, npz, png, refused

# opens a source and says in one word how that went, and in megabytes what it took; the limit only saves the machine
OPENER = """
import resource, sys
import pyarrow.parquet
from core.errors import UserError
from core.sources import open_source
resource.setrlimit(resource.RLIMIT_AS, (6 << 30,) * 2)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    found = f"opened {len(open_source(sys.argv[1]))}"
except UserError as error:
    found = f"refused {error}"
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) >> 10, found)
"""


def opened_in_a_gigabyte(source: Path) -> str:
    done = subprocess.run([sys.executable, "-c", OPENER, str(source)], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0 and done.stderr == "", done.stderr[-300:]
    megabytes, _, found = done.stdout.strip().partition(" ")
    assert int(megabytes) < 1000
    return found


def repeated(value: str | bytes, count: int) -> pa.DictionaryArray:
    """A column that a file holds once, however many rows it has."""
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(count, np.int32)), pa.array([value]))


def write(path: Path, /, **columns: object) -> Path:
    pq.write_table(pa.table(columns), path, compression="zstd", store_schema=False)
    return path


# ---- pickles


def cifar(root: Path, batch: bytes) -> Path:
    root.mkdir(exist_ok=True)
    (root / "data_batch_1").write_bytes(batch)
    return root


@pytest.mark.parametrize("depth", [5_000, 1_000_000])
def test_tuples_in_tuples_do_not_end_the_process(tmp_path: Path, depth: int) -> None:
    # as the key of a dict it is hashed, which runs through the machine's stack
    batch = b"\x80\x02})" + b"\x85" * depth + b"K\x01s."
    assert "1,000 tuples" in opened_in_a_gigabyte(cifar(tmp_path / "c", batch))


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (b"\x80\x02](" + b"}" * 2_000_001 + b"e.", "2,000,000 objects"),
        (b"\x80\x04\x8f.", "EMPTY_SET"),
        # one text, made into bytes a thousand times
        (b"\x80\x02](c_codecs\nencode\nX\x00\x10\x00\x00" + b"a" * 4096 + b"q\x01X\x06\x00\x00\x00latin1\x86R"
         + b"c_codecs\nencode\nh\x01X\x06\x00\x00\x00latin1\x86R" * 900 + b"e.", "more bytes than it is long"),
    ],
    ids=["objects", "sets", "bytes"],
)  # fmt: skip
def test_pickles_that_grow_are_refused(data: bytes, match: str) -> None:
    with pytest.raises(UserError, match=match):
        load_restricted(data, "train")


@pytest.mark.parametrize("label", [10**4, 10**9, 10**4000])
def test_cifar_labels_that_are_no_classes(tmp_path: Path, label: int) -> None:
    planes = draw().transpose(0, 3, 1, 2).reshape(12, -1)
    batch = pickle.dumps({"data": planes, "labels": [*[0] * 11, label]}, protocol=2)
    assert opened_in_a_gigabyte(cifar(tmp_path / "c", batch)).startswith("refused 'c' has a label above 9,999")


# ---- tables


def test_one_large_blob_in_every_row(tmp_path: Path) -> None:
    blob, padding = b"\0" * 24_000_000, [os.urandom(64) for _ in range(60)]
    write(tmp_path / "few.parquet", image=repeated(blob, 2000), label=[0, 1] * 1000)
    assert (tmp_path / "few.parquet").stat().st_size < 6_000
    assert "claims 2,000 rows" in opened_in_a_gigabyte(tmp_path / "few.parquet")
    write(tmp_path / "flat.parquet", image=repeated(blob, 60), label=[0, 1] * 30, padding=padding)
    assert opened_in_a_gigabyte(tmp_path / "flat.parquet") == "opened 60"
    cells = pa.StructArray.from_arrays([pa.array([blob] * 60), pa.nulls(60, pa.string())], ["bytes", "path"])
    table = pa.table({"image": cells, "label": [0, 1] * 30})
    pq.write_table(table, tmp_path / "struct.parquet", compression="zstd", dictionary_pagesize_limit=1 << 30)
    assert opened_in_a_gigabyte(tmp_path / "struct.parquet") == "opened 60"


def test_a_row_group_that_is_blown_up_is_refused(tmp_path: Path) -> None:
    blobs = pa.array([b"\0" * 30_000_000 + bytes([row]) for row in range(12)])
    write(tmp_path / "a.parquet", image=blobs, label=[0, 1] * 6)
    assert "MB of images in" in opened_in_a_gigabyte(tmp_path / "a.parquet")


@pytest.mark.parametrize(("label", "n"), [("x" * 10_000, 250_000), (b"\0" * 24_000_000, 10_000)], ids=["text", "bytes"])
def test_one_long_label_in_every_row(tmp_path: Path, label: str | bytes, n: int) -> None:
    noise = pa.FixedSizeBinaryArray.from_buffers(pa.binary(4), n, [None, pa.py_buffer(os.urandom(4 * n))]).cast(pa.binary())
    write(tmp_path / "a.parquet", image=noise, label=repeated(label, n))
    assert f"a label has {len(label):,} characters" in opened_in_a_gigabyte(tmp_path / "a.parquet")
    write(tmp_path / "m.parquet", path=repeated("a.png", n), label=repeated(label, n), id=noise)
    assert opened_in_a_gigabyte(tmp_path / "m.parquet").startswith("refused")


def test_equal_texts_of_a_column_are_one_object(tmp_path: Path) -> None:
    write(tmp_path / "a.parquet", name=["long" * 99, "other", None] * 1000)
    values = parquet_values(tmp_path / "a.parquet", "name")
    assert values == ["long" * 99, "other", None] * 1000 and len({id(value) for value in values}) == 3


def test_labels_that_are_lists_are_refused_before_they_are_read(tmp_path: Path) -> None:
    pq.write_table(pa.table({"image": [png(image) for image in draw()], "label": [[1] * 9] * 12}), tmp_path / "a.parquet")
    refused(tmp_path / "a.parquet", "'label' of 'a.parquet' holds list")


def test_names_of_a_million_classes(tmp_path: Path) -> None:
    for count, match in ((1_000_000, "notes on the columns"), (200_000, "200,000 classes")):
        feature = {"label": {"_type": "ClassLabel", "names": [f"class {i}" for i in range(count)]}}
        table = pa.table({"image": [png(image) for image in draw()], "label": LABELS})
        notes = {"huggingface": json.dumps({"info": {"features": feature}})}
        pq.write_table(table.replace_schema_metadata(notes), tmp_path / "a.parquet")
        refused(tmp_path / "a.parquet", match)


def test_a_csv_of_a_hundred_thousand_columns(tmp_path: Path) -> None:
    folder(tmp_path, draw(), LABELS)
    many = ",".join(f"c{place}" for place in range(140_000))
    rows = [f"{'abc'[k % 3]},ant/{k:02d}.png,{',' * 139_999}" for k in range(4)]
    (tmp_path / "m.csv").write_text("\n".join([f"label,path,{many}", *rows]))
    refused(tmp_path / "m.csv", "longer than 1,048,576 characters")
    wide = ",".join(f"c{place}" for place in range(70_000))
    (tmp_path / "m.csv").write_text("\n".join([f"label,path,{wide}", *(row[:-70_000] for row in rows)]))
    assert opened_in_a_gigabyte(tmp_path / "m.csv") == "opened 4"


def test_a_csv_row_without_an_end(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("path,label\n" + '"a\n",' * 400_000)
    refused(tmp_path / "m.csv", "row longer than")


# ---- archives


def sparse(path: Path, kind: bytes, size: int, name: str = "a.png") -> Path:
    """A tar on a file of holes, whose only header claims `size` bytes."""
    member = tarfile.TarInfo(name)
    member.type, member.size = kind, size
    with path.open("wb") as file:
        file.write(member.tobuf(tarfile.GNU_FORMAT))
        file.truncate(size + 10_240)
    return path


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.REGTYPE])
def test_a_sparse_tar_that_claims_three_gigabytes(tmp_path: Path, kind: bytes) -> None:
    assert opened_in_a_gigabyte(sparse(tmp_path / "a.tar", kind, 3 << 30)).startswith("refused")


def test_an_npz_that_unpacks_to_more_than_a_gigabyte(tmp_path: Path) -> None:
    refused(npz_of_zeros(tmp_path / "a.npz", 800 << 20), "GB unpacked")


def npz_of_zeros(path: Path, size: int) -> Path:
    import zipfile

    from tests.robustness.test_sources_hostile_archives import npy_header

    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive, archive.open("images.npy", "w") as file:
        file.write(npy_header((size >> 20, 1024, 1024)))
        for _ in range(size >> 20):
            file.write(bytes(1 << 20))
    return path


@pytest.mark.parametrize("kind", ["npz", "cifar"])
def test_a_container_that_is_cut_while_it_is_read_gives_reasons(tmp_path: Path, kind: str) -> None:
    # a memory map would end the process
    if kind == "npz":
        path = npz(tmp_path / "a.npz", images=draw(), labels=np.array(LABELS))
    else:
        path = tmp_path / "data_batch_1.bin"
        np.column_stack([np.array(LABELS, np.uint8), draw().reshape(12, -1)]).tofile(path)
    data = open_source(path if kind == "npz" else tmp_path)
    os.truncate(path, 5000)
    with pytest.raises(Exception, match="truncated"):
        data.load(11)


# ---- many classes


def test_votes_of_many_classes_are_counted_in_parts() -> None:
    parts = row_chunks(10_000, 10_000)
    assert max(map(len, parts)) * 10_001 * 8 <= 64 << 20
    np.testing.assert_array_equal(np.concatenate(parts), np.arange(10_000))
    assert [len(part) for part in row_chunks(10_000, 1000)] == [8192, 1808]
    rng = np.random.default_rng(0)
    labels, similarity = rng.integers(-1, 40, (300, 20)), -np.sort(-rng.random((300, 20), dtype=np.float32))
    whole = class_shares(labels, similarity, 40, 0.16)
    np.testing.assert_array_equal(
        np.concatenate([class_shares(labels[k : k + 7], similarity[k : k + 7], 40, 0.16) for k in range(0, 300, 7)]), whole
    )
