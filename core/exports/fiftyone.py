"""Taster's findings as samples for FiftyOne."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..reviews import ReviewState
from ..types import Inspection
from .base import Export, Job, write_json
from .images import needed_files
from .tables import scores_table, sidecar


def fiftyone_document(inspection: Inspection, state: ReviewState, paths: Sequence[str]) -> dict[str, Any]:
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
        "info": sidecar(inspection, state),
        "samples": samples,
    }


def write_fiftyone(job: Job, path: Path) -> list[Path]:
    """The samples at `path`; raises UserError where the source is a container."""
    dataset = job.inspection.dataset
    files = needed_files(dataset, np.arange(len(dataset)), job.source)
    write_json(fiftyone_document(job.inspection, job.state, [str(file) for file in files]), path)
    return [path]


FIFTYONE = Export("fiftyone", "samples for FiftyOne", "samples.json", (".json",), write_fiftyone)
