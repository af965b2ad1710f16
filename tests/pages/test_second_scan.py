"""A second scan of a set that fails or stands still: what the first one found stays in view."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.errors import UserError
from core.scans.options import ScanOptions
from core.scans.pipeline import newest_scan, scan
from core.workspace.workspace import Workspace
from tests.support.app_server import ROOT
from ui.api.reasons import NOT_DESCRIBED, described

TROUBLE = "precomputed"


@pytest.fixture
def failed(workspace, app_over):
    """(services, key of the finished scan, key of the one that failed: its embedder was given no vectors)."""
    first = newest_scan(Workspace(workspace), "demo")
    fail_in(workspace)
    made = app_over(workspace)
    second = made.newest_key("demo")
    assert second != first
    return made, first, second


def fail_in(workspace: Path) -> None:
    with pytest.raises(UserError, match=TROUBLE):
        scan("demo", ScanOptions(embedder="precomputed"), Workspace(workspace))


def page(name: str) -> AppTest:
    test = AppTest.from_file(str(ROOT / "ui" / "shell.py"), default_timeout=180).run()
    return test.switch_page(str(ROOT / "pages" / f"{name}.py")).run()


def test_the_finished_scan_is_the_one_in_view(failed):
    made, first, second = failed
    assert made.key_in_view("demo") == first and made.looked_at(second) == first
    assert not made.at_work(second)


def test_overview_says_what_failed_beside_what_is_known(failed):
    test = page("overview")
    assert not test.exception
    assert any(TROUBLE in error.value for error in test.error)
    assert {metric.label for metric in test.metric} >= {"Images", "Suspicious"}
    assert not any("No set has been scanned" in info.value for info in test.info)
    assert any(button.label == "Try again" for button in test.button)
    assert list(test.sidebar.selectbox[0].options) == ["Demo: handwritten digits"]


def test_no_page_waits_for_a_scan_that_does_not_run(failed):
    test = page("relabel")
    assert not test.exception and not test.info and test.title[0].value == "Relabel"


def test_a_first_scan_that_failed_is_not_called_at_work(tmp_path, app_over):
    fail_in(tmp_path / "new")
    app_over(tmp_path / "new")
    test = page("gallery")
    assert not test.exception and "stopped before" in test.info[0].value


def test_every_score_of_a_scan_is_described(failed):
    made, first, _ = failed
    known = described()
    for name in made.inspection(first).scores:
        assert name in known and NOT_DESCRIBED not in known[name]
