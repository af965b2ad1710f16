"""The detector × detector chart: who orders all images alike, who points at the same few."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from core.evaluation import Agreement, agreement
from core.types import Inspection, top_size
from ui.api.reasons import detector_words
from ui.app.cache import CACHE
from ui.charts.charts import _label_text as chart_text
from ui.charts.quadrant import INK

TOP, ORDER = "Same worst images", "Same order of all images"
# blue – pale – orange: told apart by every kind of colour vision; the middle is the page's own ground
_LOW, _HIGH = (33, 102, 172), (196, 90, 0)
_GROUND = {False: (247, 247, 247), True: (38, 45, 55)}


def agreement_of(inspection: Inspection) -> Agreement:
    """How far the inspection's scores agree, worked out once for as long as it lives."""
    return CACHE.of(inspection, "agreement", lambda: agreement(inspection.scores, top_of(inspection)))


def top_of(inspection: Inspection) -> int:
    """How many images are a detector's worst ones."""
    return top_size(int(inspection.is_suspicious.sum()), len(inspection.dataset))


def reading(inspection: Inspection, kind: str) -> str:
    """One sentence: how to read the chart."""
    if kind == TOP:
        top, chance = top_of(inspection), agreement_of(inspection).chance
        return (
            f"Of the {top:,} images that one detector finds worst, the share that the other finds among its {top:,} worst too: 100 % is the same images, "
            f"about {100 * chance:.0f} % is what two detectors without anything in common would share by chance."
        )
    return "Rank correlation (Spearman) over all images: +1 means that both put all images in the same order, 0 that their orders have nothing in common, −1 that one reverses the other."


def agreement_figure(inspection: Inspection, kind: str, *, dark: bool = False) -> go.Figure:
    """The matrix as squares with their numbers; one's own square and pairs without a value stay empty."""
    found = agreement_of(inspection)
    values = (found.overlap if kind == TOP else found.spearman).copy()
    np.fill_diagonal(values, np.nan)
    names = [chart_text(detector_words(name)) for name in found.names]
    low, ground, high = (_css(c) for c in (_LOW, _GROUND[dark], _HIGH))
    figure = go.Figure(
        go.Heatmap(
            z=values, x=names, y=names, zmin=-1, zmax=1, colorscale=[[0, low], [0.5, ground], [1, high]], xgap=1, ygap=1, showscale=False, hoverongaps=False,
            customdata=[[_said(v, kind) for v in line] for line in values], hovertemplate="%{y} and %{x}: %{customdata}<extra></extra>",
        )
    )  # fmt: skip
    for i, j in np.argwhere(np.isfinite(values)):
        value = float(values[i, j])
        figure.add_annotation(
            x=names[j], y=names[i], text=_said(value, kind), showarrow=False, font={"size": 12, "color": _ink(value, dark)}
        )
    plain = {"showgrid": False, "zeroline": False, "ticks": "", "tickfont": {"color": INK["dark" if dark else "light"][1]}}
    figure.update_yaxes(**plain, autorange="reversed")
    figure.update_xaxes(**plain, side="top", tickangle=-35 if len(names) > 5 else 0)
    figure.update_layout(height=150 + 34 * len(names), margin={"l": 10, "r": 10, "t": 10, "b": 10})
    return figure


def _said(value: float, kind: str) -> str:
    if not np.isfinite(value):
        return ""
    # minus sign as people write it
    return (
        f"{int(100 * value + 1e-6)} %"
        if kind == TOP
        else f"{value:+.2f}".replace("-", "−").replace("+0.00", "0.00").replace("−0.00", "0.00")
    )


def _mixed(value: float, dark: bool) -> tuple[float, ...]:
    """The square's colour, sRGB 0…255, as Plotly mixes it."""
    ground, end, part = _GROUND[dark], _HIGH if value >= 0 else _LOW, min(abs(value), 1.0)
    return tuple(g + part * (e - g) for g, e in zip(ground, end, strict=True))


def contrast(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    """Contrast of two sRGB colours (0…255), 1…21, by WCAG 2.2."""
    first, second = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (first + 0.05) / (second + 0.05)


def _luminance(colour: tuple[float, ...]) -> float:
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (part / 255 for part in colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _ink(value: float, dark: bool) -> str:
    square = _mixed(value, dark)
    return "#000000" if contrast(square, (0, 0, 0)) >= contrast(square, (255, 255, 255)) else "#ffffff"


def _css(colour: tuple[int, ...]) -> str:
    return f"rgb({','.join(map(str, colour))})"
