"""An audit: a person looks at a random sample of a group, sees what that proves, and only then decides it as one event."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import streamlit as st

from core.reviews import interval
from core.types import Decision, Inspection, Int64
from ui.widgets.components import Writer
from ui.widgets.loader import widget_source

SIZES = (10, 20, 50)
USUAL_SIZE = 20
LEVEL = 0.95

# a sentence in parts: plain text, or {"name": …} for a name from the data set
Parts = list[Any]

_audit = st.components.v2.component("taster_audit", **widget_source("audit"))


@dataclass(frozen=True)
class AuditWords:
    """How the audit speaks of a group. one, many: of what it is made ("triggered image").  hit, miss: what the person says of
    each ("poisoned", "not poisoned").  every: how the log says that all were looked at.
    answers: the three buttons, (key, text, what it means, sign, tone: good, bad or warn, counts as: hit, miss, unsure)."""

    one: str
    many: str
    hit: str
    miss: str
    hint: str
    answers: tuple[tuple[str, str, str, str, str, str], ...]

    @property
    def every(self) -> str:
        return f"every {self.one} was looked at"


@dataclass(frozen=True, eq=False)
class AuditedGroup:
    """What is audited and then decided. Nothing in it may depend on who looks.

    name: under which the browser keeps its answers by row.  group: what the log calls it.  mark: how notes call it.
    rows: all images that the audit speaks for.  drawn: the sample, as many as the largest size asks for.
    shown: what is said of each of `drawn`: question, facts (Parts), why (sentences), shift (of the mark, or None).
    actions: action, title, says, rows (None: all), labels (class numbers or None), actions (one for each row) and
    undecided (whether images that have a decision are left alone).
    marked, looks: outline and picture of a pattern, where there is one.
    """

    name: str
    group: str
    mark: str
    rows: Int64
    drawn: Int64
    shown: list[dict[str, Any]]
    actions: list[dict[str, Any]]
    words: AuditWords
    marked: dict[str, Any] | None = None
    looks: str = ""


def audit(
    inspection: Inspection,
    group: AuditedGroup,
    *,
    key: str,
    writer: Writer,
    standing: dict[str, Any] | None,
    on_saved: Callable[[], None],
) -> Any:
    """The audit of `group` and, after it, the buttons that decide it; returns its state: `.saved`.

    standing: what `decided_together` says. on_saved: called, with `.saved` set for one rerun, when a decision on the
    group (or its undo) is in the database.
    """
    words, size = group.words, len(group.rows)
    names = ("key", "text", "title", "sign", "tone", "counts")
    data = {
        "key": inspection.key,
        "name": group.name,
        "group": group.group,
        "looks": group.looks,
        "mark": group.marked,
        "rows": group.rows.tolist(),
        "sample": [
            {"row": row, "id": inspection.dataset.ids[row], **said} for row, said in zip(group.drawn.tolist(), group.shown, strict=True)
        ],
        "sizes": [_size(group, m) for m in sizes(size)],
        "usual": min(USUAL_SIZE, size),
        "actions": group.actions,
        "words": {name: getattr(words, name) for name in ("one", "many", "hit", "miss", "hint")}
        | {"answers": [dict(zip(names, answer, strict=True)) for answer in words.answers]},
        "standing": standing,
        "write": {"token": writer.token, "reviewer": writer.reviewer},
    }
    return _audit(key=key, data=data, on_saved_change=on_saved)


def sizes(images: int) -> list[int]:
    """The sample sizes to choose from: 10, 20 and 50, none larger than the number of images."""
    return sorted({min(m, images) for m in SIZES} - {0})


def _size(group: AuditedGroup, m: int) -> dict[str, Any]:
    population = len(group.rows)
    bounds = [interval(hits, m, population, LEVEL) for hits in range(m + 1)]
    return {
        "m": m,
        "bounds": [[bound.low, bound.high] for bound in bounds],
        "notes": [audit_note(group.mark, hits, m, population, group.words) for hits in range(m + 1)],
    }


def audit_note(mark: str, hits: int, asked: int, population: int, words: AuditWords) -> str:
    """What the log keeps of an audit: its outcome in words."""
    if asked == population:
        return f"{mark}, audit: {hits} of {asked} {words.hit}, {words.every}"
    low, high = _outwards(interval(hits, asked, population, LEVEL).low, interval(hits, asked, population, LEVEL).high)
    return f"{mark}, audit: {hits} of {asked} {words.hit}, {100 * LEVEL:.0f} % interval {low}–{high} % of {population}"


def _outwards(low: float, high: float) -> tuple[int, int]:
    """Whole percents, rounded so that the interval never says more than was shown."""
    return int(np.floor(100 * low + 1e-9)), int(np.ceil(100 * high - 1e-9))


def decided_together(log: Iterable[Decision], inspection: Inspection, group: str) -> dict[str, Any] | None:
    """The newest decision on `group` after its audit which stands: event, action, images, reviewer, at, note; None
    where there is none. It stands as long as nobody took it back."""
    found: dict[str, list[Decision]] = {}
    undone = set()
    for line in log:
        if line.action == "undo":
            undone.add(line.undoes)
        # another scan's t1 is another pattern
        elif line.group == group and line.score_version == inspection.key:
            found.setdefault(line.event, []).append(line)
    standing = [lines for lines in found.values() if not any(line.seq in undone for line in lines)]
    if not standing:
        return None
    lines = max(standing, key=lambda lines: lines[-1].seq)
    first = lines[0]
    action = first.action if len({line.action for line in lines}) == 1 else "mixed"
    return {"event": first.event, "action": action, "images": len(lines), "reviewer": first.reviewer, "at": first.at, "note": first.note}
