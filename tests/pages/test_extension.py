"""A page of one's own: a file and one record, and it stands in the menu, under an address, with what every page has."""

from __future__ import annotations

from pathlib import Path

import pytest
import streamlit
from streamlit.testing.v1 import AppTest

from tests.support.app_server import ROOT
from ui.navigation import PAGES, Page

FILE = """
import streamlit as st
from core.errors import UserError
from core.types import Inspection
from ui.page import show

def draw(inspection: Inspection) -> None:
    st.markdown(f"{len(inspection.dataset):,} images *counted*")
    if st.button("Refuse"):
        raise UserError("a [bad] thing", "a good one")

show("counted", draw)
"""


@pytest.fixture
def registered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "counted.py").write_text(FILE)
    monkeypatch.setitem(PAGES, "counted", Page("counted", "Counted", "tag", "Decide", tmp_path))
    return tmp_path / "counted.py"


def at(file: Path) -> AppTest:
    return AppTest.from_file(str(ROOT / "ui" / "shell.py"), default_timeout=180).run().switch_page(str(file)).run()


def test_it_shows_up_in_the_menu(app_over, tmp_path: Path, registered: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app_over(tmp_path / "empty")
    menu, real = {}, streamlit.navigation

    def navigation(given):
        menu.update({group: [(page.title, page.url_path) for page in found] for group, found in given.items()})
        return real(given)

    monkeypatch.setattr(streamlit, "navigation", navigation)
    assert not AppTest.from_file(str(ROOT / "ui" / "shell.py"), default_timeout=180).run().exception
    assert {group: [title for title, _ in found] for group, found in menu.items()} == {
        "Look": ["Overview", "Map", "Gallery"],
        "Decide": ["Triggers", "Relabel", "Agreement", "Counted"],
        "Prove": ["Prove", "Export"],
    }
    assert menu["Decide"][-1] == ("Counted", "counted")


def test_it_stands_and_says_a_refusal_in_one_line(app_over, workspace, registered: Path) -> None:
    app_over(workspace)
    test = at(registered)
    assert not test.exception and test.title[0].value == "Counted"
    assert "1,797 images *counted*" in [said.value for said in test.markdown]
    assert test.query_params["page"] == "counted" and "dataset" in test.query_params
    next(button for button in test.button if button.label == "Refuse").click().run()
    assert not test.exception and test.error[0].value.startswith("a \\[bad\\] thing")


def test_it_says_what_to_do_while_there_is_nothing(app_over, tmp_path: Path, registered: Path) -> None:
    app_over(tmp_path / "empty")
    test = at(registered)
    assert not test.exception and "scanned" in test.info[0].value
