"""A format is its file and one line: a toy shows in `info`, in `export --to` and on disk."""

from __future__ import annotations

import importlib.util
import json
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.cli.program import main
from core.exports import EXPORTS

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


@pytest.mark.parametrize("out", ["list.txt", "folder"])
def test_it_is_written(workspace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], out: str) -> None:
    assert main(["export", "demo", "--to", "ids", "--out", str(tmp_path / out), "--workspace", str(workspace)]) == 0
    written = Path(capsys.readouterr().out.strip())
    assert written == tmp_path / ("list.txt" if out == "list.txt" else "folder/ids.txt")
    assert len(written.read_text().splitlines()) == 1797
    assert main(["export", "demo", "--to", "csv", "--out", str(tmp_path / "a.txt"), "--workspace", str(workspace)]) == 2
    assert "no name for the export 'csv'" in capsys.readouterr().err


def test_it_can_be_chosen_on_the_page(app_over, workspace: Path) -> None:
    from streamlit.testing.v1 import AppTest

    from tests.support.app_server import ROOT

    app_over(workspace)
    test = AppTest.from_file(str(ROOT / "ui" / "shell.py"), default_timeout=60).run()
    test.switch_page(str(ROOT / "pages" / "export.py")).run()
    assert "Ids of the images that stay" in test.selectbox(key="export_to").options
