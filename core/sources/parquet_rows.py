"""Rows of Parquet files read in pieces, with the pieces last used kept up to a number of bytes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ..errors import UnreadableImage, UserError
from ..files import column_sizes
from ..types import Int64
from .base import shown

CACHE_BYTES = 256 << 20
PIECE_BYTES = 8 << 20
MAX_PIECE_ROWS = 128
# A column written as a dictionary can repeat its longest image in every row: so many times the whole may be spelt out.
SPELT_BYTES = 64 << 20
# Encoded images hardly shrink; what shrinks so much was made to fill the memory.
BOMB_BYTES, BOMB_RATIO = 256 << 20, 64
MAX_ROWS = 20_000_000
READ_ERRORS = (pa.ArrowException, OSError, ValueError, MemoryError)


@dataclass(frozen=True, eq=False)
class Shard:
    """One Parquet file: `starts` (groups + 1,) are the first rows of its row groups, then its length."""

    name: str
    path: Path
    column: str
    is_struct: bool
    starts: Int64
    piece_rows: int

    def __len__(self) -> int:
        return int(self.starts[-1])

    def pieces(self, group: int) -> Iterator[pa.Array]:
        """Encoded bytes of each `piece_rows` rows of a row group, null where a row holds none."""
        with pq.ParquetFile(self.path, pre_buffer=False) as file:
            # only the bytes of the struct: its other fields may be anything
            column = f"{self.column}.bytes" if self.is_struct else self.column
            batches = file.iter_batches(self.piece_rows, row_groups=[group], columns=[column], use_threads=False)
            for batch in batches:
                if batch.num_columns == 0:
                    yield pa.nulls(batch.num_rows, pa.binary())
                    continue
                # struct_field, unlike .field(), keeps a null of the struct a null of the field
                yield pc.struct_field(batch.column(0), "bytes") if self.is_struct else batch.column(0)


def open_shard(name: str, path: Path, column: str, is_struct: bool) -> Shard:
    """Shard of a file, from its footer alone; raises UserError."""
    try:
        with pq.ParquetFile(path) as file:
            lengths = [file.metadata.row_group(g).num_rows for g in range(file.metadata.num_row_groups)]
            sizes = column_sizes(file, f"{column}.bytes" if is_struct else column)
    except READ_ERRORS as error:
        raise UserError(f"{shown(name)} cannot be read: {str(error)[:80]}", "a whole Parquet file") from error
    most = min(MAX_ROWS, path.stat().st_size)
    if sum(lengths) > most or min(lengths, default=0) < 0:
        raise UserError(f"{shown(name)} claims {sum(lengths):,} rows", f"at most {most:,} for a file of its size")
    largest, stored = max(sizes, default=(0, 0))
    if largest > BOMB_BYTES and largest > BOMB_RATIO * max(stored, 1):
        raise UserError(f"{shown(name)} holds {largest >> 20:,} MB of images in {stored:,} bytes", "images that are not blown up")
    mean = max(sum(size for size, _ in sizes) // max(sum(lengths), 1), 1)
    piece_rows = int(np.clip(min(PIECE_BYTES // mean, SPELT_BYTES // max(largest, 1)), 1, MAX_PIECE_ROWS))
    return Shard(name, path, column, is_struct, np.cumsum([0, *lengths], dtype=np.int64), piece_rows)


class PieceReader:
    """Encoded bytes of any row of some shards; safe to call from several threads.

    At most `cache_bytes` of pieces are kept, and always the last one. Rows in order are read once; a jump
    back to a piece that was let go reads its row group again from the group's start.
    """

    def __init__(self, shards: tuple[Shard, ...], cache_bytes: int = CACHE_BYTES) -> None:
        self._shards, self._limit = shards, cache_bytes
        self._lock = Lock()
        self._pieces: OrderedDict[tuple[int, int, int], pa.Array] = OrderedDict()
        self._held = 0
        # Where reading stands: (shard, group), the next piece, and the pieces to come.
        self._at: tuple[int, int] = (-1, -1)
        self._next = 0
        self._coming: Iterator[pa.Array] = iter(())

    def read(self, shard: int, row: int) -> bytes:
        """Encoded bytes of `row` of a shard; raises UnreadableImage."""
        starts = self._shards[shard].starts
        group = int(np.searchsorted(starts, row, side="right")) - 1
        piece, offset = divmod(row - int(starts[group]), self._shards[shard].piece_rows)
        with self._lock:
            values = self._piece(shard, group, piece)
        data: Any = values[offset].as_py() if offset < len(values) else None
        if not data:
            raise UnreadableImage("the row holds no image")
        return bytes(data)

    def _piece(self, shard: int, group: int, piece: int) -> pa.Array:
        key = (shard, group, piece)
        if key in self._pieces:
            self._pieces.move_to_end(key)
            return self._pieces[key]
        try:
            if self._at != (shard, group) or self._next > piece:
                self._at, self._next = (shard, group), 0
                self._coming = self._shards[shard].pieces(group)
            while self._next <= piece:
                values = next(self._coming)
                self._keep((shard, group, self._next), values)
                self._next += 1
        except (*READ_ERRORS, StopIteration) as error:
            self._at = (-1, -1)
            raise UnreadableImage(f"the row group cannot be read: {str(error)[:80] or 'it ends early'}") from error
        return self._pieces[key]

    def _keep(self, key: tuple[int, int, int], values: pa.Array) -> None:
        old = self._pieces.pop(key, None)
        self._held += values.nbytes - (old.nbytes if old is not None else 0)
        self._pieces[key] = values
        while self._held > self._limit and len(self._pieces) > 1:
            self._held -= self._pieces.popitem(last=False)[1].nbytes
