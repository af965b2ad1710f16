"""The report's two charts, in colours that colour-blind readers can tell apart.

Names come from a set that may be poisoned; plotly reads hover texts as HTML, so they are escaped here.
"""

from __future__ import annotations

import math
from html import escape

import numpy as np
import plotly.graph_objects as go

from ..types import VERDICTS, Inspection, Int64

MAP_POINTS = 10_000
BINS = 50
# Okabe and Ito's colours, which colour-blind readers can tell apart; each verdict has a shape of its own as well
MARKS = {
    "clean": ("#8a8a8a", "circle"),
    "label_noise": ("#E69F00", "diamond"),
    "dirty_label_poison": ("#D55E00", "x"),
    "clean_label_poison": ("#CC79A7", "triangle-up"),
    "outlier": ("#0072B2", "square"),
    "near_duplicate": ("#009E73", "cross"),
}


def histogram(inspection: Inspection) -> go.Figure | None:
    """How many images have which suspicion, and the threshold; None before the set is scored."""
    if inspection.suspicion is None:
        return None
    edges = np.linspace(0, 1, BINS + 1)
    middles, figure, highest = (edges[:-1] + edges[1:]) / 2, go.Figure(), 1
    known = np.isfinite(inspection.suspicion)
    for name, colour, rows in (
        ("below the threshold", MARKS["clean"][0], known & ~inspection.is_suspicious),
        ("suspicious", MARKS["dirty_label_poison"][0], known & inspection.is_suspicious),
    ):
        counts = np.histogram(inspection.suspicion[rows], edges)[0]
        highest = max(highest, int(counts.max()))
        figure.add_bar(x=middles.tolist(), y=counts.tolist(), name=name, marker_color=colour, width=1 / BINS)
    figure.update_layout(template="none", barmode="overlay", xaxis_title="suspicion", bargap=0)
    # a logarithm, because the few suspects would vanish beside the many clean images
    figure.update_layout(xaxis_range=[0, 1], yaxis_type="log", yaxis_title="images (logarithmic)", yaxis_dtick=1)
    # from a half, or a bar of one image would have no height
    figure.update_layout(yaxis_range=[math.log10(0.5), math.log10(highest) + 0.1])
    if np.isfinite(inspection.threshold):
        figure.add_vline(x=float(inspection.threshold), line_dash="dash", line_color=MARKS["outlier"][0])
    return figure


def map_of(inspection: Inspection) -> go.Figure | None:
    """The images of `map_rows` by verdict, where they lie on the map; None where there is no map."""
    if inspection.xy is None:
        return None
    dataset, rows, figure = inspection.dataset, map_rows(inspection), go.Figure()
    verdicts = np.zeros(len(dataset), dtype=np.int8) if inspection.verdicts is None else inspection.verdicts
    for number, verdict in enumerate(VERDICTS):
        here = rows[verdicts[rows] == number]
        if not len(here):
            continue
        colour, symbol = MARKS[verdict]
        names = ["no label" if label < 0 else dataset.classes[label] for label in dataset.labels[here]]
        text = [f"{escape(dataset.ids[row])}<br>{escape(name)}" for row, name in zip(here, names, strict=True)]
        figure.add_scatter(
            x=inspection.xy[here, 0].tolist(),
            y=inspection.xy[here, 1].tolist(),
            mode="markers",
            name="images" if inspection.verdicts is None else verdict.replace("_", " "),
            marker={"color": colour, "symbol": symbol, "size": 4 if verdict == "clean" else 7},
            hovertext=text,
            hoverinfo="text",
        )
    figure.update_layout(template="none", yaxis_scaleanchor="x")
    # a projection's axes mean nothing
    figure.update_xaxes(showticklabels=False, showgrid=False, zeroline=False)
    figure.update_yaxes(showticklabels=False, showgrid=False, zeroline=False)
    return figure


def map_rows(inspection: Inspection) -> Int64:
    """The rows to draw, at most MAP_POINTS: suspicious ones by falling suspicion, then others at random; in row order."""
    n = len(inspection.dataset)
    if n <= MAP_POINTS:
        return np.arange(n)
    order = np.random.default_rng(inspection.recipe.seed).permutation(n)
    if inspection.suspicion is not None:
        first = np.where(inspection.is_suspicious, inspection.suspicion, -1)
        order = order[np.argsort(-first[order], kind="stable")]
    return np.sort(order[:MAP_POINTS])
