"""Tables that others wrote: of a .csv or .parquet file the columns that are wanted, in no more memory than their values take."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..errors import UserError
from .regular import open_regular

if TYPE_CHECKING:
    import pyarrow.parquet as pq

MAX_TABLE_BYTES = 4 << 30
MAX_LINE = 1 << 20
MAX_ROWS = 20_000_000
# one column of one row group, spelt out
MAX_CHUNK_BYTES = 256 << 20
BATCH_BYTES = 64 << 20
BATCH_ROWS = 65_536
# texts that are kept once however often they occur
MAX_SHARED = 100_000


class Table(NamedTuple):
    """names: of all columns, as the file has them.  columns: name -> values of each wanted one, all of one length."""

    names: tuple[str, ...]
    columns: dict[str, list[Any]]


def read_table(path: Path, what: str, wanted: Callable[[str], bool] = bool) -> Table:
    """The columns of `path` whose name is `wanted`: texts of a .csv, None where a row is short; values of a .parquet.

    what: how an error names the file, e.g. "the manifest".  Raises UserError where it is no regular file, is damaged, or too large.
    """
    if not os.path.isfile(path):
        raise UserError(f"{what} '{str(path)[:200]}' is not there, or is no regular file", "give the path of an existing file")
    if path.suffix.lower() == ".csv":
        with open_regular(path, what, most=MAX_TABLE_BYTES) as opened:
            return _csv(io.TextIOWrapper(opened, encoding="utf-8-sig", newline=""), path, what, wanted)
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            names = tuple(file.schema_arrow.names)
        return Table(names, {name: parquet_values(path, name) for name in names if wanted(name)})
    except (pa.ArrowException, OSError, ValueError, MemoryError) as error:
        raise UserError(f"{what} '{path.name}' cannot be read: {str(error)[:80]}", "a whole Parquet file") from error


def _csv(file: io.TextIOWrapper, path: Path, what: str, wanted: Callable[[str], bool]) -> Table:
    lines = _Lines(file, path, what)
    try:
        rows = csv.reader(lines, strict=True)
        names = next(rows, [])
        places = {name: place for place, name in enumerate(names) if wanted(name)}
        columns: dict[str, list[Any]] = {name: [] for name in places}
        shared = _Shared()
        for row in rows:
            lines.length = 0
            for name, place in places.items() if row else ():
                columns[name].append(shared(row[place]) if place < len(row) else None)
    except UnicodeDecodeError as error:
        raise UserError(f"{what} '{path.name}' is not UTF-8 text", "a table in UTF-8", "save it as UTF-8") from error
    except csv.Error as error:
        raise UserError(f"{what} '{path.name}' is not a CSV table: {error}", "cells in quotes where they hold commas or quotes") from error
    return Table(tuple(names), columns)


class _Lines:
    """The lines of a text file; a row without an end must not fill the memory, so whoever reads rows sets `length` back."""

    def __init__(self, file: io.TextIOWrapper, path: Path, what: str) -> None:
        self._file, self._name, self.length = file, f"{what} '{path.name}'", 0

    def __iter__(self) -> Iterator[str]:
        while line := self._file.readline(MAX_LINE):
            self.length += len(line)
            if self.length >= MAX_LINE:
                raise UserError(f"{self._name} has a row longer than {MAX_LINE:,} characters", f"at most {MAX_LINE:,}")
            yield line


def text_lines(path: Path, what: str) -> Iterator[str]:
    """The lines of a UTF-8 text file, each of bounded length; raises UserError."""
    with open_regular(path, what, most=MAX_TABLE_BYTES) as opened:
        lines = _Lines(io.TextIOWrapper(opened, encoding="utf-8-sig", newline=""), path, what)
        try:
            for line in lines:
                lines.length = 0
                yield line
        except UnicodeDecodeError as error:
            raise UserError(f"{what} '{path.name}' is not UTF-8 text", "a table in UTF-8", "save it as UTF-8") from error


def parquet_values(path: Path, column: str) -> list[Any]:
    """Values of one column, equal texts being one object: a text that a small file repeats does not fill the memory.

    column: a name, or the path "struct.field".  Raises UserError where it holds lists or structs or is far larger than its
    rows; else what pyarrow raises on a damaged file.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        groups = column_sizes(file, column)
        head, _, leaf = column.partition(".") if column not in file.schema_arrow.names else (column, "", "")
        kind = file.schema_arrow.field(head).type
        kind = kind.field(leaf).type if leaf else kind
        _check_column(path, column, kind, groups, file.metadata.num_rows)
    is_text = any(test(kind) for test in (pa.types.is_string, pa.types.is_large_string, pa.types.is_binary, pa.types.is_large_binary))
    shared, values = _Shared(), []
    with pq.ParquetFile(path, pre_buffer=False, read_dictionary=[column] if is_text and not leaf else []) as file:
        for group, (size, _) in enumerate(groups):
            # pyarrow cannot keep a field of a struct as a dictionary: there any row may be as long as all of them
            rows = int(np.clip(BATCH_BYTES // max(size, 1), 1, BATCH_ROWS)) if leaf else BATCH_ROWS
            for batch in file.iter_batches(rows, row_groups=[group], columns=[column], use_threads=False):
                held = batch.column(0)
                values.extend(_listed(held.field(leaf) if leaf else held, shared))
    return values


def _listed(held: Any, shared: _Shared) -> list[Any]:
    import pyarrow as pa

    if pa.types.is_dictionary(held.type):
        words = [shared(word) for word in held.dictionary.to_pylist()]
        return [None if place is None else words[place] for place in held.indices.to_pylist()]
    return [shared(value) for value in held.to_pylist()]


def _check_column(path: Path, column: str, kind: Any, groups: list[tuple[int, int]], n_rows: int) -> None:
    import pyarrow as pa

    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    if pa.types.is_nested(kind):
        raise UserError(f"the column '{column}' of '{path.name}' holds {str(kind)[:40]}, which is no class or name", "texts or numbers")
    largest = max((size for size, _ in groups), default=0)
    if largest > MAX_CHUNK_BYTES or n_rows > MAX_ROWS:
        what = f"{n_rows:,} rows" if n_rows > MAX_ROWS else f"{largest >> 20:,} MB in one row group"
        raise UserError(
            f"the column '{column}' of '{path.name}' has {what}",
            f"at most {MAX_ROWS:,} rows, and {MAX_CHUNK_BYTES >> 20} MB in a row group",
        )


def column_sizes(file: pq.ParquetFile, column: str) -> list[tuple[int, int]]:
    """(bytes spelt out, bytes in the file) of a column or its fields, for each row group, as the footer has them."""
    found, metadata = [], file.metadata
    names = [metadata.schema.column(place).path for place in range(metadata.num_columns)]
    places = [place for place, name in enumerate(names) if name == column or name.startswith(f"{column}.")]
    for group in range(metadata.num_row_groups):
        chunks = [metadata.row_group(group).column(place) for place in places]
        found.append((sum(chunk.total_uncompressed_size for chunk in chunks), sum(chunk.total_compressed_size for chunk in chunks)))
    return found


class _Shared:
    """Gives equal texts as one object."""

    def __init__(self) -> None:
        self._seen: dict[Any, Any] = {}

    def __call__(self, value: Any) -> Any:
        if not isinstance(value, (str, bytes)):
            return value
        if len(self._seen) < MAX_SHARED:
            return self._seen.setdefault(value, value)
        return self._seen.get(value, value)
