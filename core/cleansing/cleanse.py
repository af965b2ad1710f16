"""The cleansed set: what people decided, and with the rule's help what nobody did; written beside the source.

Filtering and re-labelling follow core/cleansing/rule.py. A decision of a person always stands; "needs review" puts a
decision off, so that there the rule speaks.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..exports import export, versions
from ..files import quoted_cell
from ..reviews import ReviewState
from ..types import ACTIONS, VERDICTS, Bool, Inspection
from .rule import BY_RULE, KEEP, MOST_ASKED, Proposals, as_decisions, propose

RECORD, CHANGED = "cleanse.json", "changed_by_rule.csv"
RULE = (
    "rows below the suspicion threshold are kept; a suspicious row is relabelled where another label is sure enough; "
    "every other suspicious row is excluded"
)


@dataclass(frozen=True, eq=False)
class Cleansing:
    """What is to become of a set.

    state: people's decisions, and the rule's where it is asked.  by_rule: bool (n,), rows that the rule decides.
    proposals: the rule's, None where people alone decide.
    """

    inspection: Inspection
    state: ReviewState
    by_rule: Bool
    proposals: Proposals | None


def cleansing(inspection: Inspection, people: ReviewState, *, auto: bool) -> Cleansing:
    """Join `people`'s standing decisions with the rule's for every row that they leave undecided (where `auto`).

    Raises ValueError where `auto` is asked of a scan that has not been scored.
    """
    nothing = np.zeros(len(inspection.dataset), dtype=bool)
    if not auto:
        return Cleansing(inspection, people, nothing, None)
    proposals = propose(inspection)
    by_rule = people.undecided & (proposals.actions != KEEP)
    return Cleansing(inspection, people.completed(as_decisions(inspection, proposals, by_rule)), by_rule, proposals)


def write_cleansed(found: Cleansing, out: Path, *, source: Path | None, link: str = "copy") -> dict[str, Any]:
    """Write the cleansed set as the export format `folder`, with cleanse.json and the rule's changes beside it.

    Returns what `cleanse --json` says. Raises UserError as `export` does; nothing is left behind then.
    """
    record = cleanse_record(found)
    records = {RECORD: json.dumps(record, indent=2, allow_nan=False).encode(), CHANGED: changes_csv(found)}
    written = export(found.inspection, found.state, to="folder", out=out, source=source, link=link, records=records)
    return {
        "out": str(written[0].parent),
        **record["counts"],
        "least_confidence": record["rule"]["least_confidence"],
        "scan": found.inspection.key,
    }


def cleanse_record(found: Cleansing) -> dict[str, Any]:
    """cleanse.json: the rule, the counts by who decided, the recipe and the digests."""
    inspection = found.inspection
    recipe, dataset = inspection.recipe, inspection.dataset
    least = None if found.proposals is None else float(found.proposals.least)
    return {
        "rule": {
            "used": found.proposals is not None,
            "words": RULE,
            "reviewer": BY_RULE,
            "least_confidence": least,
            "most_asked": MOST_ASKED,
        },
        "counts": counts(found),
        "recipe": {"embedder": recipe.embedder, "k": recipe.k, "seed": recipe.seed, "options": dict(recipe.options)},
        "scan": inspection.key,
        "dataset": {"name": dataset.name, "digest": dataset.digest, "images": len(dataset), "classes": [*dataset.classes]},
        "threshold": float(inspection.threshold),
        "decisions_upto": found.state.seq,
        "records": {"changes": CHANGED, "scores": "scores.parquet", "manifest": "manifest.csv", "decisions": "decisions.csv"},
        "versions": versions(),
    }


def counts(found: Cleansing) -> dict[str, Any]:
    """How many rows end how, and by whom: kept, relabelled and excluded add up to all rows."""
    state, changes = found.state, found.state.changes()
    by_people = state.actions[~found.by_rule]
    return {
        "kept": changes["unchanged"] + changes["unlabelled"],
        "relabelled": changes["relabelled"],
        "excluded": changes["excluded"],
        "decided_by_people": int((by_people >= 0).sum()),
        "decided_by_rule": int(found.by_rule.sum()),
        "by_people": _actions(by_people),
        "by_rule": _actions(state.actions[found.by_rule]),
        "undecided_suspicious": int((found.inspection.is_suspicious & state.undecided).sum()),
    }


def _actions(actions: NDArray[np.int8]) -> dict[str, int]:
    return {name: int((actions == number).sum()) for number, name in enumerate(ACTIONS)}


def changes_csv(found: Cleansing) -> bytes:
    """What the rule changed, as CSV: id, given_label, action, new_label, confidence, suspicion, verdict, trigger_id."""
    inspection, proposals = found.inspection, found.proposals
    dataset, table = inspection.dataset, io.StringIO()
    lines = csv.writer(table, lineterminator="\n")
    lines.writerow(("id", "given_label", "action", "new_label", "confidence", "suspicion", "verdict", "trigger_id"))
    shown = {int(row): f.trigger_id for f in reversed(inspection.findings) for row in f.rows}
    for row in np.flatnonzero(found.by_rule).tolist():
        assert proposals is not None and inspection.suspicion is not None and inspection.verdicts is not None
        decision = found.state.standing[dataset.ids[row]]
        given = dataset.classes[dataset.labels[row]] if dataset.labels[row] >= 0 else ""
        verdict = VERDICTS[inspection.verdicts[row]]
        sure, suspicion = f"{proposals.confidence[row]:.4f}", f"{inspection.suspicion[row]:.4f}"
        cells = (dataset.ids[row], given, decision.action, decision.label, sure, suspicion, verdict, shown.get(row, ""))
        lines.writerow(map(quoted_cell, cells))
    return table.getvalue().encode("utf-8", "backslashreplace")


def cleanse_text(result: Mapping[str, Any]) -> str:
    """The result of `write_cleansed` as a person reads it."""
    lines = [
        f"{result['kept']:,} images kept, {result['relabelled']:,} relabelled, {result['excluded']:,} excluded; the set is in {result['out']}",
        f"decided by people: {result['decided_by_people']:,}, by the rule: {result['decided_by_rule']:,}",
    ]
    if result["undecided_suspicious"]:
        lines.append(
            f"{result['undecided_suspicious']:,} suspicious images have been decided by nobody and stay in the set; --auto decides them"
        )
    return "\n".join(lines)
