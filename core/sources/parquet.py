"""Parquet files with images inside, as a kind of source; what reads them loads pyarrow, and only when there is one."""

from __future__ import annotations

from pathlib import Path

from ..errors import UserError
from ..types import Dataset
from .base import Options, Source
from .files import list_shards


def _open(path: Path, options: Options) -> Dataset:
    from .parquet_set import open_parquet

    return open_parquet(*list_shards(path, ".parquet", options), path.name, options)


def _detect(path: Path, options: Options) -> bool:
    if path.is_file():
        return path.suffix.lower() == ".parquet" and _holds_images(path)
    return any(_is_shard(place) for _, place in list_shards(path, ".parquet", options)[0])


def _holds_images(path: Path) -> bool:
    from .parquet_schema import read_columns

    return read_columns(path).image is not None


def _is_shard(path: Path) -> bool:
    try:
        return _holds_images(path)
    except UserError:
        # One broken table does not decide what a folder is; where it is a shard, it is listed as skipped.
        return False


PARQUET = Source("parquet", "a .parquet file or folder of shards", _detect, _open)
