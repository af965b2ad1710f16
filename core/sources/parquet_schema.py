"""Which columns of a Parquet file hold the image, the label and the class names."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ..errors import UserError
from .base import shown

IMAGE_NAMES = ("image", "img", "images", "picture", "pixel_values", "image_bytes", "bytes", "png", "jpg", "jpeg")
FILE_NAMES = ("file_name", "filepath", "path", "image")
# what a footer and the notes in it take when they are read is some thirty times as much
MAX_FOOTER_BYTES, MAX_NOTE_BYTES = 64 << 20, 8 << 20
LABEL_NAMES = ("label", "labels", "fine_label", "coarse_label", "target", "targets", "class", "cls", "category", "y")


@dataclass(frozen=True)
class Columns:
    """What was found in a schema: `image` is None where no column holds encoded images."""

    image: str | None
    is_struct: bool
    label: str | None
    classes: tuple[str, ...] | None
    all_names: tuple[str, ...]


def read_columns(path: Path) -> Columns:
    """Columns of a Parquet file, from its footer alone; raises UserError where it is none."""
    try:
        _check_footer(path)
        schema = pq.read_schema(path)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise UserError(f"{shown(path.name)} cannot be read as Parquet: {str(error)[:80]}", "a whole Parquet file") from error
    features = _features(schema, path.name)
    image = _image_column(schema, features)
    label, classes = _label_column(schema, features)
    is_struct = image is not None and pa.types.is_struct(schema.field(image).type)
    return Columns(image, is_struct, label, classes, tuple(schema.names))


def _check_footer(path: Path) -> None:
    with path.open("rb") as file:
        size = path.stat().st_size
        file.seek(max(size - 8, 0))
        length = int.from_bytes(file.read(4), "little")
    if MAX_FOOTER_BYTES < length < size:
        raise UserError(f"the footer of {shown(path.name)} claims {length:,} bytes", f"at most {MAX_FOOTER_BYTES >> 20} MB")


def _features(schema: pa.Schema, name: str) -> dict[str, Any]:
    note = (schema.metadata or {}).get(b"huggingface", b"{}")
    if len(note) > MAX_NOTE_BYTES:
        raise UserError(f"the notes on the columns of {shown(name)} take {len(note):,} bytes", f"at most {MAX_NOTE_BYTES >> 20} MB")
    try:
        features = json.loads(note)["info"]["features"]
    except (ValueError, KeyError, TypeError, RecursionError):
        # The note is optional: without it the columns are told by type and name.
        return {}
    return features if isinstance(features, dict) else {}


def _kind(features: dict[str, Any], name: str) -> str:
    feature = features.get(name)
    return str(feature.get("_type", "")) if isinstance(feature, dict) else ""


def _preferred(names: Iterable[str], order: tuple[str, ...]) -> list[str]:
    rank = {name: place for place, name in enumerate(order)}
    return sorted(names, key=lambda name: rank.get(name.lower(), len(order)))


def _image_column(schema: pa.Schema, features: dict[str, Any]) -> str | None:
    def is_binary(kind: pa.DataType) -> bool:
        return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))

    def is_image_struct(kind: pa.DataType) -> bool:
        if not pa.types.is_struct(kind):
            return False
        fields = {field.name: field.type for field in kind}
        return is_binary(fields["bytes"]) if "bytes" in fields else is_text("path", fields)

    def is_text(name: str, fields: dict[str, pa.DataType]) -> bool:
        return name in fields and bool(pa.types.is_string(fields[name]) or pa.types.is_large_string(fields[name]))

    structs = [field.name for field in schema if is_image_struct(field.type)]
    binary = [field.name for field in schema if is_binary(field.type)]
    declared = [name for name in structs + binary if _kind(features, name) == "Image"]
    named = [name for name in binary if name.lower() in IMAGE_NAMES]
    # Beside a column that names files, bytes under another name may be anything (a hash, an embedding).
    types = {field.name: field.type for field in schema}
    other = [] if any(is_text(name, types) for name in FILE_NAMES) else binary
    found = _preferred(declared, IMAGE_NAMES) or _preferred(structs, IMAGE_NAMES) or _preferred(named, IMAGE_NAMES)
    return next(iter(found or other), None)


def _label_column(schema: pa.Schema, features: dict[str, Any]) -> tuple[str | None, tuple[str, ...] | None]:
    declared = [name for name in schema.names if _kind(features, name) == "ClassLabel"]
    for name in _preferred(declared, LABEL_NAMES):
        names = features[name].get("names")
        if isinstance(names, list) and names and all(isinstance(text, str) for text in names):
            return name, tuple(names)
    named = [name for name in schema.names if name.lower() in LABEL_NAMES]
    found = _preferred([*declared, *named], LABEL_NAMES)
    return (found[0] if found else None), None
