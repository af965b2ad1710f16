"""The script that Streamlit runs: page set-up, navigation, sidebar. No logic."""

from __future__ import annotations

import sys
from pathlib import Path

import streamlit as st

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from ui.navigation import pages, sections  # noqa: E402
from ui.sidebar import sidebar  # noqa: E402


def draw() -> None:
    """One run: sidebar, then the page that the address names."""
    st.set_page_config(page_title="Taster", page_icon=str(ROOT / "assets" / "logo.svg"), layout="wide")
    st.html(f"<style>{(ROOT / 'assets' / 'page.css').read_text('utf-8')}</style>")
    st.logo(str(ROOT / "assets" / "logo.svg"), size="large")
    known = pages()
    chosen = st.navigation(sections(known))
    asked = st.query_params.get("page")
    if asked in known and chosen is known["overview"] and asked != "overview" and not st.session_state.get("sent_on"):
        # an address such as /?dataset=…&page=gallery&sel=… : remember what it asks for, then go there
        st.session_state["sent_on"] = True
        st.session_state["dataset"] = st.query_params.get("dataset") or st.session_state.get("dataset")
        st.session_state["waiting_view"] = (asked, st.query_params.get("sel", ""))
        st.switch_page(known[asked])
    sidebar()
    chosen.run()


if __name__ == "__main__":
    draw()
