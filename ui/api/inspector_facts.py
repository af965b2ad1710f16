"""What the inspector says about one image, in words and numbers; pure functions over an Inspection."""

from __future__ import annotations

from typing import Any

import numpy as np

from core.scans import readable
from core.types import UNSEEN, Decision, Finding, Float32, Inspection
from ui.api.inspector_views import PATTERN, VERSION, percentile, place_of, ways_for
from ui.api.queue_items import class_name, queue_item
from ui.api.reasons import NOT_DESCRIBED, reasons
from ui.words import KIND_WORDS
from ui.words import VERDICT_WORDS as VERDICT_NAMES

# the three that are no single score: name -> (words, what it asks, what it cannot see)
FUSED = {
    "suspicion": (
        "Suspicion",
        "All evidence together: how likely is it that this image should not be used as it is labelled?",
        "what no score sees",
    ),
    "content": ("Content contradicts label", "How likely does what the image shows contradict its label?", "poison whose label is right"),
    "artifact": (
        "Artifact explains label",
        "How likely is the label explained by something that is no content?",
        "label mistakes; weak patterns of one image only",
    ),
}


def inspector_item(inspection: Inspection, row: int, decision: Decision | None = None) -> dict[str, Any]:
    """All that the inspector shows about `row`, ready for JSON: the queue's item, and more.

    size: [width, height] in pixels, None where the image cannot be read.
    scores: name, words, value and percentile (None where not scorable), says, asks, blind.
    findings: the patterns that the image carries. views: the pictures, see `ways_for`. version: of the pictures.
    notes: lines on what is missing.
    """
    item = queue_item(inspection, row, decision)
    verdict = item["verdict"]
    return {
        **item,
        "size": None if (image := readable(inspection, row)) is None else list(image.size),
        "verdict_words": None if verdict is None else VERDICT_NAMES.get(verdict, verdict),
        "suspicious": bool(inspection.is_suspicious[row]) if inspection.suspicion is not None else None,
        "scores": score_lines(inspection, row),
        "findings": [finding_line(inspection, finding, row) for finding in inspection.findings if carries(finding, row)],
        "views": ways_for(inspection),
        "version": VERSION,
        "notes": notes(inspection),
    }


def carries(finding: Finding, row: int) -> bool:
    """Whether `row` carries the pattern, whether or not it is judged poisoned by it."""
    return bool(np.any(finding.rows == row) or np.any(finding.covers == row))


def finding_line(inspection: Inspection, finding: Finding, row: int) -> dict[str, Any]:
    """One finding as the inspector shows it. unseen: it has no pattern. place: see `place_of`. view: name of the picture with its outline."""
    poisoned, unseen = bool(np.any(finding.rows == row)), finding.kind == UNSEEN
    return {
        "id": finding.trigger_id,
        "kind": KIND_WORDS.get(finding.kind, finding.kind),
        "label": class_name(inspection, finding.label) if finding.label >= 0 else None,
        "poisoned": poisoned,
        "images": len(finding.rows),
        "unseen": unseen,
        "score": None if unseen else _rounded(float(finding.row_scores[row])),
        "threshold": _rounded(finding.threshold),
        "false_alarm": None if unseen else _rounded(finding.false_alarm),
        "place": place_of(finding, row),
        "view": f"{PATTERN}{finding.trigger_id}",
    }


def score_lines(inspection: Inspection, row: int) -> list[dict[str, Any]]:
    """Every number known of `row`: the fused ones first, then each score with what it says, asks and cannot see."""
    lines = []
    for name, (words, asks, blind) in FUSED.items():
        column: Float32 | None = getattr(inspection, name)
        if column is not None:
            lines.append(_line(name, words, asks, "", blind, column, row))
    for reason in reasons(inspection, row):
        name, words = reason.name, reason.detector[:1].upper() + reason.detector[1:]
        asks, blind = ("" if said == NOT_DESCRIBED else said for said in (reason.asks, reason.blind_to))
        lines.append(_line(name, words, reason.says, asks, blind, inspection.scores[name], row))
    return lines


def _line(name: str, words: str, says: str, asks: str, blind: str, column: Float32, row: int) -> dict[str, Any]:
    value = _rounded(float(column[row]))
    rank = None if value is None else percentile(column, row)
    return {"name": name, "words": words, "value": value, "percentile": rank, "says": says, "asks": asks, "blind": blind}


def notes(inspection: Inspection) -> list[str]:
    """What the inspector cannot say about this scan, in plain lines."""
    found = []
    if inspection.evidence is None:
        found.append("The neighbours are not known yet: the scan is still at work.")
    if inspection.content is None or inspection.artifact is None:
        found.append(
            "Patterns have not been looked for in this scan: it is still at work, or was made by an older version. Scan the set again if this stays."
        )
    return found


def _rounded(value: float) -> float | None:
    return round(value, 4) if np.isfinite(value) else None
