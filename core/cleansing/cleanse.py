"""The cleansed set: what people decided, and with the rule's help what nobody did; written beside the source.

Filtering and re-labelling follow core/cleansing/rule.py. A decision of a person always stands; "needs review" puts a
decision off, so that there the rule speaks.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..exports import CleansedPlan, cleansed_plan, export, versions
from ..types import ACTIONS, VERDICTS, Bool, Decision, Inspection
from .rule import BY_RULE, MOST_ASKED, Proposals, as_decisions, propose

RECORD, CHANGED = "cleanse.json", "changed_by_rule.csv"
RULE = (
    "rows below the suspicion threshold are kept; a suspicious row is relabelled where another label is sure enough; "
    "every other suspicious row is excluded"
)


@dataclass(frozen=True, eq=False)
class Cleansing:
    """What is to become of a set.

    people, rule: image id -> decision, disjoint; `rule` is empty where people alone decide.  state: both.
    plan: what follows from `state`.  proposals: the rule's, None where people alone decide.
    """

    people: Mapping[str, Decision]
    rule: Mapping[str, Decision]
    plan: CleansedPlan
    proposals: Proposals | None

    @property
    def state(self) -> dict[str, Decision]:
        return {**self.people, **self.rule}


def cleansing(inspection: Inspection, people: Mapping[str, Decision], *, auto: bool) -> Cleansing:
    """Join `people`'s standing decisions with the rule's for every row that they leave open (where `auto`).

    Raises ValueError where `auto` is asked of a scan that has not been scored.
    """
    mine = {name: people[name] for name in inspection.dataset.ids if name in people}
    rule: dict[str, Decision] = {}
    proposals = None
    if auto:
        proposals = propose(inspection)
        rule = as_decisions(inspection, proposals, undecided(inspection, mine))
        mine = {name: decision for name, decision in mine.items() if name not in rule}
    return Cleansing(mine, rule, cleansed_plan(inspection, {**mine, **rule}), proposals)


def undecided(inspection: Inspection, people: Mapping[str, Decision]) -> Bool:
    """bool (n,): rows that nobody kept, relabelled or excluded."""
    final = {name for name, decision in people.items() if decision.action != "needs_review"}
    return np.array([name not in final for name in inspection.dataset.ids], dtype=bool)


def write_cleansed(
    inspection: Inspection,
    found: Cleansing,
    log: Sequence[Decision],
    out: Path,
    *,
    source: Path | None,
    link: str = "copy",
) -> dict[str, Any]:
    """Write the cleansed set as the export format `folder`, with cleanse.json and the rule's changes beside it.

    Returns what `cleanse --json` says. Raises UserError as `export` does; nothing is left behind then.
    """
    record = cleanse_record(inspection, found, log)
    written = export(
        inspection,
        found.state,
        log,
        to="folder",
        out=out,
        source=source,
        link=link,
        records={RECORD: json.dumps(record, indent=2, allow_nan=False).encode(), CHANGED: changes_csv(inspection, found)},
    )
    return {
        "out": str(written[0].parent),
        **record["counts"],
        "least_confidence": record["rule"]["least_confidence"],
        "scan": inspection.key,
    }


def cleanse_record(inspection: Inspection, found: Cleansing, log: Sequence[Decision]) -> dict[str, Any]:
    """cleanse.json: the rule, the counts by who decided, the recipe and the digests."""
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
        "decisions_upto": max((line.seq for line in log), default=0),
        "records": {"changes": CHANGED, "scores": "scores.parquet", "manifest": "manifest.csv", "decisions": "decisions.csv"},
        "versions": versions(),
    }


def counts(found: Cleansing) -> dict[str, Any]:
    """How many rows end how, and by whom: kept, relabelled and excluded add up to all rows."""
    changes = found.plan.counts()
    return {
        "kept": changes["unchanged"] + changes["unlabelled"],
        "relabelled": changes["relabelled"],
        "excluded": changes["excluded"],
        "decided_by_people": len(found.people),
        "decided_by_rule": len(found.rule),
        "by_people": _actions(found.people),
        "by_rule": _actions(found.rule),
        "undecided_suspicious": found.plan.undecided_suspicious,
    }


def _actions(state: Mapping[str, Decision]) -> dict[str, int]:
    return {name: sum(decision.action == name for decision in state.values()) for name in ACTIONS}


def changes_csv(inspection: Inspection, found: Cleansing) -> bytes:
    """What the rule changed, as CSV: id, given_label, action, new_label, confidence, suspicion, verdict, trigger_id."""
    dataset, proposals = inspection.dataset, found.proposals
    table = io.StringIO()
    lines = csv.writer(table, lineterminator="\n")
    lines.writerow(("id", "given_label", "action", "new_label", "confidence", "suspicion", "verdict", "trigger_id"))
    carried = {int(row): f.trigger_id for f in reversed(inspection.findings) for row in f.rows}
    for row, name in enumerate(dataset.ids):
        decision = found.rule.get(name)
        if decision is None:
            continue
        assert proposals is not None and inspection.suspicion is not None and inspection.verdicts is not None
        given = dataset.classes[dataset.labels[row]] if dataset.labels[row] >= 0 else ""
        verdict = VERDICTS[inspection.verdicts[row]]
        sure, suspicion = f"{proposals.confidence[row]:.4f}", f"{inspection.suspicion[row]:.4f}"
        lines.writerow((name, given, decision.action, decision.label, sure, suspicion, verdict, carried.get(row, "")))
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
