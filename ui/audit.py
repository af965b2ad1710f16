"""Deciding all carriers of a finding as one event, after a person has looked at a sample of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import streamlit as st

from core.audit import interval, sample, seed_of
from core.types import UNLABELLED, Decision, Finding, Inspection
from ui.components import Writer
from ui.finding_pictures import picture_url
from ui.trigger_views import marking, shifts, widget_source

SIZES = (10, 20, 50)
USUAL_SIZE = 20
LEVEL = 0.95

_audit = st.components.v2.component("taster_audit", **widget_source("shared", "decisions", "marked", "audit_view", "audit"))


def carrier_audit(
    inspection: Inspection,
    finding: Finding,
    *,
    key: str,
    writer: Writer,
    standing: dict[str, Any] | None,
    on_saved: Callable[[], None],
) -> Any:
    """The audit of `finding.rows` and, after it, the buttons that decide them all; returns its state: `.saved`.

    standing: what `decided_together` says. on_saved: called, with `.saved` set for one rerun, when a decision on the
    group (or its undo) is in the database.
    """
    drawn = sample(finding.rows, max(sizes(len(finding.rows)), default=0), seed_of(inspection.dataset.digest, finding.trigger_id))
    data = {
        "key": inspection.key,
        # answers are kept by the browser under this name, so it must change with the finding
        "name": picture_url(inspection, finding, "pattern"),
        "trigger": finding.trigger_id,
        "looks": picture_url(inspection, finding, "looks"),
        "mark": marking(finding),
        "rows": finding.rows.tolist(),
        "sample": [_shown(inspection, row, shift) for row, shift in zip(drawn.tolist(), shifts(finding, drawn), strict=True)],
        "sizes": [_size(finding, m) for m in sizes(len(finding.rows))],
        "usual": min(USUAL_SIZE, len(finding.rows)),
        "actions": actions(inspection, finding),
        "standing": standing,
        "write": {"token": writer.token, "reviewer": writer.reviewer},
    }
    return _audit(key=key, data=data, on_saved_change=on_saved)


def sizes(carriers: int) -> list[int]:
    """The sample sizes to choose from: 10, 20 and 50, none larger than the number of carriers."""
    return sorted({min(m, carriers) for m in SIZES} - {0})


def _size(finding: Finding, m: int) -> dict[str, Any]:
    population = len(finding.rows)
    bounds = [interval(hits, m, population, LEVEL) for hits in range(m + 1)]
    return {
        "m": m,
        "bounds": [[bound.low, bound.high] for bound in bounds],
        "notes": [audit_note(finding.trigger_id, hits, m, population) for hits in range(m + 1)],
    }


def audit_note(trigger_id: str, hits: int, asked: int, population: int) -> str:
    """What the log keeps of an audit: its outcome in words."""
    if asked == population:
        return f"{trigger_id}, audit: {hits} of {asked} poisoned, every carrier was looked at"
    low, high = _outwards(interval(hits, asked, population, LEVEL).low, interval(hits, asked, population, LEVEL).high)
    return f"{trigger_id}, audit: {hits} of {asked} poisoned, {100 * LEVEL:.0f} % interval {low}–{high} % of {population}"


def _outwards(low: float, high: float) -> tuple[int, int]:
    """Whole percents, rounded so that the interval never says more than was shown."""
    return int(np.floor(100 * low + 1e-9)), int(np.ceil(100 * high - 1e-9))


def _shown(inspection: Inspection, row: int, shift: list[float] | None) -> dict[str, Any]:
    given, suggested = int(inspection.dataset.labels[row]), suggestion(inspection, row)
    names = inspection.dataset.classes
    return {
        "row": row,
        "id": inspection.dataset.ids[row],
        "given": None if given == UNLABELLED else names[given],
        "suggested": None if suggested == UNLABELLED else names[suggested],
        "shift": shift,
    }


def suggestion(inspection: Inspection, row: int) -> int:
    """The suggested class of `row`, −1 where there is none."""
    return UNLABELLED if inspection.suggestions is None else int(inspection.suggestions.labels[row])


# ---- what can be decided


def actions(inspection: Inspection, finding: Finding) -> list[dict[str, Any]]:
    """What may be done with all carriers: action, title, what will happen (`says`), rows (None: all), labels (class
    numbers, one a row, for relabel)."""
    n = len(finding.rows)
    return [
        {"action": "exclude", "title": f"Exclude all {n:,}", "says": f"{_images(n)} will be left out of the cleansed set.", "rows": None, "labels": None},
        _relabelling(inspection, finding),
        {
            "action": "needs_review", "title": f"Mark all {n:,} for review",
            "says": f"{_images(n)} will wait for somebody to look at each; the cleansed set does not change by it.", "rows": None, "labels": None,
        },
    ]  # fmt: skip


def _relabelling(inspection: Inspection, finding: Finding) -> dict[str, Any]:
    proposed = np.array([suggestion(inspection, row) for row in finding.rows.tolist()], dtype=np.int64)
    able = (proposed != UNLABELLED) & (proposed != inspection.dataset.labels[finding.rows])
    changed, classes = int(able.sum()), len(np.unique(proposed[able]))
    left = len(able) - changed
    says = f"{_images(changed)} will {'get its' if changed == 1 else 'each get their own'} suggested label ({classes} {'class' if classes == 1 else 'classes'})."
    if not changed:
        says = "None of them has a suggestion that differs from its label."
    if changed and left:
        says += f" {left:,} {'has' if left == 1 else 'have'} no suggestion, or one that agrees with the label, and {'stays' if left == 1 else 'stay'} undecided."
    says += " The pattern stays in the images: relabelling undoes the attack only where the label was wrong." if changed else ""
    return {
        "action": "relabel", "title": f"Relabel {changed:,} to their suggestions", "says": says,
        "rows": finding.rows[able].tolist(), "labels": proposed[able].tolist(),
    }  # fmt: skip


def _images(n: int) -> str:
    return "1 image" if n == 1 else f"{n:,} images"


def decided_together(log: Iterable[Decision], inspection: Inspection, finding: Finding) -> dict[str, Any] | None:
    """The newest decision on this finding's carriers that was taken after an audit and stands: event, action, images,
    reviewer, at, note; None where there is none. It stands as long as nobody took it back."""
    mark = f"{finding.trigger_id}, audit: "
    found: dict[str, list[Decision]] = {}
    undone = set()
    for line in log:
        if line.action == "undo":
            undone.add(line.undoes)
        # another scan's t1 is another pattern
        elif line.note.startswith(mark) and line.score_version == inspection.key:
            found.setdefault(line.event, []).append(line)
    standing = [lines for lines in found.values() if not any(line.seq in undone for line in lines)]
    if not standing:
        return None
    lines = max(standing, key=lambda lines: lines[-1].seq)
    first = lines[0]
    return {"event": first.event, "action": first.action, "images": len(lines), "reviewer": first.reviewer, "at": first.at, "note": first.note}
