"""The report: one HTML file that another person can check, without a network and without Taster.

Names come from a set that may be poisoned: each is escaped, and a content security policy allows the report's own two
scripts by digest and nothing else, no address, no inline handler.
"""

from __future__ import annotations

import base64
import hashlib
import math
from collections.abc import Mapping
from html import escape
from io import BytesIO
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.io import to_json
from plotly.offline import get_plotlyjs

from ..errors import UnreadableImage
from ..types import VERDICTS, Decision, Inspection, Int64
from .report_page import SCRIPT, STYLE, name_html, section_html, table_html, words_html
from .tables import scores_table, sidecar

SUSPECTS = 60
MAP_POINTS = 10_000
DECISIONS = 1_000
SKIPPED = 200
ENLARGED_TO = 128  # pixels on the longer side, reached by a whole factor
REDUCED_TO = 256
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


def report_html(inspection: Inspection, state: Mapping[str, Decision], *, seq: int | None) -> str:
    """A self-contained HTML page (about 5 MB, most of it plotly.js) on `inspection` and the decisions up to line `seq`.

    Images are shown as they are: enlarged by whole pixels, or reduced by a stated whole factor where they are larger
    than 256 pixels. Long lists are cut and say so; the exported tables hold all of it.
    """
    figures = {"histogram": _histogram(inspection), "map": _map(inspection)}
    charts = {name: figure for name, figure in figures.items() if figure is not None}
    facts = sidecar(inspection, state, seq)
    body = "".join(
        (
            f"<h1>Taster report: {name_html(inspection.dataset.name)}</h1>",
            section_html("What was scanned", _scanned(facts)),
            section_html("What was found", _counts(inspection, facts)),
            section_html("Suspicion", _suspicion(inspection, "histogram" in charts)),
            section_html("Map", _map_text(inspection, "map" in charts)),
            section_html("Most suspicious images", _suspects(inspection, state)),
            section_html("Decisions", _decisions(state, facts)),
            section_html("Skipped files", _skipped(inspection)),
        )
    )
    page = _page(body, charts, f"Taster report: {escape(inspection.dataset.name)}")
    return page.encode("utf-8", "backslashreplace").decode("utf-8")


def _page(body: str, charts: Mapping[str, go.Figure], title: str) -> str:
    # no name inside may close the script; plotly escapes too, but the page's safety must not hang on that
    figures = ",".join(f'"{name}":{to_json(figure, engine="json")}' for name, figure in charts.items())
    figures = figures.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    scripts = [get_plotlyjs().replace("\r", ""), SCRIPT.replace("FIGURES", f"{{{figures}}}")] if charts else []
    digests = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests) or "'none'"
    policy = f"default-src 'none'; img-src data: blob:; style-src 'unsafe-inline'; script-src {allowed}"
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        f'<meta name="viewport" content="width=device-width"><title>{title}</title><style>{STYLE}</style></head>'
        f"<body><main>{body}</main>{''.join(f'<script>{script}</script>' for script in scripts)}</body></html>"
    )


# ---- sections


def _scanned(facts: Mapping[str, Any]) -> str:
    data, recipe = facts["dataset"], facts["recipe"]
    threshold = "none yet" if facts["threshold"] is None else f"{facts['threshold']:.4f}"
    known = {name: number for name, number in facts["versions"].items() if number is not None}
    rows = {
        "images": f"{data['rows']:,}",
        "classes": f"{len(data['classes']):,}",
        "digest of the content": data["digest"],
        "key of the scan": facts["key"],
        "recipe": ", ".join(f"{k} {v}" for k, v in recipe.items() if k != "options"),
        "options": ", ".join(f"{k} {v}" for k, v in recipe["options"].items()) or "none",
        "threshold of suspicion": threshold,
        "decisions up to line": "none" if facts["decisions"]["upto_seq"] is None else facts["decisions"]["upto_seq"],
        "versions": ", ".join(f"{name} {number}" for name, number in known.items()),
    }
    notes = "".join(f"<li>{escape(note)}</li>" for note in facts["notes"])
    return table_html(("", ""), ((escape(k), name_html(str(v))) for k, v in rows.items())) + (f"<ul>{notes}</ul>" if notes else "")


def _counts(inspection: Inspection, facts: Mapping[str, Any]) -> str:
    counts, labels = facts["counts"], inspection.dataset.labels
    suspicious = np.bincount(labels[inspection.is_suspicious & (labels >= 0)], minlength=len(inspection.dataset.classes))
    of_class = dict(zip(inspection.dataset.classes, suspicious.tolist(), strict=True))
    classes = (
        (name_html(name), f"{counts['classes_before'][name]:,}", f"{of_class.get(name, 0):,}", f"{after:,}")
        for name, after in counts["classes_after"].items()
    )
    verdicts = ((words_html(name), f"{count:,}") for name, count in counts["verdicts"].items())
    carriers = (
        (
            name_html(f.trigger_id),
            name_html(inspection.dataset.classes[f.label]) if f.label >= 0 else "many",
            words_html(f.kind),
            f"{len(f.rows):,}",
        )
        for f in inspection.findings
    )
    changes = ", ".join(f"{count:,} {name}" for name, count in counts["changes"].items())
    return (
        f"<p>{counts['suspicious']:,} images are suspicious, {counts['undecided_suspicious']:,} of them undecided."
        f" After the decisions: {changes}.</p>"
        + table_html(("verdict", "images"), verdicts)
        + table_html(("trigger", "class", "kind", "images that carry it"), carriers)
        + table_html(("class", "images", "suspicious", "after cleansing"), classes)
    )


def _suspicion(inspection: Inspection, drawn: bool) -> str:
    if not drawn:
        return "<p>Not scored yet: scan the set to the end.</p>"
    unknown = int(np.isnan(inspection.suspicion).sum()) if inspection.suspicion is not None else 0
    without = f" Not scorable: {unknown:,}." if unknown else ""
    return f'<p>High means suspicious. The line is the threshold.{without}</p><div class="chart" id="histogram"></div>'


def _map_text(inspection: Inspection, drawn: bool) -> str:
    if not drawn:
        return "<p>No map was made of this scan.</p>"
    n, shown = len(inspection.dataset), len(_map_rows(inspection))
    kind = f"Made by {escape(inspection.projection or 'an unknown projection')}; close together means alike in content."
    part = f" {shown:,} of {n:,} images are drawn: suspicious ones first, then a random sample." if shown < n else ""
    return f'<p>{kind}{part}</p><div class="chart tall" id="map"></div>'


def _suspects(inspection: Inspection, state: Mapping[str, Decision]) -> str:
    if inspection.suspicion is None or not inspection.is_suspicious.any():
        return "<p>No image lies at or above the threshold.</p>"
    rows = np.flatnonzero(inspection.is_suspicious)
    rows = inspection.ranked(rows)
    table = scores_table(inspection, state).take(rows[:SUSPECTS]).to_pylist()
    cards = "".join(_card(inspection, row, facts) for row, facts in zip(rows[:SUSPECTS].tolist(), table, strict=True))
    return f'<p>{len(table):,} of {len(rows):,} suspicious images.</p><div class="cards">{cards}</div>'


def _card(inspection: Inspection, row: int, facts: Mapping[str, Any]) -> str:
    given = "no label" if facts["label"] is None else name_html(facts["label"])
    arrow = ""
    if facts["suggested_label"] is not None:
        sure = facts["suggested_label_confidence"]
        arrow = f" → {name_html(facts['suggested_label'])}" + ("" if sure is None else f" ({sure:.0%})")
    parts = [f"suspicion {facts['suspicion_score']:.3f}", words_html(facts["verdict"] or "")]
    parts += [f"trigger {name_html(facts['trigger_id'])}"] if facts["trigger_id"] else []
    parts += [f"decided: {words_html(facts['action'])}"] if facts["action"] else []
    caption = f"<b>{given}{arrow}</b><br>{', '.join(part for part in parts if part)}<br><small>{name_html(facts['id'])}</small>"
    return f"<figure>{_picture(inspection, row)}<figcaption>{caption}</figcaption></figure>"


def _picture(inspection: Inspection, row: int) -> str:
    try:
        image = inspection.dataset.load(row)
    except UnreadableImage as error:
        return f"<p>cannot be read: {escape(error.reason)}</p>"
    side, note = max(image.size), ""
    if side > REDUCED_TO:
        factor = math.ceil(side / REDUCED_TO)
        note = f"<small>{image.width}×{image.height}, reduced to 1/{factor}</small>"
        image = image.reduce(factor)
    scale = max(1, ENLARGED_TO // max(image.size))
    buffer = BytesIO()
    image.save(buffer, "PNG")
    data = base64.b64encode(buffer.getvalue()).decode()
    size = f'width="{image.width * scale}" height="{image.height * scale}"'
    return f'<img {size} alt="{escape(inspection.dataset.ids[row])}" src="data:image/png;base64,{data}">{note}'


def _decisions(state: Mapping[str, Decision], facts: Mapping[str, Any]) -> str:
    if not state:
        return "<p>Nothing has been decided yet.</p>"
    decided = sorted(state.values(), key=lambda decision: -decision.seq)
    rows = (
        (
            f"{d.seq}",
            escape(d.at),
            name_html(d.reviewer),
            words_html(d.action),
            name_html(d.label),
            name_html(d.image_id),
            name_html(d.note),
        )
        for d in decided[:DECISIONS]
    )
    who = ", ".join(name_html(reviewer) for reviewer in facts["decisions"]["reviewers"])
    cut = f" The newest {DECISIONS:,} are listed; the export 'decisions' holds all." if len(decided) > DECISIONS else ""
    head = ("line", "at (UTC)", "reviewer", "action", "new class", "image", "note")
    return f"<p>{len(decided):,} images are decided, by {who}.{cut}</p>" + table_html(head, rows)


def _skipped(inspection: Inspection) -> str:
    skipped = inspection.dataset.skipped
    if not skipped:
        return "<p>None.</p>"
    cut = f"<p>{SKIPPED:,} of {len(skipped):,} are listed.</p>" if len(skipped) > SKIPPED else ""
    return cut + table_html(("file", "reason"), ((name_html(s.file), escape(s.reason)) for s in skipped[:SKIPPED]))


# ---- charts


def _histogram(inspection: Inspection) -> go.Figure | None:
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


def _map(inspection: Inspection) -> go.Figure | None:
    if inspection.xy is None:
        return None
    dataset, rows, figure = inspection.dataset, _map_rows(inspection), go.Figure()
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
            name="images" if inspection.verdicts is None else words_html(verdict),
            marker={"color": colour, "symbol": symbol, "size": 4 if verdict == "clean" else 7},
            hovertext=text,
            hoverinfo="text",
        )
    figure.update_layout(template="none", yaxis_scaleanchor="x")
    # a projection's axes mean nothing
    figure.update_xaxes(showticklabels=False, showgrid=False, zeroline=False)
    figure.update_yaxes(showticklabels=False, showgrid=False, zeroline=False)
    return figure


def _map_rows(inspection: Inspection) -> Int64:
    """The rows to draw, at most MAP_POINTS: suspicious ones by falling suspicion, then others at random; in row order."""
    n = len(inspection.dataset)
    if n <= MAP_POINTS:
        return np.arange(n)
    order = np.random.default_rng(inspection.recipe.seed).permutation(n)
    if inspection.suspicion is not None:
        first = np.where(inspection.is_suspicious, inspection.suspicion, -1)
        order = order[np.argsort(-first[order], kind="stable")]
    return np.sort(order[:MAP_POINTS])
