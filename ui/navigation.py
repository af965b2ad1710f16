"""The pages: one record each, in the order and under the headings of the menu; links between them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import streamlit as st

FOLDER = Path(__file__).resolve().parent.parent / "pages"


@dataclass(frozen=True)
class Page:
    """A page is its file, `folder`/`name`.py, and one of these.

    name: also its address.  title: in the menu.  icon: a Material symbol.  group: the heading that it stands under.
    """

    name: str
    title: str
    icon: str
    group: str
    folder: Path = FOLDER


PAGES: dict[str, Page] = {
    page.name: page
    for page in (
        Page("overview", "Overview", "dashboard", "Look"),
        Page("map", "Map", "scatter_plot", "Look"),
        Page("gallery", "Gallery", "grid_view", "Look"),
        Page("triggers", "Triggers", "fingerprint", "Decide"),
        Page("relabel", "Relabel", "rule", "Decide"),
        Page("agreement", "Agreement", "compare_arrows", "Decide"),
        Page("prove", "Prove", "science", "Prove"),
        Page("export", "Export", "output", "Prove"),
    )
}


def pages() -> dict[str, st.Page]:
    """Every page by name; made anew in each run, as Streamlit wants it."""
    return {
        name: st.Page(
            page.folder / f"{name}.py", title=page.title, icon=f":material/{page.icon}:", url_path=name, default=name == "overview"
        )
        for name, page in PAGES.items()
    }


def sections(known: dict[str, st.Page]) -> dict[str, list[st.Page]]:
    """The pages under the headings of the menu, each in the order in which it was registered."""
    groups = dict.fromkeys(page.group for page in PAGES.values())
    return {group: [known[name] for name, page in PAGES.items() if page.group == group] for group in groups}


def link(name: str, label: str) -> None:
    """Draw a link to the page `name`."""
    st.page_link(pages()[name], label=label, icon=f":material/{PAGES[name].icon}:")
