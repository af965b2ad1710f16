"""Manifests: a .csv, .jsonl or .parquet table that names image files, their labels, splits and ids.

Texts that Taster quoted for spreadsheets (core/files/cells.py) are unquoted in CSVs with the columns of its own tables, so
that files called "=a.png" or "-b.png" are found; other programs' CSVs are taken as they stand.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from ..errors import UnreadableImage, UserError
from ..files import has_quoted_cells, unquoted_cell
from ..types import Dataset, Skipped
from .base import Options, Rows, build, safe_text, shown
from .files import as_digests, contained, file_digest, file_doors
from .labels import labels_from_values

FILE_COLUMNS = ("file_name", "filepath", "path", "image")
ALLOWED = f"UTF-8 with one of the columns {', '.join(FILE_COLUMNS)}, and label, split, id if there are any"
MAX_LINE = 1 << 20


def open_manifest(path: Path, options: Options) -> Dataset:
    """Dataset of the files that a table names; ids are its id column, else the file names as written.

    Names are looked up beside the table and must stay below its folder, links followed, unless allowed.
    Rows whose file is missing are skipped with the reason. Raises UserError for a table that cannot be
    read, has no file column, or gives an id twice.
    """
    table = list(_read(path))
    columns = {str(name): None for row in table for name in row}
    if path.suffix.lower() == ".csv" and has_quoted_cells(columns):
        table = [{name: unquoted_cell(cell) if isinstance(cell, str) else cell for name, cell in row.items()} for row in table]
    file_column = next((name for name in FILE_COLUMNS if name in columns), None)
    if file_column is None:
        raise _no_files(path, list(columns))
    ids, places, digests, rows, skipped = [], [], [], [], []
    first_line: dict[str, int] = {}
    for line, row in enumerate(table, start=1):
        name = row.get(file_column)
        try:
            if not isinstance(name, str) or not name:
                raise UnreadableImage("the row names no file")
            row_id = _row_id(row, name)
            if row_id in first_line:
                raise _twice(path, row_id, first_line[row_id], line)
            first_line[row_id] = line
            place = contained(path.parent, name, options.allow_outside)
            digests.append(file_digest(place, options))
        except UnreadableImage as error:
            skipped.append(Skipped(safe_text(name) if isinstance(name, str) and name else f"row {line}", error.reason))
            continue
        ids.append(row_id)
        places.append(place)
        rows.append(row)
    labels, classes = labels_from_values([row.get("label") for row in rows])
    splits = [str(row.get("split") or "") for row in rows]
    return build(path.name, Rows(ids, labels, classes, as_digests(digests), splits), file_doors(places), skipped)


def _no_files(path: Path, columns: Sequence[str]) -> UserError:
    held = f"columns {', '.join(shown(name, 30) for name in columns[:8])}" if columns else "no rows"
    return UserError(f"the manifest {shown(path.name)} names no files (it has {held})", ALLOWED)


def _row_id(row: Mapping[str, Any], name: str) -> str:
    given = row.get("id")
    return name if given is None or given == "" else str(given)


def _twice(path: Path, row_id: str, first: int, second: int) -> UserError:
    return UserError(
        f"the manifest {shown(path.name)} has the id {shown(row_id)} twice, in rows {first} and {second}",
        "each id once (without an id column, each file once)",
        "remove one of the rows, or add a column id that tells them apart",
    )


def _read(path: Path) -> Iterator[Mapping[str, Any]]:
    if path.suffix.lower() == ".parquet":
        return _parquet(path)
    return _text(path)


def _text(path: Path) -> Iterator[Mapping[str, Any]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = _lines(file, path)
            if path.suffix.lower() == ".csv":
                # None gathers surplus cells, which no column describes
                rows = csv.DictReader(lines, strict=True)
                yield from ({name: cell for name, cell in row.items() if name is not None} for row in rows)
            else:
                yield from (_object(line, number, path) for number, line in enumerate(lines, 1) if line.strip())
    except UnicodeDecodeError as error:
        raise UserError(f"the manifest {shown(path.name)} is not UTF-8 text", ALLOWED, "save it as UTF-8") from error
    except csv.Error as error:
        raise UserError(f"the manifest {shown(path.name)} is not a CSV table: {error}", ALLOWED) from error


def _lines(file: IO[str], path: Path) -> Iterator[str]:
    # Bounded reads: a line without an end must not fill the memory.
    while line := file.readline(MAX_LINE):
        if len(line) == MAX_LINE:
            raise UserError(f"the manifest {shown(path.name)} has a line longer than {MAX_LINE:,} characters", ALLOWED)
        yield line


def _object(line: str, number: int, path: Path) -> Mapping[str, Any]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        what = f"line {number} of the manifest {shown(path.name)} is not JSON"
        raise UserError(what, "one JSON object a line") from error
    if not isinstance(row, dict):
        raise UserError(f"line {number} of the manifest {shown(path.name)} is no JSON object", "one JSON object a line")
    return row


def _parquet(path: Path) -> Iterator[Mapping[str, Any]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            held = file.schema_arrow.names
            wanted = [name for name in (*FILE_COLUMNS, "label", "split", "id") if name in held]
            if not any(name in FILE_COLUMNS for name in wanted):
                raise _no_files(path, held)
            yield from file.read(columns=wanted).to_pylist()
    except (pa.ArrowException, OSError, ValueError, MemoryError) as error:
        raise UserError(f"the manifest {shown(path.name)} cannot be read: {str(error)[:80]}", ALLOWED) from error
