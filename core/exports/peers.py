"""Taster's findings in the columns of other tools: cleanlab and FiftyOne."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from ..types import VERDICTS, Decision, Float32, Inspection
from .tables import float_column, name_column, scores_table, sidecar, text_column

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


def fiftyone_document(inspection: Inspection, state: Mapping[str, Decision], paths: Sequence[str], seq: int | None) -> dict[str, Any]:
    """Samples as `fiftyone.Dataset.from_json` reads them: absolute file path, labels, and verdict and action as tags."""
    label = "fiftyone.core.fields.EmbeddedDocumentField(fiftyone.core.labels.Classification)"
    # every field must be declared, or the import refuses the sample
    fields = {f"{name}_score": "fiftyone.core.fields.FloatField" for name in ("suspicion", *inspection.scores)}
    fields |= {"taster_id": "fiftyone.core.fields.StringField"}
    fields |= dict.fromkeys(("ground_truth", "suggested", "corrected"), label)
    samples = []
    for row, path in zip(scores_table(inspection, state).to_pylist(), paths, strict=True):
        sample = {name: row[name] for name in row if name.endswith("_score") and row[name] is not None}
        sample |= {"filepath": path, "taster_id": row["id"]}
        sample["tags"] = [tag for tag in (row["verdict"], row["action"], row["split"]) if tag]
        if row["label"] is not None:
            sample["ground_truth"] = {"_cls": "Classification", "label": row["label"]}
        if row["suggested_label"] is not None:
            confidence = row["suggested_label_confidence"]
            sample["suggested"] = {"_cls": "Classification", "label": row["suggested_label"], "confidence": confidence}
        if row["corrected_label"] is not None:
            sample["corrected"] = {"_cls": "Classification", "label": row["corrected_label"]}
        samples.append(sample)
    return {
        "name": f"taster-{inspection.dataset.name}",
        "media_type": "image",
        "sample_fields": fields,
        "info": sidecar(inspection, state, seq),
        "samples": samples,
    }
