"""Exports harm nothing: not the source, not what is there, not the result when they are cut short."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from core.errors import UserError
from core.exports import EXPORTS, export
from core.reviews import review_state
from core.types import Inspection
from tests.support.hostile_inspection import inspection

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return tmp_path / "source"


@pytest.fixture
def found(source: Path) -> Inspection:
    return inspection(source)


def tree(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.mark.parametrize("form", EXPORTS)
def test_nothing_is_overwritten(found: Inspection, source: Path, tmp_path: Path, form: str) -> None:
    full = tmp_path / "full"
    full.mkdir()
    (full / "mine.txt").write_text("mine")
    single = tmp_path / f"mine{(EXPORTS[form].suffixes or ('.txt',))[0]}"
    single.write_text("mine")
    for place in (full, single):
        with pytest.raises(UserError, match="exists already"):
            export(found, review_state(found.dataset), to=form, out=place, source=source)
    assert tree(full) == {"mine.txt": b"mine"} and single.read_text() == "mine"
    assert not list(tmp_path.glob(".taster-*"))
    (full / "mine.txt").unlink()
    assert all(path.is_file() for path in export(found, review_state(found.dataset), to=form, out=full, source=source))


def test_a_sidecar_is_not_overwritten_either(found: Inspection, tmp_path: Path) -> None:
    (tmp_path / "a.csv.json").write_text("mine")
    with pytest.raises(UserError, match="exists already"):
        export(found, review_state(found.dataset), to="csv", out=tmp_path / "a.csv")
    assert sorted(p.name for p in tmp_path.glob("a.*")) == ["a.csv.json"] and (tmp_path / "a.csv.json").read_text() == "mine"


@pytest.mark.parametrize("form", EXPORTS)
def test_nothing_is_written_into_the_source(found: Inspection, source: Path, tmp_path: Path, form: str) -> None:
    before = tree(source)
    (tmp_path / "door").symlink_to(source / "c0")
    (tmp_path / "alias").symlink_to(source)
    for out in (source / "x", source / "new/deep", tmp_path / "door" / "x", tmp_path / "source/../source/x"):
        for given in (source, tmp_path / "alias"):
            with pytest.raises(UserError, match="lies in the source"):
                export(found, review_state(found.dataset), to=form, out=out, source=given)
    assert tree(source) == before and not (source / "new").exists() and not list(tmp_path.rglob(".taster-*"))


def test_the_result_does_not_hold_the_source(found: Inspection, source: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="or the source in it"):
        export(found, review_state(found.dataset), to="folder", out=tmp_path, source=source)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"to": "xlsx"}, "choose one of: csv, parquet"),
        ({"link": "soft"}, "copy, hard"),
        ({"to": "csv", "out": "a.parquet"}, "no name for the export 'csv'"),
        ({"to": "folder", "out": "a.csv"}, "a folder"),
        ({"out": "source/c0/00.png/x.csv"}, "cannot be written"),
    ],
)
def test_bad_requests_are_one_line(found: Inspection, tmp_path: Path, change: dict[str, str], says: str) -> None:
    request = {"to": "csv", "link": "copy", "out": "x.csv"} | change
    with pytest.raises(UserError, match=says) as error:
        export(found, review_state(found.dataset), to=request["to"], out=tmp_path / request["out"], link=request["link"])
    assert "\n" not in str(error.value) and not list(tmp_path.glob(".taster-*"))


def test_an_image_that_is_gone_stops_the_export(found: Inspection, source: Path, tmp_path: Path) -> None:
    (source / found.dataset.ids[20]).unlink()
    with pytest.raises(UserError, match="cannot be read any more"):
        export(found, review_state(found.dataset), to="folder", out=tmp_path / "clean", source=source, link="hard")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["source"]


HELP = f"""
import os, resource, signal, sys
sys.path[:0] = [{str(ROOT)!r}, {str(ROOT / "tests")!r}]
from dataclasses import replace
from pathlib import Path
from core.errors import UserError
from core.exports import export
from core.reviews import review_state
from tests.support.hostile_inspection import inspection, png
found, out = inspection(None), Path(sys.argv[1])
"""
KILLED = """
seen = []
def encoded(row):
    seen.append(row)
    if seen.count(20) == 2:  # the first time is for the suffix
        os.kill(os.getpid(), signal.SIGKILL)
    return png(row), ".png"
export(replace(found, dataset=replace(found.dataset, encoded=encoded)), review_state(found.dataset), to="folder", out=out)
"""
FULL = """
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), resource.RLIM_INFINITY))
try:
    export(found, review_state(found.dataset), to=sys.argv[2], out=out)
except UserError as error:
    print(error)
"""


def _run(code: str, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", HELP + code, *args], capture_output=True, text=True, check=False)


def test_a_killed_export_leaves_nothing_under_its_name(tmp_path: Path) -> None:
    assert _run(KILLED, str(tmp_path / "clean")).returncode == -9
    (left,) = tmp_path.iterdir()
    assert left.name.startswith(".taster-") and list(left.rglob("*.png"))
    found = inspection(None)
    export(found, review_state(found.dataset), to="folder", out=tmp_path / "clean")  # and does not stand in the way
    assert [p.name for p in tmp_path.iterdir()] == ["clean"]  # nor lies there for ever


@pytest.mark.parametrize(("form", "room"), [("csv", 3000), ("parquet", 3000), ("folder", 100), ("report", 100_000)])
def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path: Path, form: str, room: int) -> None:
    done = _run(FULL, str(tmp_path / "out"), form, str(room))
    assert "cannot be written" in done.stdout and len(done.stdout.splitlines()) == 1, done.stderr
    assert list(tmp_path.iterdir()) == []
