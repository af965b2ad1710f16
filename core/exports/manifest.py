"""The cleansed set as a list of its files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from ..reviews import ReviewState
from .base import Export, Job, write_with_sidecar
from .images import needed_files
from .tables import name_column, text_column


def manifest_table(state: ReviewState, file_names: Sequence[str]) -> pa.Table:
    """The cleansed set, kept rows only: file_name, label (after), original_label, split, id, action.

    file_names: one for each kept row, in order, as a reader of the manifest must open them.
    """
    dataset, rows = state.dataset, np.flatnonzero(state.kept)
    actions: dict[int, str] = {row: decision.action for row, decision in state.decided}
    return pa.table(
        {
            "file_name": text_column(file_names),
            "label": name_column(state.classes, state.labels[rows]),
            "original_label": name_column(dataset.classes, dataset.labels[rows]),
            "split": text_column([dataset.splits[row] or None for row in rows]),
            "id": text_column([dataset.ids[row] for row in rows]),
            "action": text_column([actions.get(int(row)) for row in rows]),
        }
    )


def write_manifest(job: Job, path: Path) -> list[Path]:
    """The manifest at `path`, and its sidecar; raises UserError where the source is a container."""
    files = needed_files(job.inspection.dataset, np.flatnonzero(job.state.kept), job.source)
    inside = all(file.is_relative_to(job.place) for file in files)
    # no "../": readers of manifests refuse paths that climb out of the manifest's folder
    names = [file.relative_to(job.place).as_posix() if inside else str(file) for file in files]
    paths = "relative to the manifest's folder" if inside else "absolute: readers must be allowed to leave the folder"
    return write_with_sidecar(job, manifest_table(job.state, names), path, paths=paths)


CSV = Export("manifest-csv", "cleansed set as a list of its files (CSV)", "manifest.csv", (".csv",), write_manifest)
PARQUET = Export("manifest-parquet", "cleansed set as a list of its files (Parquet)", "manifest.parquet", (".parquet",), write_manifest)
