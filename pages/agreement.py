"""Agreement: every image in the quadrant, what the detectors say about one image, and how far they agree."""

import numpy as np
import pandas as pd
import streamlit as st
from PIL import Image

from core.errors import UnreadableImage
from core.types import UNLABELLED, VERDICTS, Inspection, Int64, class_title
from ui.api.reasons import NOT_DESCRIBED, Reason, described, detector_words, reasons
from ui.app.services import services
from ui.charts.agreement_matrix import ORDER, TOP, agreement_figure, reading, top_of
from ui.charts.quadrant import (
    CORNER_HELP,
    CORNERS,
    Quadrant,
    corner_region,
    decode,
    quadrant_figure,
    quadrant_of,
    region_of,
    rows_in_region,
)
from ui.navigation import link
from ui.page import show, wait_until
from ui.state import asked_view, remember_view, writer
from ui.widgets.components import grid
from ui.widgets.inspector import open_inspector
from ui.words import VERDICT_WORDS, plain

PAGE_TILES = 40
MOST_CHOICES = 500
SIDE = 160
CHART = {"displaylogo": False, "modeBarButtonsToRemove": ["toImage", "autoScale2d"]}


def _dark() -> bool:
    return st.context.theme.type == "dark"


# ---- what is looked at: a region of the quadrant and one image -----------------------------------


def _view(inspection: Inspection) -> dict[str, str]:
    """{"region": text of a polygon, "id": image id}; kept over a change of page, or set by the address."""
    view: dict[str, str] = st.session_state.setdefault(f"agreement:{inspection.key}", {"region": "", "id": ""})
    asked = asked_view("agreement")
    if asked in inspection.dataset.ids:
        view.update(region="", id=asked)
    elif "~" in asked:
        region, _, name = asked.partition("~")
        view.update(region=region if len(decode(region)) else "", id=name if name in inspection.dataset.ids else "")
    return view


def _remember(view: dict[str, str]) -> None:
    remember_view("agreement", f"{view['region']}~{view['id']}" if view["region"] else view["id"])


def _focus(inspection: Inspection, view: dict[str, str], rows: Int64) -> int | None:
    """Row of the image whose reasons are shown: the chosen one, else the most suspicious of those in view."""
    if len(inspection.dataset) == 0:
        return None
    if view["id"]:
        return inspection.dataset.ids.index(view["id"])
    return int(rows[0]) if len(rows) else int(_worst_first(inspection, np.arange(len(inspection.dataset)))[0])


# ---- the quadrant --------------------------------------------------------------------------------


INTRO = (
    "Each point is an image. **To the right**, its content contradicts its label: its look-alikes are called something else. **Upwards**, something that is no content, "
    "such as a stamped pattern, explains its label. Draw a box or a lasso to see those images, click a point to see why, or show a whole corner:"
)
# what the mouse does -> Plotly's name for it
HANDS = {"Box": "select", "Lasso": "lasso", "Click": "pan"}


def _scale(quadrant: Quadrant) -> None:
    """How to read the places of the points, and that not all have one."""
    said = "The scale is stretched towards both ends; images surer than 0.1 % or 99.9 % are spread at random over the margins, so that they do not hide each other."
    if not any(quadrant.counts[1:]):
        said = (
            "Every image lies in the clean corner: no detector found anything. That is no proof; what each of them cannot see stands at the end of this page. "
            + said
        )
    left_out = sum(quadrant.left_out)
    if left_out:
        said += f" {left_out:,} images have no point, to keep the chart quick ({quadrant.left_out[0]:,} of them in the clean corner, chosen by lot); the numbers and what you draw around count them all."
    st.caption(said)


def _tools(quadrant: Quadrant, view: dict[str, str]) -> str:
    """What the mouse shall do, and a button a corner (which the keyboard reaches too)."""

    def choose(region: str) -> None:
        view.update(region=region, id="")

    with st.container(horizontal=True):
        hand = st.segmented_control("Mouse", list(HANDS), default="Box", required=True, key="agreement_hand", label_visibility="collapsed")
        for corner in (3, 2, 1, 0):
            st.button(
                f"{CORNERS[corner]} ({quadrant.counts[corner]:,})", key=f"corner_{corner}", help=CORNER_HELP[corner].capitalize() + ".",
                on_click=choose, args=(corner_region(corner),), disabled=not quadrant.counts[corner],
            )  # fmt: skip
    return HANDS.get(str(hand), "select")


@st.fragment
def _quadrant(inspection: Inspection) -> None:
    view, quadrant = _view(inspection), quadrant_of(inspection)
    rows = _in_region(inspection, quadrant, view["region"])
    focus = _focus(inspection, view, rows)
    st.markdown(INTRO)
    hand = _tools(quadrant, view)
    # a key for each picture, so that an event always belongs to the picture that it was drawn on
    widget = f"quadrant-{inspection.key}-{hand}-{focus}-{view['region']}-{_dark()}"

    def drawn() -> None:
        # the chart is drawn anew with the region in it, so Plotly never holds (and re-sends) the points inside
        selection = st.session_state[widget].selection
        region = region_of(selection)
        if region:
            view.update(region=region, id="")
        elif selection.points:
            picked = selection.points[0]["customdata"]
            view["id"] = inspection.dataset.ids[int(picked[0] if isinstance(picked, (list, tuple)) else picked)]

    figure = quadrant_figure(inspection, region=view["region"], focus=focus, dark=_dark(), hand=hand)
    st.plotly_chart(figure, key=widget, on_select=drawn, selection_mode=("points", "box", "lasso"), config=CHART)
    _scale(quadrant)
    _remember(view)
    if view["region"]:
        _selected(inspection, view, rows)
    _why(inspection, view, rows, focus)


def _in_region(inspection: Inspection, quadrant: Quadrant, region: str) -> Int64:
    """All rows of the region, most suspicious first."""
    return _worst_first(inspection, rows_in_region(quadrant, region) if region else np.empty(0, dtype=np.int64))


def _worst_first(inspection: Inspection, rows: Int64) -> Int64:
    return inspection.ranked(rows)


def _selected(inspection: Inspection, view: dict[str, str], rows: Int64) -> None:
    def clear() -> None:
        view.update(region="", id="")

    def inspected() -> None:
        asked = st.session_state["agreement_grid"].inspect
        if asked:
            view["id"] = inspection.dataset.ids[int(asked["row"])]

    suspicious = int(inspection.is_suspicious[rows].sum())
    st.button("Clear selection", key="agreement_clear", on_click=clear)
    grid(
        inspection,
        rows,
        key="agreement_grid",
        writer=writer(),
        page_size=PAGE_TILES,
        threshold_at=suspicious if 0 < suspicious < len(rows) else None,
        heading=f"{len(rows):,} images selected, {suspicious:,} of them suspicious; most suspicious first.",
        empty="No image lies there.",
        on_inspect=inspected,
    )


# ---- one image -----------------------------------------------------------------------------------


def _why(inspection: Inspection, view: dict[str, str], rows: Int64, focus: int | None) -> None:
    if focus is None:
        return
    st.subheader("What each detector says about one image")

    def chosen() -> None:
        view["id"] = st.session_state["agreement_image"]

    offered = rows if len(rows) else _worst_first(inspection, np.arange(len(inspection.dataset)))
    ids = [inspection.dataset.ids[row] for row in offered[:MOST_CHOICES]]
    name = inspection.dataset.ids[focus]
    ids = ids if name in ids else [name, *ids]
    # set beforehand: the image may have been chosen on the chart or by the address
    st.session_state["agreement_image"] = name
    choice, picture, facts = st.columns([2, 1, 3], gap="medium")
    choice.selectbox(
        "Image",
        ids,
        key="agreement_image",
        on_change=chosen,
        help="Click a point, use the magnifier in the gallery, or choose here; the most suspicious come first.",
    )
    with picture:
        _picture(inspection, focus)
        if st.button("Look closely", key="agreement_inspect", help="Its detail, spectrum, halftone, neighbours and all its scores"):
            open_inspector(inspection, focus)
    facts.markdown(_facts(inspection, focus))
    st.table(pd.DataFrame([_line(reason) for reason in reasons(inspection, focus)]), border="horizontal", hide_index=True)
    st.caption(
        f"High: among the detector's {top_of(inspection):,} highest values (as many as there are suspicious images, but no fewer than 20). It says where the image stands among the others; it is no verdict."
    )


def _line(reason: Reason) -> dict[str, str]:
    return {
        "detector": plain(reason.detector),
        "what it asks": plain(reason.asks, 300),
        "what it says here": plain(reason.says, 400),
        "higher than": "–" if reason.percentile is None else f"{reason.percentile} % of images",
        "level": "–" if reason.high is None else "**high**" if reason.high else "normal",
        "what it cannot see": plain(reason.blind_to, 300),
    }


def _picture(inspection: Inspection, row: int) -> None:
    """The image enlarged by a whole number, each pixel as it is."""
    try:
        image = inspection.dataset.load(row)
    except UnreadableImage:
        st.caption("The image cannot be read any more.")
        return
    factor = max(1, SIDE // max(image.size))
    st.image(image.resize((image.width * factor, image.height * factor), Image.Resampling.NEAREST), output_format="PNG")


def _facts(inspection: Inspection, row: int) -> str:
    dataset, suggestions = inspection.dataset, inspection.suggestions
    given = dataset.labels[row]
    lines = [f"Label: **{'none' if given == UNLABELLED else plain(class_title(dataset.classes[given]))}**"]
    if suggestions is not None and suggestions.labels[row] not in (UNLABELLED, given):
        lines.append(f"Suggested: **{plain(class_title(dataset.classes[suggestions.labels[row]]))}**")
    if inspection.verdicts is not None:
        lines.append(f"Verdict: **{VERDICT_WORDS[VERDICTS[inspection.verdicts[row]]]}**")
    return "  \n".join(lines)


# ---- the detectors -------------------------------------------------------------------------------


@st.fragment
def _matrix(inspection: Inspection) -> None:
    st.subheader("How far the detectors agree")
    kind = st.segmented_control("Compare", (TOP, ORDER), default=TOP, required=True, key="agreement_kind", label_visibility="collapsed")
    if len(inspection.scores) < 2:
        st.caption("There is only one detector, so there is nothing to compare.")
        return
    st.caption(reading(inspection, kind))
    st.plotly_chart(agreement_figure(inspection, kind, dark=_dark()), key="agreement_matrix", config={"displayModeBar": False})


def _blind(inspection: Inspection) -> None:
    st.subheader("What each detector cannot see")
    st.caption("No detector sees everything, and an image that none of them marks is not proven clean.")
    known = described()
    names = [*inspection.scores, *(name for name in known if name not in inspection.scores)]
    asks = {name: known.get(name, (NOT_DESCRIBED, NOT_DESCRIBED)) for name in names}
    lines = [
        {
            "detector": plain(detector_words(name)),
            "what it asks": plain(asks[name][0], 300),
            "what it cannot see": plain(asks[name][1], 300),
            "in this scan": "yes" if name in inspection.scores else "no",
        }
        for name in names
    ]
    st.table(pd.DataFrame(lines), border="horizontal", hide_index=True)


# ---- the page ------------------------------------------------------------------------------------


def _no_axes() -> None:
    """What to do while the two axes are not known."""
    state = services().scan_state(st.session_state.get("followed") or services().first_source_identity())
    if state is not None and state.state == "running":
        st.info("The scan is still at work; the quadrant opens by itself when the search for triggers is done.")
        wait_until(_placed)
    else:
        st.info(
            "This scan was made before Taster looked for triggers, or was stopped before that. Scan the set again on the Overview page to see the quadrant."
        )
        link("overview", "Go to Overview")


def _placed(inspection: Inspection) -> bool:
    return inspection.content is not None and inspection.artifact is not None


def _draw(inspection: Inspection) -> None:
    if _placed(inspection):
        _quadrant(inspection)
    else:
        _no_axes()
    _matrix(inspection)
    _blind(inspection)


show("agreement", _draw)
