"""The quadrant: each image by "content contradicts the label" (x) and "an artifact explains the label" (y).

Chances pile up at 0 and 1, where a linear axis would hide thousands of images behind one point. The axes are
therefore stretched towards both ends (log-odds), with a band beyond for all that is surer than 0.1 % or 99.9 %, in
which images are spread at random. Rows are found in these *display* coordinates, all rows, drawn or not.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from core.types import UNLABELLED, VERDICTS, Inspection, class_title
from ui.api.points import rows_in_polygon
from ui.app.cache import CACHE
from ui.charts.charts import _label_text as chart_text
from ui.words import VERDICT_WORDS

BUDGET = 6_000
MOST_CORNERS = 400
HEIGHT = 520
# corner number = contradicted + 2 × explained
CORNERS = ("clean", "label mistake", "poison, right label", "poison, wrong label")
CORNER_HELP = (
    "content fits the label, nothing else explains it",
    "content contradicts the label, nothing else explains it",
    "content fits the label, an artifact explains it too",
    "content contradicts the label, an artifact explains it",
)
# of the verdicts, here and on the map: 3:1 or more on their background
COLOURS = {
    "light": ("#7d8a97", "#b87400", "#cc3311", "#9b3fa5", "#0d8a8a", "#7a5230"),
    "dark": ("#8390a0", "#eab54d", "#ff6a4d", "#d78be0", "#4cc9c9", "#c9a27e"),
}
# a second sign beside the colour, for eyes that see few colours
SYMBOLS = ("circle", "square", "x", "diamond", "triangle-up", "cross")
_SUREST = 0.001
_BAND = 0.45
_NUDGE = 0.008
_EDGE = 1 + _BAND + 0.03
# room above and below the points for the corners' names
_STRIP = 0.2
# the pages' own ink (.streamlit/config.toml), and a softer one that still has 4.5:1; Plotly's greys have less
INK = {"light": ("#1c2430", "#55606e"), "dark": ("#e8edf3", "#a9b4c0")}
_TICKS = (0.001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999)
Float64 = NDArray[np.float64]
Rows = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Quadrant:
    """Where the images lie.

    places: float64 (n, 2), display coordinates.  corner: int8 (n,), index into CORNERS.  counts: images per corner.
    drawn: rows that are points on the chart.  left_out: per corner, images without a point.
    """

    places: Float64
    corner: NDArray[np.int8]
    counts: tuple[int, ...]
    drawn: Rows
    left_out: tuple[int, ...]


def quadrant_of(inspection: Inspection) -> Quadrant:
    """The quadrant of `inspection`, made once for as long as it lives; raises ValueError before the axes are known."""
    return CACHE.of(inspection, "quadrant", lambda: _placed(inspection))


def _placed(inspection: Inspection) -> Quadrant:
    if inspection.content is None or inspection.artifact is None:
        raise ValueError("the inspection has no axes yet")
    content, artifact = np.asarray(inspection.content), np.asarray(inspection.artifact)
    corner = ((content >= 0.5) + 2 * (artifact >= 0.5)).astype(np.int8)
    rng = np.random.default_rng(inspection.recipe.seed)
    places = np.column_stack([display(content, rng), display(artifact, rng)])
    drawn = drawn_rows(corner, inspection.is_suspicious, rng)
    counts = np.bincount(corner, minlength=4)
    left_out = counts - np.bincount(corner[drawn], minlength=4)
    return Quadrant(places, corner, tuple(counts.tolist()), drawn, tuple(left_out.tolist()))


def display(chance: NDArray[Any], rng: np.random.Generator) -> Float64:
    """Chances (n,) in 0…1 as places on a stretched axis: −1 is 0.1 %, 0 is 50 %, 1 is 99.9 %, the bands lie beyond.

    Rows inside are nudged a little, so that equal values do not hide each other, and never across the middle.
    """
    p = np.nan_to_num(np.asarray(chance, dtype=np.float64), nan=0.0).clip(0, 1)
    place = _stretch(p)
    spread = rng.random(len(p))
    side = np.where(p >= 0.5, 1.0, -1.0)
    nudged = place + _NUDGE * (2 * spread - 1)
    nudged = np.where(side > 0, nudged.clip(1e-9, 1), nudged.clip(-1, -1e-9))
    in_band = (p <= _SUREST) | (p >= 1 - _SUREST)
    return np.where(in_band, side * (1 + 0.04 + (_BAND - 0.04) * spread), nudged)


def _stretch(chance: Float64) -> Float64:
    inner = chance.clip(_SUREST, 1 - _SUREST)
    return np.asarray(np.log(inner / (1 - inner)) / np.log((1 - _SUREST) / _SUREST))


def drawn_rows(corner: NDArray[np.int8], suspicious: NDArray[np.bool_], rng: np.random.Generator, budget: int = BUDGET) -> Rows:
    """Rows to draw, rising, at most `budget`: all that are suspicious or off the clean corner, then some clean ones.

    Where the interesting ones alone are too many, no corner gives up a row before the fuller ones do.
    """
    calm = (corner == 0) & ~suspicious
    groups = [np.flatnonzero((corner == c) & ~calm) for c in range(4)]
    chosen: list[Rows] = []
    rest = np.flatnonzero(calm)
    # a sixth stays for clean images, without which the others have no ground to stand out from
    room = budget - min(len(rest), budget // 6)
    for done, group in enumerate(sorted(groups, key=len)):
        share = room // (4 - done)
        taken = group if len(group) <= share else rng.choice(group, share, replace=False)
        chosen.append(taken)
        room -= len(taken)
    room += min(len(rest), budget // 6)
    chosen.append(rest if len(rest) <= room else rng.choice(rest, room, replace=False))
    return np.sort(np.concatenate(chosen)).astype(np.int64)


# ---- regions: what a hand draws, kept in the address ---------------------------------------------


def region_of(selection: Any) -> str:
    """The first box or lasso of Plotly's selection as text for the address; "" where there is none."""
    for drawn in [*selection.get("box", ()), *selection.get("lasso", ())]:
        x, y = list(drawn["x"]), list(drawn["y"])
        if len(x) == 2:
            x, y = [x[0], x[1], x[1], x[0]], [y[0], y[0], y[1], y[1]]
        return encode(list(zip(x, y, strict=True)))
    return ""


def corner_region(corner: int) -> str:
    """The whole of one corner as a region."""
    x = (0.0, _EDGE) if corner & 1 else (-_EDGE, 0.0)
    y = (0.0, _EDGE) if corner & 2 else (-_EDGE, 0.0)
    return encode([(x[0], y[0]), (x[1], y[0]), (x[1], y[1]), (x[0], y[1])])


def encode(polygon: Sequence[tuple[float, float]]) -> str:
    """A polygon in display coordinates as short text; thinned to 400 corners, clipped to the chart."""
    points = np.asarray(polygon, dtype=np.float64).reshape(-1, 2)
    if len(points) > MOST_CORNERS:
        points = points[np.linspace(0, len(points) - 1, MOST_CORNERS).astype(int)]
    # an even number of steps, so that the middle of the chart falls on one
    steps = np.rint((points.clip(-_EDGE, _EDGE) / _EDGE + 1) * 32767).astype("<u2")
    return base64.urlsafe_b64encode(steps.tobytes()).decode().rstrip("=")


def decode(text: str) -> Float64:
    """float64 (m, 2) polygon in display coordinates; (0, 2) for text that is none."""
    try:
        steps = np.frombuffer(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), dtype="<u2").reshape(-1, 2)
    except (ValueError, binascii.Error):
        return np.empty((0, 2))
    fits = 3 <= len(steps) <= MOST_CORNERS
    return (steps.astype(np.float64) / 32767 - 1) * _EDGE if fits else np.empty((0, 2))


def rows_in_region(quadrant: Quadrant, region: str) -> Rows:
    """All rows, drawn or not, inside the region that `encode` wrote; int64, rising."""
    return rows_in_polygon(quadrant.places, decode(region).tolist())


# ---- the chart -----------------------------------------------------------------------------------


def quadrant_figure(
    inspection: Inspection, *, region: str = "", focus: int | None = None, dark: bool = False, hand: str = "select"
) -> go.Figure:
    """Points by verdict, the four corners named and counted; `region` and the image `focus` are marked.

    hand: what the mouse does, "select" (box), "lasso" or "pan"; Streamlit lets a click choose a point only in "pan".
    """
    quadrant = quadrant_of(inspection)
    assert inspection.verdicts is not None
    figure = go.Figure()
    shade = COLOURS["dark" if dark else "light"]
    inside = np.zeros(len(quadrant.places), dtype=bool)
    inside[rows_in_region(quadrant, region)] = True
    for number, verdict in enumerate(VERDICTS):
        of = quadrant.drawn[inspection.verdicts[quadrant.drawn] == number]
        if len(of):
            # what is outside the region is dimmed, as Plotly does while a hand draws
            chosen = np.flatnonzero(inside[of]).tolist() if region else None
            marker = {
                "size": 5 if number == 0 else 7,
                "color": shade[number],
                "symbol": SYMBOLS[number],
                "opacity": 0.55 if number == 0 else 0.85,
            }
            figure.add_scatter(
                x=quadrant.places[of, 0], y=quadrant.places[of, 1], mode="markers", name=VERDICT_WORDS[verdict], marker=marker,
                customdata=of, selectedpoints=chosen, unselected={"marker": {"opacity": 0.18}},
                hovertext=_hovers(inspection, of), hovertemplate="%{hovertext}<extra></extra>",
            )  # fmt: skip
    strong, soft = INK["dark" if dark else "light"]
    _corners(figure, quadrant, strong, soft)
    _marks(figure, quadrant, region, focus, strong)
    _axes(figure, hand, strong, soft, dark)
    return figure


def chance_words(p: float) -> str:
    """under 0.1 %, 3 %, 97 %, over 99.9 %; rounded down."""
    if p < _SUREST:
        return "under 0.1 %"
    if p > 1 - _SUREST:
        return "over 99.9 %"
    tenths = np.floor(1000 * p + 1e-4) / 10
    return f"{tenths:.1f} %" if p < 0.01 or p > 0.99 else f"{int(tenths)} %"


def _hovers(inspection: Inspection, rows: Rows) -> list[str]:
    """What the mouse tells about each row. Names are an attacker's: `chart_text` takes the tags out."""
    assert inspection.content is not None and inspection.artifact is not None
    classes, labels = [chart_text(class_title(name)) for name in inspection.dataset.classes], inspection.dataset.labels
    suggested = None if inspection.suggestions is None else inspection.suggestions.labels
    told = []
    for row in rows.tolist():
        given = "none" if labels[row] == UNLABELLED else f"“{classes[labels[row]]}”"
        better = "" if suggested is None or suggested[row] in (UNLABELLED, labels[row]) else f", suggested “{classes[suggested[row]]}”"
        told.append(
            f"{chart_text(inspection.dataset.ids[row])}<br>label {given}{better}"
            f"<br>content contradicts it: {chance_words(float(inspection.content[row]))}"
            f"<br>an artifact explains it: {chance_words(float(inspection.artifact[row]))}"
        )
    return told


def _corners(figure: go.Figure, quadrant: Quadrant, strong: str, soft: str) -> None:
    figure.add_vline(x=0, line_width=1, line_color=soft, layer="below")
    figure.add_hline(y=0, line_width=1, line_color=soft, layer="below")
    for number, name in enumerate(CORNERS):
        right, top = bool(number & 1), bool(number & 2)
        figure.add_annotation(
            x=1 if right else 0, y=(_EDGE + _STRIP / 2) * (1 if top else -1), xref="paper", xanchor="right" if right else "left", showarrow=False,
            text=f"<b>{name}</b>  {quadrant.counts[number]:,}", font={"size": 14, "color": strong},
        )  # fmt: skip


def _marks(figure: go.Figure, quadrant: Quadrant, region: str, focus: int | None, strong: str) -> None:
    corners = decode(region)
    if len(corners):
        path = "M" + "L".join(f"{x:.4f},{y:.4f}" for x, y in corners) + "Z"
        figure.add_shape(type="path", path=path, line={"color": strong, "width": 1.5, "dash": "dot"}, fillcolor="rgba(0,0,0,0)")
    if focus is not None:
        x, y = quadrant.places[focus]
        figure.add_scatter(
            x=[x], y=[y], mode="markers", name="explained below", hoverinfo="skip", customdata=[focus],
            marker={"symbol": "circle-open", "size": 16, "color": strong, "line": {"width": 2}},
        )  # fmt: skip


def _axes(figure: go.Figure, hand: str, strong: str, soft: str, dark: bool) -> None:
    at = _stretch(np.array(_TICKS)).tolist()
    axis = {
        "tickvals": at,
        "ticktext": [f"{100 * t:g} %" for t in _TICKS],
        "zeroline": False,
        "showgrid": False,
        "tickfont": {"color": soft},
    }
    figure.update_xaxes(
        **axis,
        range=[-_EDGE, _EDGE],
        title={"text": "chance that the content contradicts the label", "font": {"color": soft}, "standoff": 6},
    )
    figure.update_yaxes(
        **axis,
        range=[-_EDGE - _STRIP, _EDGE + _STRIP],
        title={"text": "chance that an artifact explains the label", "font": {"color": soft}},
    )
    figure.update_layout(
        height=HEIGHT, margin={"l": 10, "r": 10, "t": 26, "b": 10}, dragmode=hand, hovermode="closest",
        legend={"orientation": "h", "yanchor": "top", "y": -0.13, "x": 0, "font": {"color": soft}}, hoverlabel={"align": "left", "bgcolor": "#1c222b" if dark else "#ffffff", "font": {"color": strong}},
    )  # fmt: skip
