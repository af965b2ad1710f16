"""Plotly charts of two or more pages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import plotly.graph_objects as go

from core.types import UNLABELLED, VERDICTS, Inspection, Int64, class_title
from ui.words import VERDICT_WORDS

BINS = 40
CALM, LOUD = "#8aa4bf", "#d1495b"
# Plotly's own black does not show in the dark theme
LINE = "#7d8894"
FALLBACK_POINTS = 10_000


def suspicion_histogram(inspection: Inspection) -> go.Figure:
    """How many images have which suspicion; the threshold as a line. Counts on a logarithmic axis."""
    assert inspection.suspicion is not None
    counts, edges = np.histogram(inspection.suspicion, bins=BINS, range=(0.0, 1.0))
    centres = (edges[:-1] + edges[1:]) / 2
    colours = np.where(edges[:-1] >= inspection.threshold - 1e-9, LOUD, CALM)
    figure = go.Figure(
        go.Bar(x=centres, y=counts, marker_color=colours.tolist(), hovertemplate="suspicion %{x:.2f}<br>%{y:,} images<extra></extra>")
    )
    figure.add_vline(
        x=inspection.threshold, line_dash="dash", line_width=1, line_color=LINE, annotation_text="threshold", annotation_position="top"
    )
    figure.update_yaxes(type="log", title="images", dtick=1)
    figure.update_xaxes(title="suspicion", range=[0, 1])
    return _calm(figure, 300)


def learning_curve(found: Mapping[str, Any]) -> go.Figure | None:
    """How the neighbours' agreement with the given labels grows while an embedder learns; None before two points are known.

    found: what core/scans/learning.py writes.
    """
    points = [point for point in found.get("curve", []) if point.get("agreement") is not None]
    if len(points) < 2:
        return None
    figure = go.Figure(
        go.Scatter(
            x=[point["epoch"] for point in points],
            y=[100 * point["agreement"] for point in points],
            mode="lines+markers",
            line={"color": CALM},
            hovertemplate="epoch %{x:.1f}<br>%{y:.1f} %<extra></extra>",
        )
    )
    figure.update_xaxes(title="epoch")
    figure.update_yaxes(title="neighbours agree, %")
    return _calm(figure, 220)


def suspicious_by_class(inspection: Inspection, most: int = 20) -> go.Figure:
    """Suspicious images by given label, worst first; names are shown as text."""
    counts = class_counts(inspection)
    order = np.argsort(-counts["suspicious"], kind="stable")[:most][::-1]
    names = [_label_text(class_title(inspection.dataset.classes[i])) for i in order]
    figure = go.Figure(
        go.Bar(
            x=counts["suspicious"][order],
            y=[f"{name} " for name in names],
            orientation="h",
            marker_color=LOUD,
            customdata=counts["images"][order],
            hovertemplate="%{y}: %{x:,} of %{customdata:,} images<extra></extra>",
        )
    )
    figure.update_xaxes(title="suspicious images", rangemode="tozero")
    figure.update_yaxes(type="category")
    return _calm(figure, max(300, 24 * len(order) + 80))


def class_counts(inspection: Inspection) -> dict[str, Any]:
    """Images and suspicious images per class, int64 (C,)."""
    labels, classes = inspection.dataset.labels, len(inspection.dataset.classes)
    labelled = labels != UNLABELLED
    return {
        "images": np.bincount(labels[labelled], minlength=classes),
        "suspicious": np.bincount(labels[labelled & inspection.is_suspicious], minlength=classes),
    }


def confused_pairs(inspection: Inspection) -> list[tuple[int, int, int]]:
    """(given class, class that the content suggests, suspicious images) where the two differ, the commonest pair first."""
    if inspection.suggestions is None:
        return []
    given, suggested = inspection.dataset.labels, inspection.suggestions.labels
    at = inspection.is_suspicious & (given != UNLABELLED) & (suggested != UNLABELLED) & (given != suggested)
    pairs, counts = np.unique(np.stack([given[at], suggested[at]]), axis=1, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    return [(int(a), int(b), int(n)) for a, b, n in zip(*pairs[:, order], counts[order], strict=True)]


def contents_of_rows(inspection: Inspection, rows: Int64) -> list[tuple[int, int]]:
    """(class that the content of `rows` suggests, how many of them), the most frequent first."""
    if inspection.suggestions is None:
        return []
    suggested = inspection.suggestions.labels[rows]
    classes, counts = np.unique(suggested[suggested != UNLABELLED], return_counts=True)
    order = np.argsort(-counts, kind="stable")
    return list(zip(classes[order].tolist(), counts[order].tolist(), strict=True))


def contents_chart(inspection: Inspection, rows: Int64, most: int = 12) -> go.Figure:
    """What the content of `rows` looks like, as bars; names are shown as text."""
    found = contents_of_rows(inspection, rows)[:most][::-1]
    names = [_label_text(class_title(inspection.dataset.classes[label])) for label, _ in found]
    figure = go.Figure(
        go.Bar(
            x=[count for _, count in found],
            y=[f"{name} " for name in names],
            orientation="h",
            marker_color=CALM,
            hovertemplate="%{y}: %{x:,} images<extra></extra>",
        )
    )
    figure.update_xaxes(title="images", rangemode="tozero")
    figure.update_yaxes(type="category")
    return _calm(figure, max(160, 24 * len(found) + 80))


def fallback_map(inspection: Inspection) -> go.Figure:
    """The map without WebGL2: at most 10,000 evenly spaced points, coloured by verdict; box and lasso select."""
    assert inspection.xy is not None and inspection.verdicts is not None
    n = len(inspection.xy)
    rows = np.unique(np.linspace(0, n - 1, min(n, FALLBACK_POINTS)).astype(np.int64))
    figure = go.Figure()
    for number, verdict in enumerate(VERDICTS):
        of = rows[inspection.verdicts[rows] == number]
        if len(of):
            points = inspection.xy[of]
            figure.add_scatter(
                x=points[:, 0],
                y=points[:, 1],
                mode="markers",
                name=VERDICT_WORDS[verdict],
                customdata=of,
                marker={"size": 5},
                hovertemplate="image %{customdata}<extra></extra>",
            )
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False, scaleanchor="x")
    figure.update_layout(dragmode="lasso")
    return _calm(figure, 560)


def _label_text(name: str) -> str:
    """A class name without the few tags that Plotly would obey, and not longer than an axis bears."""
    shown = "".join(c if c.isprintable() else "�" for c in name).replace("<", "‹").replace(">", "›").replace("&", "＆")
    return shown if len(shown) <= 28 else shown[:27] + "…"


def _calm(figure: go.Figure, height: int) -> go.Figure:
    figure.update_layout(height=height, margin={"l": 10, "r": 10, "t": 24, "b": 10}, bargap=0.08, showlegend=len(figure.data) > 1)
    return figure
