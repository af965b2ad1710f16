"""Manifests and Parquet files that reach out, lie, or are broken."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from core.errors import UnreadableImage
from core.sources import open_source
from tests.support.source_files import (
    LABELS,
    draw,
    png,
    refused,
    write_parquet,
)

# ---- manifests


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_a_manifest_reaches_no_file_outside_its_folder(tmp_path: Path, kind: str) -> None:
    secret = tmp_path / "secret.png"
    secret.write_bytes(png(draw(1)[0]))
    inside = tmp_path / "in"
    (inside / "sub").mkdir(parents=True)
    for row in range(4):
        (inside / f"{row}.png").write_bytes(png(draw()[row]))
    (inside / "link.png").symlink_to(secret)
    bad = ["../secret.png", str(secret), "link.png", "sub/../../secret.png", "/dev/zero", "sub", "a\x00.png"[:5]]
    rows = [{"path": name, "label": "ab"[k % 2]} for k, name in enumerate([f"{row}.png" for row in range(4)] + bad)]
    if kind == "csv":
        (inside / "m.csv").write_text("path,label\n" + "\n".join(f"{r['path']},{r['label']}" for r in rows), newline="")
    elif kind == "jsonl":
        import json

        (inside / "m.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    else:
        pq.write_table(pa.Table.from_pylist(rows), inside / "m.parquet")
    data = open_source(inside / f"m.{kind}")
    assert len(data) == 4 and len(data.skipped) == len(bad)
    assert [skip.reason for skip in data.skipped][:4] == ["lies outside the source's folder"] * 4
    assert len(open_source(inside / f"m.{kind}", allow_outside=True)) == 8


@pytest.mark.parametrize(
    ("text", "match"),
    [
        (b"", "names no files"),
        (b"label,other\n1,2\n", "names no files .it has columns 'label'"),
        (b"path,label\na.png,1\na.png,2\n", "'a.png' twice, in rows 1 and 2"),
        (b"id,path\nx,a.png\nx,b.png\n", "'x' twice"),
        (b"path\n" + b"a" * 200_000 + b"\n", "field larger"),
        (b'path\n"' + b"a\n" * 200_000, "field larger"),
        (b"path\n" + b"a," * (1 << 20), "longer than"),
        (b'path\n"open', "CSV"),
        ("path\ncafé.png\n".encode("latin-1"), "UTF-8"),
        (b"\xff\xfep\x00a\x00", "UTF-8"),
    ],
    ids=["empty", "columns", "twice", "ids", "field", "lines", "line", "quote", "latin-1", "utf-16"],
)
def test_csv_manifests_that_cannot_be_used(tmp_path: Path, text: bytes, match: str) -> None:
    for name in "abc":
        (tmp_path / f"{name}.png").write_bytes(png(draw()[0]))
    (tmp_path / "m.csv").write_bytes(text)
    refused(tmp_path / "m.csv", match)


@pytest.mark.parametrize("text", ["{", "[1]", "[" * 100_000, '{"path": NaN', "1"], ids=["open", "list", "deep", "cut", "number"])
def test_json_manifests_that_cannot_be_used(tmp_path: Path, text: str) -> None:
    (tmp_path / "m.jsonl").write_text(text)
    refused(tmp_path / "m.jsonl", "JSON")


def test_odd_json_values_are_skipped_with_a_reason(tmp_path: Path) -> None:
    for row in range(4):
        (tmp_path / f"{row}.png").write_bytes(png(draw()[row]))
    good = [f'{{"path": "{row}.png", "label": {row % 2}}}' for row in range(4)]
    odd = ['{"path": ["0.png"]}', '{"path": "\\ud800.png"}', '{"path": "\\u0000"}', '{"path": null}', "{}"]
    (tmp_path / "m.jsonl").write_text("\n".join(good + odd))
    data = open_source(tmp_path / "m.jsonl")
    assert len(data) == 4 and len(data.skipped) == 5
    for skip in data.skipped:
        (skip.file + skip.reason).encode("utf-8")


# ---- Parquet


def test_image_paths_in_parquet_stay_inside(tmp_path: Path) -> None:
    (tmp_path / "secret.png").write_bytes(png(draw(1)[0]))
    inside = tmp_path / "in"
    cells: list[object] = [{"bytes": png(image), "path": None} for image in draw()]
    cells[0], cells[1] = {"bytes": None, "path": "../secret.png"}, {"bytes": None, "path": str(tmp_path / "secret.png")}
    write_parquet(inside / "a.parquet", cells, LABELS)
    data = open_source(inside / "a.parquet")
    assert len(data) == 10 and {skip.reason for skip in data.skipped} == {"lies outside the source's folder"}
    assert len(open_source(inside / "a.parquet", allow_outside=True)) == 12


def test_broken_parquet_files(tmp_path: Path) -> None:
    cells = [{"bytes": png(image), "path": None} for image in draw()]
    write_parquet(tmp_path / "a.parquet", cells, LABELS)
    whole = (tmp_path / "a.parquet").read_bytes()
    for name, data in (("cut", whole[: len(whole) // 2]), ("empty", b""), ("magic", b"PAR1PAR1"), ("text", b"hello" * 99)):
        (tmp_path / f"{name}.parquet").write_bytes(data)
        refused(tmp_path / f"{name}.parquet", "cannot be read")
    data = open_source(tmp_path)
    assert len(data) == 12 and len(data.skipped) == 4


def test_a_parquet_file_with_damaged_pages_gives_reasons(tmp_path: Path) -> None:
    cells = [{"bytes": png(image), "path": None} for image in draw()]
    write_parquet(tmp_path / "a.parquet", cells, LABELS)
    data = bytearray((tmp_path / "a.parquet").read_bytes())
    data[4:40] = b"\xff" * 36
    (tmp_path / "a.parquet").write_bytes(bytes(data))
    opened = open_source(tmp_path / "a.parquet")
    assert {skip.file for skip in opened.skipped} == {f"a.parquet#{row}" for row in range(5)}
    np.testing.assert_array_equal(np.asarray(opened.load(0)), draw()[5])


def test_parquet_with_neither_images_nor_names(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": [1], "b": ["x"]}), tmp_path / "a.parquet")
    refused(tmp_path / "a.parquet", "names no files .it has columns 'a', 'b'")


def test_notes_that_lie_are_passed_over(tmp_path: Path) -> None:
    blobs = [png(image) for image in draw()]
    for k, note in enumerate([b"{", b"[]", b'{"info": 3}', b'{"info": {"features": {"label": {"_type": "ClassLabel", "names": 5}}}}']):
        table = pa.table({"image": blobs, "label": LABELS}).replace_schema_metadata({"huggingface": note})
        pq.write_table(table, tmp_path / f"{k}.parquet")
        assert open_source(tmp_path / f"{k}.parquet").classes == ("0", "1", "2")


def test_a_broken_image_in_a_row_is_found_when_loaded(tmp_path: Path) -> None:
    cells = [{"bytes": png(image), "path": None} for image in draw()]
    cells[2] = {"bytes": b"no image", "path": "x.png"}
    write_parquet(tmp_path / "a.parquet", cells, LABELS)
    data = open_source(tmp_path / "a.parquet")
    with pytest.raises(UnreadableImage):
        data.load(2)
    with pytest.raises(UnreadableImage):
        data.raw(2)
