"""What every format is made of: its record, what it is given to write, and the writers of tables and JSON.

CSV: a text that a spreadsheet would run as a formula gets a single quote before it, in every column (core/files/cells.py);
Taster takes it away when it reads such a table back. Parquet holds every text as it is.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from ..files import FORMULA, QUOTED_FORMULA
from ..reviews import ReviewState
from ..types import Inspection
from .tables import sidecar


@dataclass(frozen=True, eq=False)
class Job:
    """One export: what is known and decided, the folder it goes to, and where the images come from.

    link: "copy" or "hard".  records: further files of an exported folder, by name.
    """

    inspection: Inspection
    state: ReviewState
    place: Path
    source: Path | None
    link: str
    records: Mapping[str, bytes]


@dataclass(frozen=True)
class Export:
    """A format. name: in the registry.  title: what it is, for people.  file_name: of its main file, "" for a folder.

    suffixes: those that name the file itself, none for a folder.
    write: (job, path of the file, or of the folder to fill) -> paths written, the main one first.
    """

    name: str
    title: str
    file_name: str
    suffixes: tuple[str, ...]
    write: Callable[[Job, Path], list[Path]]


def write_table(table: pa.Table, path: Path) -> None:
    """`table` as Parquet or CSV, as the suffix of `path` says."""
    if path.suffix.lower() == ".parquet":
        pq.write_table(table, path)
        return
    texts = (pc.replace_substring_regex(c, FORMULA, QUOTED_FORMULA) if pa.types.is_string(c.type) else c for c in table.columns)
    pa_csv.write_csv(pa.table(list(texts), names=table.column_names), path)


def write_json(value: Mapping[str, Any], path: Path) -> None:
    """`value` as indented JSON in UTF-8."""
    path.write_text(json.dumps(value, indent=2, allow_nan=False), encoding="utf-8")


def write_with_sidecar(job: Job, table: pa.Table, path: Path, **more: Any) -> list[Path]:
    """`table` at `path`, and beside it what it cannot say, with `more`."""
    beside = path.with_name(f"{path.name}.json")
    write_table(table, path)
    write_json(sidecar(job.inspection, job.state) | more, beside)
    return [path, beside]
