"""Manifests: a .csv, .jsonl or .parquet table that names image files, their labels, splits and ids.

Texts that Taster quoted for spreadsheets (core/files/cells.py) are unquoted in CSVs with the columns of its own tables, so
that files called "=a.png" or "-b.png" are found; other programs' CSVs are taken as they stand.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..errors import UnreadableImage, UserError
from ..files import Table, has_quoted_cells, read_table, text_lines, unquoted_cell
from ..types import Dataset, Skipped
from .base import Options, Rows, Source, build, safe_text, shown
from .decoding import read_file
from .files import as_digests, contained, file_digest
from .labels import labels_from_values
from .stored import encoded_doors

FILE_COLUMNS = ("file_name", "filepath", "path", "image")
COLUMNS = (*FILE_COLUMNS, "label", "split", "id")
ALLOWED = f"UTF-8 with one of the columns {', '.join(FILE_COLUMNS)}, and label, split, id if there are any"


def open_manifest(path: Path, options: Options) -> Dataset:
    """Dataset of the files that a table names; ids are its id column, else the file names as written.

    Names are looked up beside the table and must stay below its folder, links followed, unless allowed.
    Rows whose file is missing are skipped with the reason. Raises UserError for a table that cannot be
    read, has no file column, or gives an id twice.
    """
    table = _objects(path) if path.suffix.lower() == ".jsonl" else read_table(path, "the manifest", COLUMNS.__contains__)
    if path.suffix.lower() == ".csv" and has_quoted_cells(table.names):
        unquoted = {
            name: [unquoted_cell(cell) if isinstance(cell, str) else cell for cell in cells] for name, cells in table.columns.items()
        }
        table = Table(table.names, unquoted)
    file_column = next((name for name in FILE_COLUMNS if name in table.columns), None)
    if file_column is None:
        raise _no_files(path, table.names)
    names = table.columns[file_column]
    nothing = [None] * len(names)
    given, labels_given, splits_given = (table.columns.get(name, nothing) for name in ("id", "label", "split"))
    if any(len(column) != len(names) for column in (given, labels_given, splits_given)):
        # only a damaged parquet file has this
        raise UserError(f"the manifest {shown(path.name)} is damaged", "columns of one length", "write it again")
    ids, places, digests, kept, skipped = [], [], [], [], []
    first_line: dict[str, int] = {}
    for row, name in enumerate(names):
        try:
            if not isinstance(name, str) or not name:
                raise UnreadableImage("the row names no file")
            row_id = name if given[row] is None or given[row] == "" else str(given[row])
            if row_id in first_line:
                raise _twice(path, row_id, first_line[row_id], row + 1)
            first_line[row_id] = row + 1
            place = contained(path.parent, name, options.allow_outside)
            digests.append(file_digest(place, options))
        except UnreadableImage as error:
            skipped.append(Skipped(safe_text(name) if isinstance(name, str) and name else f"row {row + 1}", error.reason))
            continue
        ids.append(row_id)
        places.append(place)
        kept.append(row)
    labels, classes = labels_from_values([labels_given[row] for row in kept])
    rows = Rows(ids, labels, classes, as_digests(digests), [str(splits_given[row] or "") for row in kept])
    return build(path.name, rows, encoded_doors(lambda row: read_file(places[row]), rows.digests), skipped)


def _no_files(path: Path, columns: Sequence[str]) -> UserError:
    held = f"columns {', '.join(shown(name, 30) for name in columns[:8])}" if columns else "no rows"
    return UserError(f"the manifest {shown(path.name)} names no files (it has {held})", ALLOWED)


def _twice(path: Path, row_id: str, first: int, second: int) -> UserError:
    return UserError(
        f"the manifest {shown(path.name)} has the id {shown(row_id)} twice, in rows {first} and {second}",
        "each id once (without an id column, each file once)",
        "remove one of the rows, or add a column id that tells them apart",
    )


def _objects(path: Path) -> Table:
    """The table of a .jsonl file: of each line's object the columns that a manifest may have."""
    names: dict[str, None] = {}
    columns: dict[str, list[Any]] = {name: [] for name in COLUMNS}
    for number, line in enumerate(text_lines(path, "the manifest"), 1):
        if not line.strip():
            continue
        row = _object(line, number, path)
        # the first few are for an error to list
        names.update(dict.fromkeys(name for name in row if name in COLUMNS or len(names) < 8))
        for name, values in columns.items():
            value = row.get(name)
            if isinstance(value, (list, dict)):
                if name == "label":
                    raise UserError(f"the label {shown(value)} is no class", "one whole number or one text per image")
                value = None
            values.append(value)
    return Table(tuple(names), {name: values for name, values in columns.items() if name in names})


def _object(line: str, number: int, path: Path) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        what = f"line {number} of the manifest {shown(path.name)} is not JSON"
        raise UserError(what, "one JSON object a line") from error
    if not isinstance(row, dict):
        raise UserError(f"line {number} of the manifest {shown(path.name)} is no JSON object", "one JSON object a line")
    return row


MANIFEST = Source(
    "manifest",
    "a .csv, .jsonl or .parquet manifest",
    lambda path, options: path.is_file() and path.suffix.lower() in (".csv", ".jsonl", ".parquet"),
    open_manifest,
)
