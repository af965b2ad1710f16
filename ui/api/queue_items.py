"""What the relabel queue shows about one image, in words and numbers; pure functions over an Inspection."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.types import UNLABELLED, UNSEEN, VERDICTS, Decision, Inspection, class_title
from ui.api.proposed import proposal_fields
from ui.api.sprites import register_rows
from ui.app.cache import CACHE

NEIGHBOURS_SHOWN = 12
MOST_CANDIDATES = 9
MOST_REASONS = 4
VERDICT_WORDS = {
    "clean": "Taken together, nothing marks it as poisoned.",
    "label_noise": "Content and label disagree, and suspects do not gather under this label: it looks like a mistake.",
    "dirty_label_poison": "Content and label disagree, and suspects gather under this label as an attacker's would: it looks like poison.",
    "clean_label_poison": "It looks like poison whose label is right: a pattern predicts the label beside the content.",
    "outlier": "It looks out of place in this set.",
    "near_duplicate": "It is nearly the same picture as another one in the set.",
}


def queue_item(inspection: Inspection, row: int, decision: Decision | None = None) -> dict[str, Any]:
    """Everything that the queue shows about `row`, ready for JSON; labels are class names, None where there is none.

    candidates: likeliest classes with their share of the neighbours' vote, falling. neighbours: the nearest, with
    similarity (cosine). sprite: token of their images. why: short sentences. confidence and suspicion: 0…1 or None.
    suggested is what the content looks like; proposal is what should be done (see `proposal_fields`).
    """
    near, similarity = _nearest(inspection, row)
    suggested, confidence = _suggestion(inspection, row)
    return {
        "row": int(row),
        "id": inspection.dataset.ids[row],
        "given": class_name(inspection, int(inspection.dataset.labels[row])),
        "suggested": class_name(inspection, suggested),
        "confidence": confidence,
        "proposal": proposal_fields(inspection, row),
        "suspicion": _number(inspection.suspicion, row),
        "verdict": _verdict(inspection, row),
        "candidates": candidates(inspection, row),
        "neighbours": [
            {"row": int(r), "label": class_name(inspection, int(inspection.dataset.labels[r])), "similarity": round(float(s), 4)}
            for r, s in zip(near, similarity, strict=True)
        ],
        "sprite": register_rows(inspection.key, near) if len(near) else "",
        "why": reasons(inspection, row),
        "decision": None if decision is None else decision_fields(decision),
    }


def decision_fields(decision: Decision) -> dict[str, Any]:
    """The part of a decision that the browser shows."""
    return {k: getattr(decision, k) for k in ("action", "label", "reviewer", "seq")}


def class_name(inspection: Inspection, label: int) -> str | None:
    """Name of the class `label`, or None for unlabelled."""
    return None if label == UNLABELLED else inspection.dataset.classes[label]


def candidates(inspection: Inspection, row: int) -> list[dict[str, Any]]:
    """Up to nine likeliest classes of `row`, by the similarity-weighted vote of all its neighbours: label, share 0…1."""
    evidence = inspection.evidence
    if evidence is None:
        return []
    labels = evidence.labels[evidence.neighbours[row]]
    # a neighbour that points away says nothing for its class
    weights = np.maximum(evidence.similarity[row].astype(np.float64), 0.0) * (labels != UNLABELLED)
    if weights.sum() <= 0:
        return []
    votes = np.bincount(np.maximum(labels, 0), weights=weights, minlength=len(evidence.classes))
    best = np.argsort(-votes, kind="stable")[:MOST_CANDIDATES]
    return [{"label": evidence.classes[c], "share": round(float(votes[c] / weights.sum()), 4)} for c in best if votes[c] > 0]


def reasons(inspection: Inspection, row: int) -> list[str]:
    """Up to four short sentences, built from numbers, that say why `row` stands in the queue."""
    found = [_neighbour_reason(inspection, row), _rank_reason(inspection, row), _trigger_reason(inspection, row)]
    found.append(VERDICT_WORDS.get(_verdict(inspection, row) or "", ""))
    return [sentence for sentence in found if sentence][:MOST_REASONS]


# ---- the sentences


def _neighbour_reason(inspection: Inspection, row: int) -> str:
    near, _ = _nearest(inspection, row)
    if len(near) == 0:
        return ""
    labels = inspection.dataset.labels[near]
    labelled = labels[labels != UNLABELLED]
    nearest = "the nearest image is" if len(near) == 1 else f"the {len(near)} nearest images are"
    if len(labelled) == 0:
        return f"{nearest[0].upper()}{nearest[1:]} unlabelled."
    counts = np.bincount(labelled)
    most, given = int(counts.argmax()), int(inspection.dataset.labels[row])
    name = class_title(inspection.dataset.classes[most])
    if len(near) == 1:
        return f"The nearest image is labelled {name}."
    sentence = f"{counts[most]} of {nearest} labelled {name}"
    if given in (UNLABELLED, most):
        return f"{sentence}."
    same = int(counts[given]) if given < len(counts) else 0
    tail = "none is" if same == 0 else "1 is" if same == 1 else f"{same} are"
    return f"{sentence}; {tail} labelled {class_title(inspection.dataset.classes[given])}."


def _rank_reason(inspection: Inspection, row: int) -> str:
    value = _number(inspection.suspicion, row)
    suspicion = inspection.suspicion
    if value is None or suspicion is None or len(suspicion) < 2:
        return ""
    ranked = CACHE.of(inspection, "ranked suspicion", lambda: np.sort(suspicion[np.isfinite(suspicion)]))
    below = int(np.searchsorted(ranked, suspicion[row], side="left"))
    # rounded down, so that the sentence never claims more than is so
    share = np.floor(1000 * below / len(ranked)) / 10
    return f"Its suspicion is higher than that of {share:.1f} % of the set."


def _trigger_reason(inspection: Inspection, row: int) -> str:
    for finding in inspection.findings:
        if np.any(finding.rows == row):
            name = class_title(inspection.dataset.classes[finding.label]) if finding.label >= 0 else "several classes"
            others = len(finding.rows) - 1
            if finding.kind == UNSEEN:
                return f"It is one of {len(finding.rows):,} images labelled {name} that stand apart from the others ({finding.trigger_id})."
            also = {0: "no other image does", 1: "1 other image does too"}.get(others, f"{others} other images do too")
            return f"It carries pattern {finding.trigger_id}, which points to {name}; {also}."
    return ""


# ---- small parts


def _nearest(inspection: Inspection, row: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    if inspection.evidence is None:
        return np.empty(0, dtype=np.int32), np.empty(0, dtype=np.float32)
    evidence = inspection.evidence
    return evidence.neighbours[row, :NEIGHBOURS_SHOWN], evidence.similarity[row, :NEIGHBOURS_SHOWN]


def _suggestion(inspection: Inspection, row: int) -> tuple[int, float | None]:
    if inspection.suggestions is None:
        return UNLABELLED, None
    return int(inspection.suggestions.labels[row]), _number(inspection.suggestions.confidence, row)


def _number(column: NDArray[Any] | None, row: int) -> float | None:
    if column is None or not np.isfinite(column[row]):
        return None
    return round(float(column[row]), 4)


def _verdict(inspection: Inspection, row: int) -> str | None:
    if inspection.verdicts is None or inspection.verdicts[row] < 0:
        return None
    return VERDICTS[int(inspection.verdicts[row])]
