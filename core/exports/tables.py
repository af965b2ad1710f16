"""What leaves Taster, as values: the table of scores, its sidecar, and the columns that tables are made of.

Nothing here touches a disk. Tables have one row an image, in the data set's own order, and name things by id.
"""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from .. import __version__
from ..reviews import ReviewState
from ..types import ACTIONS, VERDICTS, Inspection

PACKAGES = ("numpy", "torch", "torchvision", "faiss-cpu", "faiss-gpu", "umap-learn", "scikit-learn", "pillow")
IMAGE_NAME = r"(?i)\.(png|apng|jpe?g|jpe|jfif|jp2|webp|bmp|dib|gif|tiff?|p[bgpn]m|pnm|tga|ico|avif)$"


def scores_table(inspection: Inspection, state: ReviewState) -> pa.Table:
    """The table that leaves the house: one row an image, original order; high = suspicious in every score.

    Columns: id, file_name (null where the id is a row of a container), label (class name), split, suspicion_score,
    is_suspicious, verdict, suggested_label, suggested_label_confidence, one <name>_score for each score, trigger_id,
    projection_x, projection_y, action, corrected_label, reviewer, decided_at. Null: unknown, not scorable (never
    NaN), or not decided.
    """
    dataset, n = inspection.dataset, len(inspection.dataset)
    ids, suggestions, xy = text_column(dataset.ids), inspection.suggestions, inspection.xy
    labels = None if suggestions is None else suggestions.labels
    columns: dict[str, pa.Array] = {
        "id": ids,
        "file_name": pc.if_else(pc.match_substring_regex(ids, IMAGE_NAME), ids, pa.scalar(None, pa.string())),
        "label": name_column(dataset.classes, dataset.labels),
        "split": text_column([split or None for split in dataset.splits]),
        "suspicion_score": float_column(inspection.suspicion, n),
        "is_suspicious": pa.nulls(n, pa.bool_()) if inspection.suspicion is None else pa.array(inspection.is_suspicious),
        "verdict": name_column(VERDICTS, inspection.verdicts, n),
        "suggested_label": name_column(dataset.classes, labels, n),
        "suggested_label_confidence": float_column(None if suggestions is None else suggestions.confidence, n),
        **{f"{name}_score": float_column(score, n) for name, score in inspection.scores.items()},
        "trigger_id": text_column(_trigger_ids(inspection)),
        "projection_x": float_column(None if xy is None else xy[:, 0], n),
        "projection_y": float_column(None if xy is None else xy[:, 1], n),
        **_decision_columns(inspection, state),
    }
    return pa.table(columns)


def sidecar(inspection: Inspection, state: ReviewState) -> dict[str, Any]:
    """What the table cannot say, ready for JSON: polarity, versions, recipe, digests, decisions."""
    dataset, recipe = inspection.dataset, inspection.recipe
    decided = [decision for _, decision in state.decided]
    actions = Counter(decision.action for decision in decided)
    classes, scores = state.class_counts(), ("suspicion", *inspection.scores)
    return {
        "polarity": {f"{name}_score": "high = suspicious" for name in scores},
        "versions": versions(),
        "recipe": {"embedder": recipe.embedder, "k": recipe.k, "seed": recipe.seed, "options": dict(recipe.options)},
        "dataset": {
            "name": dataset.name,
            "digest": dataset.digest,
            "rows": len(dataset),
            "classes": [*dataset.classes],
        },
        "key": inspection.key,
        "projection": inspection.projection or None,
        "threshold": float(inspection.threshold) if np.isfinite(inspection.threshold) else None,
        "counts": {
            "suspicious": int(inspection.is_suspicious.sum()),
            "undecided_suspicious": int((inspection.is_suspicious & state.undecided).sum()),
            "verdicts": verdict_counts(inspection),
            "changes": state.changes(),
            "classes_before": {name: before for name, (before, _) in classes.items()},
            "classes_after": {name: after for name, (_, after) in classes.items()},
        },
        "decisions": {
            "upto_seq": state.seq,
            "decided": len(decided),
            "actions": {action: actions[action] for action in ACTIONS},
            "reviewers": sorted({decision.reviewer for decision in decided}),
            "on_images_not_in_this_set": len(state.standing) - len(decided),
        },
        "skipped": [{"file": skip.file, "reason": skip.reason} for skip in dataset.skipped],
        "notes": list(inspection.notes),
    }


def versions() -> dict[str, str | None]:
    """Version of Taster, of Python and of each package that a result depends on; null where it is not installed."""
    found: dict[str, str | None] = {"taster": __version__, "python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = None
    return found


def verdict_counts(inspection: Inspection) -> dict[str, int]:
    """Rows of each verdict, by name; empty before the verdicts are known."""
    if inspection.verdicts is None:
        return {}
    return {name: int((inspection.verdicts == i).sum()) for i, name in enumerate(VERDICTS)}


# ---- columns


def text_column(values: Sequence[str | None]) -> pa.Array:
    """A column of texts; what UTF-8 cannot hold is written as backslash escapes."""
    try:
        return pa.array(values, pa.string())
    except UnicodeEncodeError:  # a lone surrogate, as names of files and notes may hold
        return pa.array([None if v is None else v.encode("utf-8", "backslashreplace").decode("utf-8") for v in values], pa.string())


def name_column(names: Sequence[str], numbers: NDArray[Any] | None, n: int = 0) -> pa.Array:
    """Names by number; null below 0, and n nulls where there are no numbers."""
    if numbers is None:
        return pa.nulls(n, pa.string())
    return text_column(names).take(pa.array(numbers, pa.int64(), mask=np.asarray(numbers) < 0))


def float_column(values: NDArray[Any] | None, n: int) -> pa.Array:
    """A float32 column with null for NaN, and n nulls where there are no values."""
    # null rather than NaN: databases and data frames sort NaN above every number, that is, as most suspicious
    return pa.nulls(n, pa.float32()) if values is None else pa.array(values, pa.float32(), from_pandas=True)


def _trigger_ids(inspection: Inspection) -> list[str | None]:
    ids = np.full(len(inspection.dataset), None, dtype=object)
    for finding in reversed(inspection.findings):  # a row that carries several triggers names the first
        ids[finding.rows] = finding.trigger_id or None
    return [None if name is None else str(name) for name in ids]


def _decision_columns(inspection: Inspection, state: ReviewState) -> dict[str, pa.Array]:
    columns: dict[str, list[str | None]] = {
        name: [None] * len(inspection.dataset) for name in ("action", "corrected_label", "reviewer", "decided_at")
    }
    for row, decision in state.decided:
        columns["action"][row] = decision.action
        columns["corrected_label"][row] = decision.label if decision.action == "relabel" else None
        columns["reviewer"][row] = decision.reviewer
        columns["decided_at"][row] = decision.at or None  # the automatic rule names no moment
    return {name: text_column(values) for name, values in columns.items()}
