"""Every page by Streamlit's AppTest: it stands, it stands again after a change of page, and says what to do when empty."""

from __future__ import annotations

from dataclasses import replace

import pytest
from streamlit.testing.v1 import AppTest

from tests.support.app_server import ROOT
from ui.scanning import pasted_path

PAGES = ("overview", "map", "gallery", "relabel", "triggers", "agreement", "prove", "export")


def at(page: str = "overview") -> AppTest:
    test = AppTest.from_file(str(ROOT / "ui" / "shell.py"), default_timeout=180).run()
    return test.switch_page(str(ROOT / "pages" / f"{page}.py")).run() if page != "overview" else test


@pytest.mark.parametrize("page", PAGES)
def test_a_page_stands_and_stands_again(app_over, workspace, page):
    app_over(workspace)
    test = at(page)
    assert not test.exception
    title = test.title[0].value
    test.run()
    assert not test.exception
    assert test.title[0].value == title


def test_overview_tells_the_numbers(app_over, workspace):
    made = app_over(workspace)
    inspection = made.inspection(made.newest_key("demo"))
    metrics = {m.label: m.value for m in at().metric}
    assert metrics["Images"] == "1,797"
    assert metrics["Classes"] == "10"
    assert metrics["Suspicious"].startswith(f"{int(inspection.is_suspicious.sum()):,} ")


def test_gallery_keeps_its_choice_over_a_change_of_page(app_over, workspace):
    app_over(workspace)
    test = at("gallery")
    box = next(b for b in test.selectbox if b.label == "Sorted by")
    box.select("outlier").run()
    test.switch_page(str(ROOT / "pages" / "relabel.py")).run()
    test.switch_page(str(ROOT / "pages" / "gallery.py")).run().run()
    assert not test.exception
    assert next(b for b in test.selectbox if b.label == "Sorted by").value == "outlier"


@pytest.mark.parametrize("page", PAGES)
def test_an_empty_workspace_says_what_to_do(app_over, tmp_path, page):
    app_over(tmp_path / "empty")
    test = at(page)
    assert not test.exception
    assert test.info
    assert "scanned" in test.info[0].value


def _open_form() -> None:
    """What the dialog behind “Open another set” holds; a dialog itself does not outlive a run here."""
    from ui.scanning import open_source_form

    open_source_form()


@pytest.mark.parametrize("path", ["/no/such/folder", "a\0b", "x" * 5000, "/" + "y/" * 3000, "~nobody-here/set", "/proc/1/root/set"])
def test_a_wrong_path_is_one_line(app_over, workspace, path):
    app_over(workspace)
    test = AppTest.from_function(_open_form, default_timeout=180).run()
    test.text_input(key="open_path").set_value(path)
    next(b for b in test.button if b.label == "Scan").click().run()
    assert not test.exception
    assert test.error[0].value and "\n" not in test.error[0].value and len(test.error[0].value) < 1000


def test_an_unknown_dataset_in_the_address_is_said(app_over, workspace):
    app_over(workspace)
    test = AppTest.from_file(str(ROOT / "ui" / "shell.py"), default_timeout=180)
    test.query_params["dataset"] = "../../etc"
    test.run()
    assert not test.exception
    assert test.metric


def test_the_front_door_draws_the_pages_too(app_over, workspace):
    app_over(workspace)
    test = AppTest.from_file(str(ROOT / "app.py"), default_timeout=180).run()
    assert not test.exception
    assert test.title


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ("  /data/set ", "/data/set"),
        ('"/data/my set"', "/data/my set"),
        ("'/data/set'", "/data/set"),
        ("file:///data/my%20set", "/data/my set"),
        ("'file://localhost/data'", "/data"),
        ("file://elsewhere/data", "file://elsewhere/data"),
        ("demo", "demo"),
        ('"', '"'),
    ],
)
def test_a_path_is_taken_as_people_paste_it(given, path):
    assert pasted_path(given) == path


@pytest.mark.parametrize("page", ["gallery", "relabel", "map"])
def test_before_the_search_has_ended_every_page_says_that_it_is_provisional(app_over, workspace, monkeypatch, page):
    made = app_over(workspace, change=lambda found: replace(found, content=None, artifact=None, findings=()))
    monkeypatch.setattr(made, "at_work", lambda key: True)
    test = at(page)
    assert not test.exception and "Provisional" in test.warning[0].value
