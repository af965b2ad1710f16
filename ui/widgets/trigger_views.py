"""The Triggers page in pieces: a finding in plain words, its pictures, a strip of triggered images, the chart of its score."""

from __future__ import annotations

from typing import Any

import numpy as np
import plotly.graph_objects as go
import streamlit as st
from numpy.typing import NDArray

from core.scans import readable
from core.types import SHAPELESS, UNLABELLED, UNSEEN, Finding, Inspection, class_title
from ui.api.finding_pictures import MOST_AVERAGED, averaged_rows, covers_all, middle, outline, picture_url
from ui.api.inspector_views import Place, place_of
from ui.charts.charts import CALM, LINE, LOUD
from ui.widgets.components import nothing
from ui.widgets.group_views import group_facts
from ui.widgets.loader import widget_source
from ui.words import KIND_WORDS, percent, plain

# as many as stand in one line on a small screen
STRIP = 8
# images up to this many pixels a side are shown whole, each pixel as a square
PIXEL_SIDE = 64
MIDDLE: Place = (0.5, 0.5, 0.0, 0.0)
IN_PATTERN, IN_GROUP = "triggered images, from the strongest to the weakest", "images of the group, the surest first"
_BINS = 60
_AMBER = "#d9962b"
# shares of triggered images whose content contradicts their label, beyond which an attack is called by one name
_DIRTY, _CLEAN = 0.7, 0.3

_evidence = st.components.v2.component("taster_evidence", **widget_source("evidence"))


# ---- words; the escaped ones are Markdown


def class_words(inspection: Inspection, finding: Finding) -> str:
    """ "class 7", or "many classes"; escaped."""
    return "many classes" if finding.label < 0 else f"class {plain(class_title(inspection.dataset.classes[finding.label]))}"


def one_line(inspection: Inspection, finding: Finding) -> str:
    """The finding as one line of a list; escaped."""
    if finding.kind == UNSEEN:
        return f"**{finding.trigger_id}** · {KIND_WORDS[UNSEEN]} → {class_words(inspection, finding)} · {len(finding.rows):,} images"
    carried = len(finding.rows) + len(finding.covers)
    images = "1 image carries" if carried == 1 else f"{carried:,} images carry"
    return f"**{finding.trigger_id}** · {KIND_WORDS[finding.kind]} → {class_words(inspection, finding)} · {images} it · strength {finding.strength:.1f}"


def shortcut_line(inspection: Inspection, finding: Finding) -> str:
    """A shortcut as one line of a list; escaped."""
    of = int((inspection.dataset.labels == finding.label).sum())
    return f"{class_words(inspection, finding)} · {KIND_WORDS[finding.kind]} · {len(finding.rows):,} of {of:,} images"


def facts(inspection: Inspection, finding: Finding) -> list[str]:
    """What is known about the finding, one sentence each; escaped."""
    if finding.kind == UNSEEN:
        return group_facts(inspection, finding)
    n = len(inspection.dataset)
    return [
        _carried(inspection, finding),
        _label_fact(finding),
        _covers_fact(finding),
        f"The triggered images stand **{finding.strength:.1f}** standard deviations above images without the pattern (its strength).",
        f"False alarms: about **{percent(finding.false_alarm)}** of images without the pattern reach the threshold "
        f"({finding.false_alarm * n:,.1f} of {n:,}). This was counted on images that the pattern was not learnt from.",
    ]


def _carried(inspection: Inspection, finding: Finding) -> str:
    poisoned, covers = len(finding.rows), len(finding.covers)
    said = f"**{poisoned + covers:,}** images carry the pattern; **{poisoned:,}** of them are judged poisoned"
    if finding.label < 0:
        return f"{said}, under labels of many classes."
    of = int((inspection.dataset.labels == finding.label).sum())
    return f"{said}, of {of:,} labelled {plain(class_title(inspection.dataset.classes[finding.label]))}."


def _label_fact(finding: Finding) -> str:
    share = (
        f"For **{percent(finding.contradicted)}** of the poisoned images the content contradicts the label, "
        f"for **{percent(finding.usual)}** of the images beside them that do not carry the pattern"
    )
    if finding.mislabelled >= _DIRTY:
        return f"{share}: a *dirty-label* attack. The pattern was put on images of other classes, and their labels were changed."
    if finding.mislabelled <= _CLEAN:
        return f"{share}: a *clean-label* attack. The pattern was put on images that really show this class, so checking labels cannot find them."
    return f"{share}: a mixture. Some labels were changed (*dirty label*), others are right although the pattern is there (*clean label*)."


def _covers_fact(finding: Finding) -> str:
    if not len(finding.covers):
        return "No image carries the pattern under a label that it does not explain (no *covers*)."
    return (
        f"**{len(finding.covers):,}** more carry it under a right label of another class (*covers*: put there to make the attack harder to find, or by chance). "
        "They are not part of the decision below."
    )


# ---- the chart


def score_histogram(finding: Finding) -> go.Figure:
    """How many images carry the pattern how strongly: the rest, covers, poisoned; the threshold as a line; log counts."""
    scores = np.asarray(finding.row_scores, dtype=np.float64)
    rest = np.ones(len(scores), dtype=bool)
    rest[finding.rows] = rest[finding.covers] = False
    shown = scores[np.isfinite(scores)]
    low, high = (float(shown.min()), float(shown.max())) if len(shown) else (0.0, 1.0)
    edges = np.linspace(low, max(high, low + 1e-6), _BINS + 1)
    figure = go.Figure()
    groups = (
        ("without it", scores[rest], CALM),
        ("covers", scores[finding.covers], _AMBER),
        ("judged poisoned", scores[finding.rows], LOUD),
    )
    for name, values, colour in groups:
        if len(values):
            _add_bars(figure, name, values[np.isfinite(values)], edges, colour)
    if np.isfinite(finding.threshold):
        figure.add_vline(
            x=finding.threshold, line_dash="dash", line_width=1, line_color=LINE, annotation_text="threshold", annotation_position="top"
        )
    figure.update_yaxes(type="log", title="images", dtick=1, range=[-0.3, np.log10(max(len(scores), 1)) + 0.1])
    figure.update_xaxes(title="how strongly an image carries the pattern")
    figure.update_layout(barmode="overlay", bargap=0.04, height=340, margin={"l": 10, "r": 10, "t": 56, "b": 10})
    figure.update_layout(legend={"orientation": "h", "y": 1.24, "x": 0})
    return figure


def _add_bars(figure: go.Figure, name: str, values: NDArray[np.float64], edges: NDArray[np.float64], colour: str) -> None:
    counts, _ = np.histogram(values, bins=edges)
    figure.add_bar(
        x=(edges[:-1] + edges[1:]) / 2, y=counts, width=float(edges[1] - edges[0]), name=name, marker_color=colour, opacity=0.85,
        hovertemplate=f"{name}: %{{y:,}} images around %{{x:.1f}}<extra></extra>",
    )  # fmt: skip


# ---- the pictures


def marking(finding: Finding) -> dict[str, Any] | None:
    """The region's outline in the finding's pixels, for the browser; None where it is the whole image."""
    h, w = finding.mask.shape
    return None if covers_all(finding) else {"d": outline(finding), "w": w, "h": h}


def shifts(finding: Finding, rows: NDArray[np.int64]) -> list[list[float] | None]:
    """For each of `rows`, how far (down, right) the region lies from where the mask has it; None where it is not known."""
    if not len(finding.places):
        return [[0.0, 0.0] for _ in rows]
    y, x = middle(finding)
    place_of = dict(zip(finding.rows.tolist(), finding.places.tolist(), strict=True))
    return [[place_of[row][0] - y, place_of[row][1] - x] if row in place_of else None for row in rows.tolist()]


def evidence(inspection: Inspection, finding: Finding, *, key: str) -> Any:
    """The finding's pictures, enlarged by whole factors, and a strip of triggered images with the region marked or not.

    Its state's `.inspect` is {"row"} for the one run in which somebody asks to see all about a triggered image.
    """
    strip = np.unique(np.linspace(0, len(finding.rows) - 1, min(STRIP, len(finding.rows))).astype(np.int64))
    rows = finding.rows[strip]
    return _evidence(
        key=key,
        on_inspect_change=nothing,
        data={
            "key": inspection.key,
            "mark": marking(finding),
            "figures": _figures(inspection, finding),
            "strip": [
                {"row": row, "label": _name(inspection, row), "shift": shift, **_tile_words(inspection, finding, row)}
                for row, shift in zip(rows.tolist(), shifts(finding, rows), strict=True)
            ],
            "strip_words": f"{len(rows)} of the {len(finding.rows):,} {IN_GROUP if finding.kind == UNSEEN else IN_PATTERN}",
        },
    )


def _tile_words(inspection: Inspection, finding: Finding, row: int) -> dict[str, str]:
    """line: below the label of a picture in the strip.  says: the same in a sentence."""
    if finding.kind != UNSEEN:
        score = f"{finding.row_scores[row]:.1f}"
        return {"line": score, "says": f"carries the pattern with {score}"}
    suggested = UNLABELLED if inspection.suggestions is None else int(inspection.suggestions.labels[row])
    looks = "" if suggested == UNLABELLED else class_title(inspection.dataset.classes[suggested])
    return {
        "line": looks and f"looks like {looks}",
        "says": f"its content looks like {looks}" if looks else "its content suggests no label",
    }


def _figures(inspection: Inspection, finding: Finding) -> list[dict[str, Any]]:
    carriers, others = averaged_rows(inspection, finding)
    rest = "other images of the set" if finding.label < 0 else "other images of the class"
    whole = " It covers the whole image." if covers_all(finding) else ""
    if finding.kind in SHAPELESS:
        return _shapeless_figures(inspection, finding, len(others), rest)
    if finding.kind == UNSEEN:
        return _group_figures(inspection, finding, len(carriers), len(others), rest)
    words = [
        ("pattern", "The pattern", "What it adds to an image: lighter than grey adds, darker takes away."),
        ("looks", "As it looks", f"At its own strength on a grey image.{whole}"),
        (
            "",
            "On an image",
            "The strongest triggered image; the line marks where the pattern sits." if not whole else "The strongest triggered image.",
        ),
        ("spectrum", "Spectrum", "Coarse shapes in the middle, fine ones outside; lone bright spots are stripes."),
        ("carriers", "Mean triggered image", f"Mean of {len(carriers):,} of the {len(finding.rows):,} triggered images."),
        ("others", "Mean of the others", f"Mean of {len(others):,} {rest}."),
        ("difference", "Their difference", "Mean triggered image minus the others, on grey."),
        (
            "departure",
            "Where it departs",
            f"Carriers against their class: red lighter, blue darker; strongest {_deepest(finding):.0f} standard errors.",
        ),
    ]
    return _named_figures(inspection, finding, words)


def _shapeless_figures(inspection: Inspection, finding: Finding, compared: int, rest: str) -> list[dict[str, Any]]:
    """Of what is another picture in every image only the amount can be shown, and one image beside another."""
    more = "more" if finding.kind == "texture" else "less"
    words = [
        ("", "On an image", "The strongest triggered image."),
        ("detail", "Its fine detail", f"What is left of it without its blur, on grey. Carriers hold {more} than is usual."),
        ("usual_detail", "Fine detail elsewhere", f"Of an ordinary image among {compared:,} {rest}, equally amplified."),
        ("pattern", "How much detail", "Carriers against images of like content: lighter than grey is more fine detail, darker is less."),
        (
            "carriers",
            "Mean triggered image",
            f"Mean of up to {MOST_AVERAGED} triggered images: the trigger has no fixed shape that would stand out here.",
        ),
        ("others", "Mean of the others", f"Mean of {compared:,} {rest}."),
        ("difference", "Their difference", "Mean triggered image minus the others, on grey."),
        (
            "departure",
            "How sure",
            f"Fine detail of triggered images against like images: red more, blue less; strongest {_deepest(finding):.0f} standard errors.",
        ),
    ]
    return _named_figures(inspection, finding, words)


def _group_figures(inspection: Inspection, finding: Finding, averaged: int, compared: int, rest: str) -> list[dict[str, Any]]:
    words = [
        ("", "One of the group", "The image whose label a trained network is surest of."),
        ("carriers", "Mean of the group", f"Mean of {averaged:,} of its {len(finding.rows):,} images."),
        ("others", "Mean of the others", f"Mean of {compared:,} {rest}."),
        ("difference", "Their difference", "Mean of the group minus the others, on grey. No pattern stands out of chance here."),
    ]
    return _named_figures(inspection, finding, words)


def _named_figures(inspection: Inspection, finding: Finding, words: list[tuple[str, str, str]]) -> list[dict[str, Any]]:
    figures: list[dict[str, Any]] = []
    close = _close(inspection, finding, int(finding.rows[0])) if len(finding.rows) else []
    # two lines of four: a patch is known by its shape, and its spectrum says nothing
    left_out = "spectrum" if close and finding.kind in ("patch", "moving_patch") else None
    for name, title, said in words:
        if name == left_out:
            continue
        if name:
            figures.append({"title": title, "words": said, "url": picture_url(inspection, finding, name)})
        elif len(finding.rows):
            strongest = int(finding.rows[0])
            figures.append({"title": title, "words": said, "url": None, "row": strongest, "shift": shifts(finding, finding.rows[:1])[0]})
            figures += close
    return figures


def _close(inspection: Inspection, finding: Finding, row: int) -> list[dict[str, Any]]:
    """The same image in its own pixels where the pattern sits, or in its middle; nothing where the whole shows every pixel."""
    image = readable(inspection, row)
    if image is None or max(image.size) <= PIXEL_SIDE:
        return []
    place = place_of(finding, row)
    said = "Its own pixels, cut out where the pattern sits." if place else "Its own pixels, cut out of the middle."
    return [{"title": "Close up", "words": said, "url": None, "row": row, "place": place or MIDDLE, "size": list(image.size)}]


def _deepest(finding: Finding) -> float:
    return float(np.max(np.abs(finding.z_map))) if finding.z_map.size else 0.0


def _name(inspection: Inspection, row: int) -> str:
    label = int(inspection.dataset.labels[row])
    return "no label" if label == UNLABELLED else class_title(inspection.dataset.classes[label])
