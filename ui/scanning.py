"""How a scan stands, drawn; starting and cancelling it."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

import streamlit as st

from core.embedders import EMBEDDERS, embedders_where
from core.errors import UserError
from core.scans import AUTO, AUTO_RULE, ScanOptions
from core.workspace import STAGE_WORDS, STAGES, State
from ui.app.services import services
from ui.charts.charts import learning_curve
from ui.state import choose
from ui.words import duration, plain, short_name


def follow(identity: str) -> None:
    """Draw the scan of `identity` while it runs, or how it ended if not well; redraws itself every second."""
    state = services().scan_state(identity)
    if state is None or state.state == "done":
        return
    if state.state != "running":
        _ended(identity, state)
        return
    st.session_state["followed"] = identity
    _running(identity)


def at_work() -> None:
    """In the sidebar of every page: which scan is at work and how far it is; nothing where none is."""
    identity = st.session_state.get("followed") or services().first_source_identity()
    state = services().scan_state(str(identity))
    if state is not None and state.state == "running":
        _briefly(str(identity))


@st.fragment(run_every=1.0)
def _briefly(identity: str) -> None:
    state = services().scan_state(identity)
    if state is None or state.state != "running":
        # what the page shows has changed as well
        st.rerun()
    st.progress(_share(state), text=f"{plain(short_name(identity))}: {STAGE_WORDS.get(state.stage, plain(state.stage))}")


def _share(state: State) -> float:
    """How much of a running scan is behind it, 0…1, by its steps."""
    steps = _steps(state)
    if state.stage not in steps:
        # a scan of another version may be at work in this workspace
        return 0.0
    return (steps.index(state.stage) + (state.done / state.total if state.total else 0.0)) / len(steps)


def _steps(state: State) -> list[str]:
    """Learning from the set is a step of few scans."""
    return [stage for stage in STAGES if stage != "train" or state.stage == "train"]


@st.fragment(run_every=1.0)
def _running(identity: str) -> None:
    state = services().scan_state(identity)
    stages = st.session_state.setdefault("stages_seen", {})
    if state is None or state.state != "running":
        st.rerun()
    if stages.get(identity) not in (None, state.stage):
        # another stage is finished: the rest of the page has something new to show
        stages[identity] = state.stage
        _show_newest(identity)
        st.rerun()
    stages[identity] = state.stage
    left, right = st.columns([5, 1], vertical_alignment="bottom")
    steps = _steps(state)
    number = steps.index(state.stage) + 1 if state.stage in steps else 1
    words = f"Step {number} of {len(steps)}, {STAGE_WORDS.get(state.stage, plain(state.stage))}"
    if state.message:
        words += f": {state.message}"
    elif state.total:
        words += f": {state.done:,} of {state.total:,}"
    words += f", {state.rate:,.0f} per second" if state.rate and not state.message else ""
    words += f", {duration(state.left)} left in this step" if state.left is not None else ""
    left.progress(_share(state), text=words)
    if state.stage == "train":
        _curve(identity)
    if right.button("Cancel", key="cancel_scan", width="stretch", help="What is finished is kept; a new scan goes on from there."):
        services().cancel_scan(identity)


def _curve(identity: str) -> None:
    key = services().newest_key(identity)
    told = services().learning(key) if key else {}
    figure = learning_curve(told)
    if figure is not None:
        st.plotly_chart(figure, key="learning_curve", width="stretch", config={"displayModeBar": False})
        for note in told.get("notes", []):
            st.info(plain(str(note), 300))
        st.caption(
            "How many images have neighbours that agree with their given label. The labels are only looked at to draw this line; nothing is learned from them."
        )


def _show_newest(identity: str) -> None:
    key = services().newest_key(identity)
    if key and services().inspection(key) is not None:
        choose(key)


def _ended(identity: str, state: State) -> None:
    name = plain(short_name(identity))
    if state.state == "failed":
        st.error(f"The scan of {name} stopped: {plain(state.message, 400)}")
    elif state.state == "cancelled":
        st.warning(f"The scan of {name} was cancelled. What was finished is kept.")
    else:
        st.warning(f"The scan of {name} was interrupted. What was finished is kept.")
    if st.button("Try again" if state.state == "failed" else "Go on with the scan", key="resume_scan"):
        start(identity, services().scan_options(identity))


def open_source_form() -> None:
    """Path, embedder and a button; recent sources are in the sidebar."""
    with st.form("open_source", border=False):
        path = st.text_input(
            "Folder or file on this machine",
            placeholder="/data/my_images  –  class folders, .parquet, .csv, .jsonl, .tar, .npz, CIFAR",
            key="open_path",
        )
        left, right = st.columns([3, 1], vertical_alignment="bottom")
        known = embedders_where(lambda entry: not entry.needs_file)
        says = {AUTO: AUTO_RULE, **{name: EMBEDDERS[name].summary for name in known}}
        embedder: str = left.selectbox("Embedder", list(says), format_func=lambda n: f"{n}: {says[n]}", key="open_embedder")  # type: ignore[assignment]
        if right.form_submit_button("Scan", type="primary", width="stretch"):
            start(pasted_path(path), ScanOptions(embedder=embedder))


def pasted_path(given: str) -> str:
    """A path as people paste it: without the quotes of a shell or the file:// of a file manager."""
    path = given.strip()
    if len(path) >= 2 and path[0] == path[-1] and path[0] in "'\"":
        path = path[1:-1].strip()
    if path.lower().startswith("file://"):
        # file://host/path names no file of this machine, and is refused as any wrong path is
        path = unquote(urlsplit(path).path) if urlsplit(path).netloc in ("", "localhost") else path
    return path


def start(spec: str, options: ScanOptions) -> None:
    """Start a scan and look at it; a wrong path or option is said in one line."""
    if not spec:
        st.error("No path was given – the path of a folder or file on this machine – or: demo")
        return
    try:
        services().start_scan(spec, options)
        from core.sources import source_identity

        st.session_state["followed"] = source_identity(spec)
    except UserError as error:
        st.error(plain(str(error), 400))
        return
    st.rerun()
