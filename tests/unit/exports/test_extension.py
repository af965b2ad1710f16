"""A format is its file and one line: a toy shows in `info`, in `export --to` and on disk."""

from __future__ import annotations

import importlib.util
import json
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from core import api, scans
from core.cli.program import main
from core.exports import EXPORTS
from tests.support.hostile_inspection import inspection

TOY = '''
from core.exports import Export


def write_ids(job, path):
    """The ids of the rows that stay, one a line."""
    path.write_text("\\n".join(job.inspection.dataset.ids[row] for row in job.state.kept.nonzero()[0]))
    return [path]


IDS = Export("ids", "ids of the images that stay", "ids.txt", (".txt",), write_ids)
'''


@pytest.fixture(autouse=True)
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "toy_export.py").write_text(TOY)
    spec = importlib.util.spec_from_file_location("toy_export", tmp_path / "toy_export.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setitem(EXPORTS, module.IDS.name, module.IDS)
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)
    sys.modules.pop("toy_export", None)


def test_it_shows_in_info(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", "--json", "--workspace", str(tmp_path / "none")]) == 0
    assert json.loads(capsys.readouterr().out)["exports"]["ids"] == "ids of the images that stay"


def test_it_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    found = inspection(None)
    # what the command exports is a scan that was made before
    monkeypatch.setattr(api, "_newest", lambda *_: found.key)
    monkeypatch.setattr(api, "_inspection", lambda *_: found)
    monkeypatch.setattr(scans, "lineage", lambda *_: [found.dataset.digest])
    monkeypatch.setattr(scans, "source_path", lambda *_: None)
    home = ["--workspace", str(tmp_path / "home")]
    for out, written in (("list.txt", "list.txt"), ("folder", "folder/ids.txt")):
        assert main(["export", "demo", "--to", "ids", "--out", str(tmp_path / out), *home]) == 0
        assert Path(capsys.readouterr().out.strip()) == tmp_path / written
        assert (tmp_path / written).read_text().splitlines() == list(found.dataset.ids)
    # its suffix is known to the others
    assert main(["export", "demo", "--to", "csv", "--out", str(tmp_path / "a.txt"), *home]) == 2
    assert "no name for the export 'csv'" in capsys.readouterr().err
