"""Taster's findings in the columns of cleanlab's Datalab."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa

from ..types import VERDICTS, Float32, Inspection
from .base import Export, Job, write_with_sidecar
from .tables import float_column, name_column, text_column

# which of the inspection's scores stands behind each of cleanlab's: the first that is there
CLEANLAB_SCORES = {
    "label": ("knn_disagreement", "label_distance_ratio"),
    "outlier": ("outlier",),
    "near_duplicate": ("near_duplicate",),
}
CLEANLAB_VERDICTS = {
    "label": ("label_noise", "dirty_label_poison"),
    "outlier": ("outlier",),
    "near_duplicate": ("near_duplicate",),
}


def cleanlab_table(inspection: Inspection) -> tuple[pa.Table, dict[str, str]]:
    """Columns as cleanlab's Datalab names them, and what stands behind each score. **low = bad**, unlike everywhere here.

    A score is 1 − ours where ours lies in 0…1, else 1 − its rank among the rows (same order). Known limit: cleanlab has
    no column for poison whose label is right, so clean_label_poison is no issue there.
    """
    dataset, suggestions, n = inspection.dataset, inspection.suggestions, len(inspection.dataset)
    columns: dict[str, pa.Array] = {"id": text_column(dataset.ids)}
    meaning: dict[str, str] = {}
    for issue, verdicts in CLEANLAB_VERDICTS.items():
        name = next((name for name in CLEANLAB_SCORES[issue] if name in inspection.scores), None)
        score = None if name is None else inspection.scores[name]
        if issue == "label" and name is None:
            name, score = "suspicion", inspection.suspicion
        wanted = [VERDICTS.index(verdict) for verdict in verdicts]
        known = inspection.verdicts
        columns[f"is_{issue}_issue"] = pa.nulls(n, pa.bool_()) if known is None else pa.array(np.isin(known, wanted))
        columns[f"{issue}_score"] = float_column(None if score is None else quality(score), n)
        meaning[f"{issue}_score"] = f"low = bad; from {name}_score" if score is not None else "not scored"
        if issue == "label":
            columns["given_label"] = name_column(dataset.classes, dataset.labels)
            columns["predicted_label"] = name_column(dataset.classes, None if suggestions is None else suggestions.labels, n)
    return pa.table(columns), meaning


def quality(score: Float32) -> Float32:
    """float32 (n,) in 0…1, **low = bad**, in the reverse order of `score`; NaN stays NaN."""
    known = np.isfinite(score)
    out = np.full(len(score), np.nan, dtype=np.float32)
    values = score[known]
    if len(values) and (values.min() < 0 or values.max() > 1):
        steps, ranks = np.unique(values, return_inverse=True)
        values = (ranks / max(len(steps) - 1, 1)).astype(np.float32)
    out[known] = 1 - values
    return out


def write_cleanlab(job: Job, path: Path) -> list[Path]:
    """The table at `path`, and its sidecar."""
    table, meaning = cleanlab_table(job.inspection)
    return write_with_sidecar(job, table, path, polarity=meaning)


CLEANLAB = Export("cleanlab", "columns as cleanlab names them (low = bad)", "cleanlab.csv", (".csv",), write_cleanlab)
