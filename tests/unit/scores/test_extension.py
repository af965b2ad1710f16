"""Adding a score is its file and one line: it is then in `info`, the table, the gallery's sorting and the inspector, and scans are made anew."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from streamlit.testing.v1 import AppTest

from core.cli.program import main
from core.scans.pipeline import newest_scan, scan
from core.scores import SCORES
from core.workspace import Workspace
from tests.support.app_server import ROOT
from tests.support.core_toys import CPU, image_folder, quick_gradients
from ui.api.inspector_facts import inspector_item

FILE = '''
"""Crowding: how near the second nearest image is. Blind to everything that stands alone."""

import numpy as np

from core.scores import Score
from core.types import Evidence, Float32


def crowding(evidence: Evidence) -> Float32:
    return np.asarray(evidence.similarity[:, 1], dtype=np.float32)


CROWDING = Score(
    name="crowding",
    title="in a crowd",
    question="How near is the second nearest image?",
    blind_to="everything that stands alone",
    family="oddity",
    needs="evidence",
    function=crowding,
    explain=lambda inspection, row, value, usual, high: f"Its crowd is at {value:.2f}.",
)
'''


@pytest.fixture
def added(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "crowding.py"
    file.write_text(FILE)
    spec = importlib.util.spec_from_file_location("crowding", file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    # the one line
    monkeypatch.setitem(SCORES, "crowding", module.CROWDING)


def test_a_new_score_is_everywhere(added: None, tmp_path: Path, capsys: pytest.CaptureFixture[str], app_over: Callable[..., Any]) -> None:
    images, home = image_folder(tmp_path / "set", size=12), Workspace(tmp_path / "home")
    with quick_gradients():
        key = scan(str(images), CPU, home)
    assert main(["info", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["scores"]["crowding"]["question"] == "How near is the second nearest image?"
    assert main(["export", str(images), "--to", "parquet", "--out", str(tmp_path / "t.parquet"), "--workspace", str(home.root)]) == 0
    assert pq.read_table(tmp_path / "t.parquet")["crowding_score"].null_count == 0
    services = app_over(home.root, str(images))
    item = inspector_item(services.inspection(key), 3, None)
    assert "Its crowd is at" in json.dumps(item) and "In a crowd" in json.dumps(item)
    page = AppTest.from_file(str(ROOT / "pages" / "gallery.py"), default_timeout=180).run()
    assert not page.exception and any("in a crowd" in box.options for box in page.selectbox)


def test_a_new_score_makes_scans_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    images, home = image_folder(tmp_path / "set", size=10), Workspace(tmp_path / "home")
    with quick_gradients():
        before = scan(str(images), CPU, home)
        request.getfixturevalue("added")
        after = scan(str(images), CPU, home)
        assert after != before and newest_scan(home, str(images)) == after
        changed = SCORES["crowding"]
        monkeypatch.setitem(SCORES, "crowding", type(changed)(**{**vars(changed), "version": 2}))
        assert scan(str(images), CPU, home) not in (before, after)
