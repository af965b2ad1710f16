"""The log of decisions as it is."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pyarrow as pa

from ..reviews import ReviewState
from ..types import Decision
from .base import Export, Job, write_table
from .tables import text_column

WHOLE = ("seq", "undoes")


def decisions_table(state: ReviewState) -> pa.Table:
    """Every field of every decision, one row a line, by seq."""
    values = {f.name: [getattr(line, f.name) for line in state.log] for f in fields(Decision)}
    return pa.table({name: pa.array(column, pa.int64()) if name in WHOLE else text_column(column) for name, column in values.items()})


def write_decisions(job: Job, path: Path) -> list[Path]:
    """The log at `path`."""
    write_table(decisions_table(job.state), path)
    return [path]


DECISIONS = Export("decisions", "log of decisions (CSV, or Parquet by its suffix)", "decisions.csv", (".csv", ".parquet"), write_decisions)
