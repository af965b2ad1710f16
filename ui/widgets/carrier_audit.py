"""The audit of a finding's triggered images, and what can be done with all of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from core.reviews import sample, seed_of
from core.types import SHAPELESS, UNLABELLED, UNSEEN, Finding, Inspection, class_title
from ui.api.finding_pictures import picture_url
from ui.widgets.audit import AuditedGroup, AuditWords, Parts, audit, sizes
from ui.widgets.components import Writer
from ui.widgets.trigger_views import marking, shifts

CARRIERS = AuditWords(
    one="triggered image",
    many="triggered images",
    hit="poisoned",
    miss="not poisoned",
    hint="Poisoned: somebody put the pattern on it, whatever its label says. Not sure counts as not poisoned.",
    answers=(
        ("p", "Poisoned", "Somebody put the pattern on this image", "✕", "bad", "hit"),
        ("n", "Not poisoned", "The pattern is not there, or belongs to the picture", "✓", "good", "miss"),
        ("s", "Not sure", "It counts as not poisoned", "?", "warn", "unsure"),
    ),
)


def carrier_audit(
    inspection: Inspection,
    finding: Finding,
    *,
    key: str,
    writer: Writer,
    standing: dict[str, Any] | None,
    on_saved: Callable[[], None],
) -> Any:
    """The audit of `finding.rows` and, after it, the buttons that decide them all; see `ui.widgets.audit.audit`."""
    drawn = sample(finding.rows, max(sizes(len(finding.rows)), default=0), seed_of(inspection.dataset.digest, finding.trigger_id))
    shown = zip(drawn.tolist(), shifts(finding, drawn), strict=True)
    group = AuditedGroup(
        # answers are kept by the browser under this name, so it must change with the finding
        name=picture_url(inspection, finding, "pattern"),
        group=finding.trigger_id,
        mark=finding.trigger_id,
        rows=finding.rows,
        drawn=drawn,
        shown=[
            {"question": ["Is this image poisoned?"], "facts": _facts(inspection, row), "why": [], "shift": shift} for row, shift in shown
        ],
        actions=actions(inspection, finding),
        words=CARRIERS,
        marked=marking(finding),
        looks="" if finding.kind in (*SHAPELESS, UNSEEN) else picture_url(inspection, finding, "looks"),
    )
    return audit(inspection, group, key=key, writer=writer, standing=standing, on_saved=on_saved)


def _facts(inspection: Inspection, row: int) -> Parts:
    given, suggested = int(inspection.dataset.labels[row]), suggestion(inspection, row)
    names = [class_title(name) for name in inspection.dataset.classes]
    labelled: Parts = ["labelled ", {"name": "nothing" if given == UNLABELLED else names[given]}]
    if suggested == UNLABELLED:
        return [*labelled, " · its content suggests no label"]
    return (
        [*labelled, " · its content agrees"]
        if suggested == given
        else [*labelled, " · its content looks like ", {"name": names[suggested]}]
    )


def suggestion(inspection: Inspection, row: int) -> int:
    """The suggested class of `row`, −1 where there is none."""
    return UNLABELLED if inspection.suggestions is None else int(inspection.suggestions.labels[row])


# ---- what can be decided


def actions(inspection: Inspection, finding: Finding) -> list[dict[str, Any]]:
    """What may be done with all triggered images: action, title, what will happen (`says`), rows (None: all), labels (class
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
