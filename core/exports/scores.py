"""The table of scores and decisions, one row an image."""

from __future__ import annotations

from pathlib import Path

from .base import Export, Job, write_with_sidecar
from .tables import scores_table


def write_scores(job: Job, path: Path) -> list[Path]:
    """The table at `path`, and its sidecar."""
    return write_with_sidecar(job, scores_table(job.inspection, job.state), path)


CSV = Export("csv", "table of scores and decisions (CSV), with a sidecar", "scores.csv", (".csv",), write_scores)
PARQUET = Export("parquet", "table of scores and decisions (Parquet), with a sidecar", "scores.parquet", (".parquet",), write_scores)
