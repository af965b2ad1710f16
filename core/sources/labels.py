"""Label columns, as sources write them, to int64 indices and class names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import UserError
from ..types import UNLABELLED, Int64
from .base import MAX_NAME, shown


def labels_from_values(values: Sequence[Any]) -> tuple[Int64, tuple[str, ...]]:
    """(int64 labels, classes) of a label column: whole numbers in number order, else texts in text order.

    None, NaN, "" and negative numbers are −1. Texts that are all whole numbers count as numbers. Raises
    UserError where a value is a list, a struct, a fraction or a text too long for a name.
    """
    keys = [_label_key(value) for value in values]
    given = {key for key in keys if key is not None}
    numbers = {key: int(key) for key in given if key.removeprefix("-").isdecimal() and len(key) < 19}
    if len(numbers) == len(given):
        ordered = sorted((key for key in given if numbers[key] >= 0), key=lambda key: (numbers[key], key))
    else:
        ordered = sorted(given)
    index: dict[str | None, int] = {key: row for row, key in enumerate(ordered)}
    return np.array([index.get(key, UNLABELLED) for key in keys], dtype=np.int64), tuple(ordered)


def _label_key(value: Any) -> str | None:
    if value is None or value == "":
        return None
    if isinstance(value, (str, bytes)) and len(value) > MAX_NAME:
        raise UserError(f"a label has {len(value):,} characters", f"at most {MAX_NAME:,}", "choose another column of labels")
    if isinstance(value, str):
        return value
    if isinstance(value, (bool, np.bool_)):
        return str(bool(value))
    if isinstance(value, (int, np.integer)):
        return str(int(value))
    if isinstance(value, (float, np.floating)):
        if np.isnan(value):
            return None
        if float(value).is_integer():
            return str(int(value))
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    raise UserError(f"the label {shown(value)} is no class", "one whole number or one text per image")


def labels_by_name(values: Sequence[Any], classes: Sequence[str]) -> Int64:
    """int64 labels of values that are indices into, or names of, known `classes`; anything else is −1."""
    index = {name: row for row, name in enumerate(classes)}

    def label(value: Any) -> int:
        if isinstance(value, str):
            return index.get(value, UNLABELLED)
        if isinstance(value, (float, np.floating)) and float(value).is_integer():
            value = int(value)
        if isinstance(value, (int, np.integer)) and 0 <= value < len(classes):
            return int(value)
        return UNLABELLED

    return np.array([label(value) for value in values], dtype=np.int64)
