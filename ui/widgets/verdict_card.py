"""The front page's card: what was found in plain words, the pattern, and images that carry it. HTML; every name is escaped."""

from __future__ import annotations

from html import escape

import numpy as np

from core.evaluation import Headline
from core.scans import readable
from core.types import SHAPELESS, UNLABELLED, UNSEEN, Finding, Inspection, Int64, class_title
from ui.api.finding_pictures import picture_url
from ui.words import percent

SHOWN, MISTAKES_SHOWN, PIXEL_SIDE = 6, 8, 64
# told apart by shape and by colour
MARKS = {"poison": "▲", "mistakes": "◆", "nothing": "○", "searching": "◌"}


def mark(kind: str) -> str:
    """The shape of a kind of headline; Streamlit takes SVG out of a page's HTML."""
    return f'<span class="mark {kind}" aria-hidden="true">{MARKS[kind]}</span>'


def verdict_card(inspection: Inspection, said: Headline) -> str:
    """The card as HTML."""
    finding = said.finding
    parts = [
        f'<section class="verdict {said.kind}" aria-label="What was found"><div class="say">',
        f'<p class="tag">{mark(said.kind)} {escape(said.tag)}</p><h2>{escape(said.title)}</h2><p>{escape(said.means)}</p>',
        _reasons(inspection, finding) if finding is not None else "",
        "</div>",
        _pattern(inspection, finding) if finding is not None else "",
        _strip(inspection, finding.rows if finding is not None else said.mistakes, SHOWN),
        "</section>",
    ]
    return "".join(parts)


def steps(inspection: Inspection, decided: int, *, proved: bool) -> str:
    """How far the work has come, from the scan to the export, as HTML."""
    suspects = int(inspection.is_suspicious.sum())
    reviewed, searched = decided >= suspects, inspection.content is not None
    found = len(inspection.findings)
    states = [
        ("Scan", inspection.xy is not None),
        (f"Triggers · {found:,}" if searched else "Triggers", searched),
        (f"Review · {decided:,} of {suspects:,}" if suspects else "Review · nothing to decide", reviewed and searched),
        ("Prove", proved),
        ("Export", False),
    ]
    now = next((at for at, (_, done) in enumerate(states) if not done), len(states) - 1)
    items = []
    for at, (words, done) in enumerate(states):
        kind = "done" if done else "now" if at == now else ""
        current = ' aria-current="step"' if at == now else ""
        items.append(f'<li class="{kind}"{current}><i>{"✓" if done else at + 1}</i>{escape(words)}</li>')
    return f'<ol class="steps" aria-label="How far the work has come">{"".join(items)}</ol>'


def mistakes_strip(inspection: Inspection, said: Headline) -> str:
    """Images that look mislabelled beside a finding, as HTML; "" where there are none."""
    if said.finding is None or not len(said.mistakes):
        return ""
    n = len(said.mistakes)
    title = "1 image more looks mislabelled" if n == 1 else f"{n:,} images more look mislabelled"
    return (
        f'<section class="more"><h3>{mark("mistakes")} {title}</h3>{_strip(inspection, said.mistakes, MISTAKES_SHOWN)}'
        '<p class="quiet">Images like them bear another label. Nothing else sets them apart.</p></section>'
    )


def _reasons(inspection: Inspection, finding: Finding) -> str:
    """How sure it is and why, as a list of terms."""
    seen = "groups in a trained network or in the contents" if finding.kind == UNSEEN else "search for patterns"
    lines = [("Seen by", seen)]
    if finding.kind != UNSEEN:
        n = len(inspection.dataset) - len(finding.rows) - len(finding.covers)
        reach = "none" if finding.false_alarm == 0 else f"about {percent(finding.false_alarm)}"
        lines.append(("How sure", f"{reach} of the {n:,} images without it would reach its threshold"))
    against = (
        f"the content of {percent(finding.contradicted)} contradicts the label; of the class's other images, of {percent(finding.usual)}"
    )
    lines.append(("What they show", against))
    if len(finding.covers):
        lines.append(("Decoys", f"{len(finding.covers):,} more carry it under labels that it does not explain"))
    return "<dl>" + "".join(f"<dt>{escape(term)}</dt><dd>{escape(words)}</dd>" for term, words in lines) + "</dl>"


def _pattern(inspection: Inspection, finding: Finding) -> str:
    if finding.kind == UNSEEN:
        return ""
    name, words = ("pattern", "how much fine detail it adds, and where") if finding.kind in SHAPELESS else ("looks", "the pattern, on grey")
    return (
        f'<figure class="pattern"><img src="{escape(picture_url(inspection, finding, name))}" width="192" height="192" alt="the pattern">'
        f"<figcaption>{words}</figcaption></figure>"
    )


def _strip(inspection: Inspection, rows: Int64, most: int) -> str:
    if not len(rows):
        return ""
    shown = rows[np.unique(np.linspace(0, len(rows) - 1, min(most, len(rows))).astype(np.int64))]
    return f'<div class="strip">{"".join(_tile(inspection, int(row)) for row in shown)}</div>'


def _tile(inspection: Inspection, row: int) -> str:
    """One image with what it is called and, where content says otherwise, what it looks like."""
    names = inspection.dataset.classes
    given, suggested = int(inspection.dataset.labels[row]), UNLABELLED
    if inspection.suggestions is not None:
        suggested = int(inspection.suggestions.labels[row])
    said = "no label" if given == UNLABELLED else class_title(names[given])
    other = class_title(names[suggested]) if suggested not in (UNLABELLED, given) else ""
    words = f"<s>{escape(said)}</s> → <b>{escape(other)}</b>" if other else escape(said)
    image = readable(inspection, row)
    # small images keep their pixels; photographs are shrunk smoothly
    sharp = ' class="px"' if image is not None and max(image.size) <= PIXEL_SIDE else ""
    about = f"labelled {said}" + (f", looks like {other}" if other else "")
    return (
        f'<figure><span class="room"><img{sharp} src="/api/thumb/{inspection.key}/{row}.png" alt="{escape(about)}" loading="lazy"></span>'
        f"<figcaption>{words}</figcaption></figure>"
    )
