"""A kind of source is its file and one line in the registry: then it is opened, listed and scanned like the others."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from core.cli import main
from core.cli.program import parser
from core.errors import UserError
from core.scans import ScanOptions, inspection_of, scan
from core.sources import SOURCES, Options, Source, open_source, told_by
from core.sources.base import Rows, build
from core.sources.files import as_digests, digest_bytes
from core.sources.stored import array_doors
from core.types import Dataset
from core.workspace import Workspace
from tests.support.app_server import ROOT

SIDE = 16


def open_toy(path: Path, options: Options) -> Dataset:
    """A file of raw grey squares, the row's label being its number's remainder by two."""
    pixels = np.frombuffer(path.read_bytes(), np.uint8).reshape(-1, SIDE, SIDE)
    digests = as_digests([digest_bytes(image.tobytes()) for image in pixels])
    rows = Rows([f"toy-{row}" for row in range(len(pixels))], np.arange(len(pixels)) % 2, ("even", "odd"), digests)
    return build(path.name, rows, array_doors(lambda row: pixels[row], lambda grey: np.repeat(grey[:, :, None], 3, axis=2), digests))


TOY = Source("toy", "a .toy file", lambda path, options: path.suffix == ".toy", open_toy)


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setitem(SOURCES, TOY.name, TOY)
    (tmp_path / "set.toy").write_bytes(np.random.default_rng(0).integers(0, 256, (40, SIDE, SIDE), dtype=np.uint8).tobytes())
    return tmp_path / "set.toy"


@pytest.mark.slow
def test_a_new_kind_is_opened_and_scanned(toy: Path, tmp_path: Path) -> None:
    data = open_source(toy)
    assert len(data) == 40 and data.classes == ("even", "odd") and data.load(3).size == (SIDE, SIDE)
    workspace = Workspace(tmp_path / "ws")
    found = inspection_of(workspace, scan(str(toy), ScanOptions(k=5), workspace))
    assert found is not None and found.dataset.ids == data.ids and found.suspicion is not None


def test_a_new_kind_is_listed_wherever_kinds_are(toy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UserError, match=r"a \.toy file"):
        open_source(tmp_path / "nothing")
    assert main(["info", "--workspace", str(tmp_path / "ws")]) == 0
    assert re.search(r"^  toy +a \.toy file$", capsys.readouterr().out, re.MULTILINE)
    assert main(["info", "--json", "--workspace", str(tmp_path / "ws")]) == 0
    assert json.loads(capsys.readouterr().out)["source_kinds"]["toy"] == "a .toy file"
    with pytest.raises(SystemExit):
        parser().parse_args(["scan", "--help"])
    assert "a .toy file" in " ".join(capsys.readouterr().out.split())


def test_a_built_in_kind_is_named_by_its_name(monkeypatch: pytest.MonkeyPatch, toy: Path) -> None:
    monkeypatch.setitem(SOURCES, "toys", Source("toys", "toys", TOY.detect, lambda path, options: open_toy(toy, options), built_in=True))
    assert len(open_source("toys")) == 40


def test_every_kind_is_told_apart_by_its_record() -> None:
    assert all(source.name == name and source.told_by in told_by() for name, source in SOURCES.items())


def test_the_readme_lists_the_kinds_as_the_registry_does() -> None:
    table = (ROOT / "README.md").read_text("utf-8").split("| a source is |")[1].split("\n\n")[0]
    told = [line.split("|")[1].strip().replace("`", "") for line in table.splitlines()[2:]]
    assert told == [source.told_by for source in SOURCES.values()]
