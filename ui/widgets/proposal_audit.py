"""Accepting all proposals above a confidence: how many they are, the audit that comes before, and the one decision."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

from core.cleansing import EXCLUDE, KEEP, PROPOSALS, RELABEL, Proposals
from core.reviews import sample_within, seed_of
from core.types import UNLABELLED, Bool, Inspection, Int64, class_title
from ui.api.queue_items import reasons
from ui.widgets.audit import AuditedGroup, AuditWords, Parts, audit, sizes
from ui.widgets.components import Writer

# of the group in the log and of its sample; the confidence is not part of it, or moving it would draw again
GROUP = "proposals"
NEW_LABELS_SHOWN = 3
WORDS = AuditWords(
    one="proposal",
    many="proposals",
    hit="right",
    miss="wrong",
    hint="Right: having seen the image, you would have decided the same. Not sure counts as wrong.",
    answers=(
        ("r", "Right", "You would have decided the same", "✓", "good", "hit"),
        ("w", "Wrong", "You would have decided something else", "✕", "bad", "miss"),
        ("s", "Not sure", "It counts as wrong", "?", "warn", "unsure"),
    ),
)


def sure_rows(made: Proposals, percent: int) -> Int64:
    """Rows whose proposal changes something and is at least `percent` (0…100) sure, ascending."""
    # confidence is float32: 0.9 would not reach 90 percent
    return np.flatnonzero((made.actions != KEEP) & (np.round(made.confidence.astype(np.float64), 4) >= percent / 100))


def counts_by_class(inspection: Inspection, made: Proposals, rows: Int64) -> list[dict[str, Any]]:
    """What accepting `rows` does, one line for each given label, the one with most first: how many are relabelled and
    left out, and the commonest new labels."""
    names, given = [class_title(name) for name in inspection.dataset.classes], inspection.dataset.labels
    lines = []
    for label in np.unique(given[rows]).tolist():
        of = rows[given[rows] == label]
        changed = of[made.actions[of] == RELABEL]
        new = Counter(made.labels[changed].tolist()).most_common(NEW_LABELS_SHOWN + 1)
        told = [f"{names[c]} ({n:,})" for c, n in new[:NEW_LABELS_SHOWN]] + (["…"] if len(new) > NEW_LABELS_SHOWN else [])
        lines.append(
            {
                "given label": "no label" if label == UNLABELLED else names[label],
                "relabelled": len(changed),
                "left out": int((made.actions[of] == EXCLUDE).sum()),
                "new labels (images)": ", ".join(told),
            }
        )
    return sorted(lines, key=lambda line: -(line["relabelled"] + line["left out"]))


def in_words(made: Proposals, rows: Int64, undecided: Bool, percent: int) -> str:
    """The counts of `rows` (those of `sure_rows`) in one or two sentences of Markdown."""
    open_ = rows[undecided[rows]]
    changed, n = int((made.actions[open_] == RELABEL).sum()), len(open_)
    if not len(rows):
        return f"No proposal is {percent} % sure. Move the slider to the left."
    left = f" {len(rows) - n:,} more {'is' if len(rows) - n == 1 else 'are'} decided already." if len(rows) > n else ""
    if not n:
        return f"Every proposal that is at least {percent} % sure is decided already."
    what = f"**{changed:,}** {'gets' if changed == 1 else 'get'} another label, **{n - changed:,}** {'is' if n - changed == 1 else 'are'} left out."
    return f"**{n:,}** undecided image{' has a proposal that is' if n == 1 else 's have proposals that are'} at least {percent} % sure: {what}{left}"


def proposal_audit(
    inspection: Inspection,
    made: Proposals,
    percent: int,
    *,
    key: str,
    writer: Writer,
    standing: dict[str, Any] | None,
    on_saved: Callable[[], None],
) -> Any:
    """The audit of all proposals that are at least `percent` sure, decided ones too, and the button that accepts those
    that nobody has decided; see `ui.widgets.audit.audit`. What the audit says does not change with what is decided."""
    return audit(inspection, proposal_group(inspection, made, percent), key=key, writer=writer, standing=standing, on_saved=on_saved)


def proposal_group(inspection: Inspection, made: Proposals, percent: int) -> AuditedGroup:
    """All proposals that are at least `percent` sure, and the part of them that is looked at."""
    rows = sure_rows(made, percent)
    most = max(sizes(len(rows)), default=0)
    drawn = sample_within(rows, np.flatnonzero(made.actions != KEEP), most, seed_of(inspection.dataset.digest, GROUP))
    relabelled = made.actions[rows] == RELABEL
    accept = {
        "action": "mixed",
        "title": "Accept all",
        "says": "",
        "rows": rows.tolist(),
        "actions": [PROPOSALS[action] for action in made.actions[rows]],
        "labels": [label if relabel else None for label, relabel in zip(made.labels[rows].tolist(), relabelled.tolist(), strict=True)],
        "undecided": True,
    }
    return AuditedGroup(
        # an answer holds whatever the confidence asked for, but not for another scan's proposal
        name=f"{GROUP}:{inspection.key}",
        group=GROUP,
        mark=f"{GROUP} from {percent} %",
        rows=rows,
        drawn=drawn,
        shown=[_said(inspection, made, row) for row in drawn.tolist()],
        actions=[accept],
        words=WORDS,
    )


def _said(inspection: Inspection, made: Proposals, row: int) -> dict[str, Any]:
    names, relabel = [class_title(name) for name in inspection.dataset.classes], made.actions[row] == RELABEL
    given, suggested = (
        int(inspection.dataset.labels[row]),
        UNLABELLED if inspection.suggestions is None else int(inspection.suggestions.labels[row]),
    )
    question: Parts = (
        ["Should this image be labelled ", {"name": names[int(made.labels[row])]}, "?"] if relabel else ["Should this image be left out?"]
    )
    facts: Parts = ["now labelled ", {"name": "nothing" if given == UNLABELLED else names[given]}]
    if not relabel and suggested not in (UNLABELLED, given):
        facts += [" · its content looks like ", {"name": names[suggested]}]
    facts.append(f" · the proposal is {100 * float(made.confidence[row]):.0f} % sure")
    return {"question": question, "facts": facts, "why": reasons(inspection, row), "shift": None}
