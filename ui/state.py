"""What one browser session looks at: the data set, and the address that opens the same view again."""

from __future__ import annotations

import streamlit as st

from core.types import Inspection
from ui.app.services import services
from ui.widgets.components import Writer


def current_key() -> str | None:
    """Key of the scan in view: from the address, else from this session, else of the first source; see `looked_at`."""
    asked = st.query_params.get("dataset")
    if asked and asked != st.session_state.get("dataset"):
        if services().inspection(asked) is not None:
            st.session_state["dataset"] = asked
        else:
            st.session_state.setdefault("unknown_dataset", asked)
    chosen = st.session_state.get("dataset")
    if chosen:
        # a second scan that failed does not take the first one's results away
        return services().looked_at(str(chosen))
    return services().key_in_view(services().first_source)


def choose(key: str) -> None:
    """Look at another scan from now on."""
    st.session_state["dataset"] = key
    st.query_params.clear()
    st.query_params["dataset"] = key


def current() -> Inspection | None:
    """The inspection in view, or None while there is nothing to see."""
    key = current_key()
    return services().inspection(key) if key else None


def writer() -> Writer:
    """The app's write token and this session's reviewer."""
    return Writer(services().write_token, st.session_state.get("reviewer", ""))


def remember_view(page: str, selection: str = "") -> None:
    """Keep `?dataset=…&page=…&sel=…` in the address bar in step with what is shown."""
    # what a page writes itself is never read back as if an address had asked for it
    st.session_state.setdefault("asked_view", {}).setdefault(page, selection)
    wanted = {"dataset": current_key() or "", "page": page, "sel": selection}
    for name, value in wanted.items():
        if value and st.query_params.get(name) != value:
            st.query_params[name] = value
        elif not value and name in st.query_params:
            del st.query_params[name]


def asked_view(page: str) -> str:
    """`sel` of an address that was opened for `page`, once; "" otherwise."""
    stored: dict[str, str] = st.session_state.setdefault("asked_view", {})
    if st.query_params.get("page") == page and "sel" in st.query_params and page not in stored:
        stored[page] = st.query_params["sel"]
        return stored[page]
    waiting = st.session_state.get("waiting_view")
    if waiting and waiting[0] == page:
        del st.session_state["waiting_view"]
        return str(waiting[1])
    return ""
