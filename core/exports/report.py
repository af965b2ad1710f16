"""The report: one HTML file that another person can check, without a network and without Taster.

Names come from a set that may be poisoned: the template escapes each, and a content security policy allows the report's
own two scripts by digest and nothing else, no address, no inline handler.
"""

from __future__ import annotations

import base64
import hashlib
import math
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import UnreadableImage
from ..reviews import ReviewState
from ..types import Inspection
from .base import Export, Job
from .tables import scores_table, sidecar

if TYPE_CHECKING:
    import plotly.graph_objects as go

TEMPLATES = Path(__file__).with_name("templates")
SUSPECTS = 60
DECISIONS = 1_000
SKIPPED = 200
ENLARGED_TO = 128  # pixels on the longer side, reached by a whole factor
REDUCED_TO = 256


def report_html(inspection: Inspection, state: ReviewState) -> str:
    """A self-contained HTML page (about 5 MB, most of it plotly.js) on `inspection` and the decisions on it.

    Images are shown as they are: enlarged by whole pixels, or reduced by a stated whole factor where they are larger
    than 256 pixels. Long lists are cut and say so; the exported tables hold all of it.
    """
    # plotly takes a moment to import
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    from .report_charts import histogram, map_of, map_rows

    charts = {name: figure for name, figure in (("histogram", histogram(inspection)), ("map", map_of(inspection))) if figure is not None}
    scripts = _scripts(charts) if charts else []
    page = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined).get_template("report.html")
    html = page.render(
        **_facts(inspection, state),
        charts=[*charts],
        drawn=len(map_rows(inspection)),
        policy=_policy(scripts),
        style=Markup((TEMPLATES / "report.css").read_text(encoding="utf-8")),
        scripts=[Markup(script) for script in scripts],
    )
    return html.encode("utf-8", "backslashreplace").decode("utf-8")


def _scripts(charts: Mapping[str, go.Figure]) -> list[str]:
    """plotly.js, and the drawing of `charts`, which stand in it as JSON."""
    from plotly.io import to_json
    from plotly.offline import get_plotlyjs

    figures = ",".join(f'"{name}":{to_json(figure, engine="json")}' for name, figure in charts.items())
    # no name inside may close the script; plotly escapes too, but the page's safety must not hang on that
    figures = figures.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    draw = (TEMPLATES / "report.js").read_text(encoding="utf-8")
    return [get_plotlyjs().replace("\r", ""), f"const figures = {{{figures}}};\n{draw}"]


def _policy(scripts: list[str]) -> str:
    digests = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests) or "'none'"
    return f"default-src 'none'; img-src data: blob:; style-src 'unsafe-inline'; script-src {allowed}"


# ---- what the template shows


def _facts(inspection: Inspection, state: ReviewState) -> dict[str, Any]:
    dataset, facts = inspection.dataset, sidecar(inspection, state)
    decided = sorted(state.standing.values(), key=lambda decision: -decision.seq)
    return {
        "title": dataset.name,
        "images": len(dataset),
        "scanned": _scanned(facts),
        "notes": facts["notes"],
        "counts": facts["counts"],
        "findings": _findings(inspection),
        "classes": _classes(inspection, facts["counts"]),
        "unscorable": 0 if inspection.suspicion is None else int(np.isnan(inspection.suspicion).sum()),
        "projection": inspection.projection or "an unknown projection",
        "suspects": _suspects(inspection, state),
        "decided": decided[:DECISIONS],
        "decided_images": len(decided),
        "reviewers": facts["decisions"]["reviewers"],
        "skipped": dataset.skipped[:SKIPPED],
        "skipped_files": len(dataset.skipped),
    }


def _scanned(facts: Mapping[str, Any]) -> dict[str, str]:
    data, recipe = facts["dataset"], facts["recipe"]
    known = {name: number for name, number in facts["versions"].items() if number is not None}
    return {
        "images": f"{data['rows']:,}",
        "classes": f"{len(data['classes']):,}",
        "digest of the content": data["digest"],
        "key of the scan": facts["key"],
        "recipe": ", ".join(f"{k} {v}" for k, v in recipe.items() if k != "options"),
        "options": ", ".join(f"{k} {v}" for k, v in recipe["options"].items()) or "none",
        "threshold of suspicion": "none yet" if facts["threshold"] is None else f"{facts['threshold']:.4f}",
        "decisions up to line": str(facts["decisions"]["upto_seq"]),
        "versions": ", ".join(f"{name} {number}" for name, number in known.items()),
    }


def _findings(inspection: Inspection) -> list[dict[str, Any]]:
    names = inspection.dataset.classes
    return [
        {"trigger": f.trigger_id, "label": names[f.label] if f.label >= 0 else None, "kind": f.kind, "images": len(f.rows)}
        for f in inspection.findings
    ]


def _classes(inspection: Inspection, counts: Mapping[str, Any]) -> list[dict[str, Any]]:
    labels = inspection.dataset.labels
    suspicious = np.bincount(labels[inspection.is_suspicious & (labels >= 0)], minlength=len(inspection.dataset.classes))
    of_class = dict(zip(inspection.dataset.classes, suspicious.tolist(), strict=True))
    return [
        {"name": name, "before": counts["classes_before"][name], "suspicious": of_class.get(name, 0), "after": after}
        for name, after in counts["classes_after"].items()
    ]


def _suspects(inspection: Inspection, state: ReviewState) -> list[dict[str, Any]]:
    rows = inspection.ranked(np.flatnonzero(inspection.is_suspicious))[:SUSPECTS]
    table = scores_table(inspection, state).take(rows).to_pylist()
    return [{**facts, **_picture(inspection, row)} for row, facts in zip(rows.tolist(), table, strict=True)]


def _picture(inspection: Inspection, row: int) -> dict[str, Any]:
    try:
        image = inspection.dataset.load(row)
    except UnreadableImage as error:
        return {"unreadable": error.reason}
    side, reduced = max(image.size), ""
    if side > REDUCED_TO:
        factor = math.ceil(side / REDUCED_TO)
        reduced = f"{image.width}×{image.height}, reduced to 1/{factor}"
        image = image.reduce(factor)
    scale = max(1, ENLARGED_TO // max(image.size))
    buffer = BytesIO()
    image.save(buffer, "PNG")
    png = base64.b64encode(buffer.getvalue()).decode()
    return {"unreadable": None, "width": image.width * scale, "height": image.height * scale, "png": png, "reduced": reduced}


def write_report(job: Job, path: Path) -> list[Path]:
    """The page at `path`."""
    path.write_text(report_html(job.inspection, job.state), encoding="utf-8")
    return [path]


REPORT = Export("report", "report, one HTML file for people", "report.html", (".html", ".htm"), write_report)
