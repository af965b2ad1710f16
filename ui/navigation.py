"""The pages, in order; links between them."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

_FOLDER = Path(__file__).resolve().parent.parent / "pages"
_PAGES = {
    "overview": ("Overview", ":material/dashboard:"),
    "map": ("Map", ":material/scatter_plot:"),
    "gallery": ("Gallery", ":material/grid_view:"),
    "relabel": ("Relabel", ":material/rule:"),
    "triggers": ("Triggers", ":material/fingerprint:"),
    "agreement": ("Agreement", ":material/compare_arrows:"),
    "prove": ("Prove", ":material/science:"),
    "export": ("Export", ":material/output:"),
}


def pages() -> dict[str, st.Page]:
    """Every page by name; made anew in each run, as Streamlit wants it."""
    return {
        name: st.Page(_FOLDER / f"{name}.py", title=title, icon=icon, url_path=name, default=name == "overview")
        for name, (title, icon) in _PAGES.items()
    }


def title_of(name: str) -> str:
    """A page's title."""
    return _PAGES[name][0]


def link(name: str, label: str) -> None:
    """Draw a link to the page `name`."""
    st.page_link(pages()[name], label=label, icon=_PAGES[name][1])
