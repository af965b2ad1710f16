"""What Taster proposes for each image, as the pages show it and as one key or one click accepts it."""

from __future__ import annotations

from typing import Any

import numpy as np

from core.cleansing import PROPOSALS, Proposals, propose
from core.types import UNLABELLED, Inspection
from ui.app.cache import CACHE


def proposals_of(inspection: Inspection) -> Proposals | None:
    """The proposals of all rows, made once; None before the scan has come to its verdicts."""
    if inspection.suspicion is None or inspection.suggestions is None or inspection.verdicts is None:
        return None
    return CACHE.of(inspection, "proposals", lambda: propose(inspection))


def proposal_fields(inspection: Inspection, row: int) -> dict[str, Any] | None:
    """action (keep, relabel, exclude), label (class name or None) and confidence (0…1 or None) of the proposal for `row`.

    An image without a label is proposed the label that its content suggests. None where there is nothing to propose.
    """
    made, names = proposals_of(inspection), inspection.dataset.classes
    if made is not None and inspection.dataset.labels[row] != UNLABELLED:
        label = int(made.labels[row])
        return _fields(PROPOSALS[made.actions[row]], None if label == UNLABELLED else names[label], float(made.confidence[row]))
    suggested = inspection.suggestions
    if suggested is None or suggested.labels[row] == UNLABELLED:
        return None
    same = suggested.labels[row] == inspection.dataset.labels[row]
    return _fields("keep" if same else "relabel", names[int(suggested.labels[row])], float(suggested.confidence[row]))


def _fields(action: str, label: str | None, confidence: float) -> dict[str, Any]:
    sure = round(confidence, 4) if np.isfinite(confidence) else None
    return {"action": action, "label": None if action == "exclude" else label, "confidence": sure}
