"""What really happened to each row, from a table that someone wrote: the one reader of truth."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import UserError
from ..files import Table, read_table
from ..types import UNLABELLED, Dataset, Truth
from .base import safe_text, shown

COLUMNS = ("id", "is_poisoned", "original_label")
YES, NO = frozenset({"true", "1", "1.0", "yes"}), frozenset({"false", "0", "0.0", "no", ""})
MAX_ID = 10_000
NUMBER = re.compile(r"-?\d{1,18}(\.\d{0,18})?|nan", re.IGNORECASE | re.ASCII)
WAY_OUT = "choose the truth that was written with this set; in the set's own folder, move truth.parquet away"


def read_truth(path: Path, dataset: Dataset) -> Truth:
    """The truth about `dataset` from a .csv or .parquet file with the columns id, is_poisoned, original_label.

    Lines are joined by id. Images that the file does not name count as clean and keep their given label; lines about
    other images are passed over. original_label is a class name or an index, empty or −1 where unknown; one of the two
    columns may be missing. An original label that is none of the set's classes, by name or by number, makes its row
    poisoned, and the original −1: the given label cannot be right.
    Raises UserError where the file or a value cannot be used, an id occurs twice, or no id or no original is known.
    """
    table, name = _read(path), f"the truth {shown(path.name)}"
    if "id" not in table.columns or len(table.columns) < 2:
        if not table.names:
            raise UserError(f"{name} cannot be read: it holds nothing", f"a table with the columns {', '.join(COLUMNS)}")
        held = ", ".join(shown(column, 30) for column in table.names[:8]) or "(none)"
        raise UserError(f"{name} has the columns {held}", "it needs id and is_poisoned, original_label, or both")
    longest = max((len(value) for value in table.columns["id"] if isinstance(value, (str, bytes))), default=0)
    if longest > MAX_ID:
        raise UserError(f"{name} has an id of {longest:,} characters", f"at most {MAX_ID:,}")
    ids = [safe_text(str(value)) for value in table.columns["id"]]
    if len(set(ids)) != len(ids):
        raise UserError(f"{name} names an image twice", "each id may occur once")
    known = [(line, row) for line, row in enumerate(dataset.rows_of(ids).tolist()) if row >= 0]
    if not known:
        such = shown(dataset.ids[0]) if dataset.ids else "none"
        raise UserError(f"{name} names no image of this data set", f"ids must be those of the data set, such as {such}", WAY_OUT)
    return _joined(table, known, dataset, in_texts=path.suffix.lower() == ".csv")


def _read(path: Path) -> Table:
    if path.suffix.lower() not in (".csv", ".parquet"):
        raise UserError(f"the truth {shown(path.name)} is of unknown kind", "it must be a .csv or .parquet file")
    return read_table(path, "the truth", COLUMNS.__contains__)


def _joined(table: Table, known: Sequence[tuple[int, int]], dataset: Dataset, in_texts: bool) -> Truth:
    """The truth from (line of the table, row of the data set) pairs; in_texts: numbers are written as texts."""
    by_name = {name: index for index, name in enumerate(dataset.classes)}
    flags, names = table.columns.get("is_poisoned"), table.columns.get("original_label")
    poisoned, originals = np.zeros(len(dataset), dtype=bool), dataset.labels.copy()
    foreign, found = None, False
    for line, row in known:
        if flags is not None:
            poisoned[row] = _flag(flags[line], line)
        if names is None:
            originals[row] = UNLABELLED
        elif (original := _label(names[line], line, by_name, in_texts)) is None:
            poisoned[row], originals[row], foreign = True, UNLABELLED, names[line]
        else:
            originals[row], found = original, found or original >= 0
    if foreign is not None and not found:
        held = ", ".join(shown(name, 30) for name in dataset.classes[:10]) + (", …" if len(dataset.classes) > 10 else "")
        what = f"the truth's original_label, such as {shown(foreign)}, names none of the data set's classes"
        raise UserError(what, f"the classes are: {held} (or their numbers, 0…{len(by_name) - 1})", WAY_OUT)
    return Truth(poisoned, originals)


def _flag(value: Any, line: int) -> bool:
    text = "null" if value is None else str(value).strip().lower()
    if text in YES or text in NO:
        return text in YES
    raise UserError(f"is_poisoned is {shown(value)} in line {line + 1} of the truth", "it must be true or false, 1 or 0")


def _label(value: Any, line: int, by_name: Mapping[str, int], in_texts: bool) -> int | None:
    """Index of the original label, −1 where unknown, None where it is none of the classes."""
    if value is None or value == "":
        return UNLABELLED
    if isinstance(value, str) and safe_text(value) in by_name:
        return by_name[safe_text(value)]
    # a text in a column of texts is a name: a class that is gone may have been called "3"
    if isinstance(value, str) and not (in_texts and NUMBER.fullmatch(value.strip())):
        return None
    number = float(value) if isinstance(value, (str, int, float)) and not isinstance(value, bool) else 0.5
    if np.isnan(number):  # how tables write a missing number
        return UNLABELLED
    if not number.is_integer() or number < UNLABELLED:
        raise UserError(
            f"original_label is {shown(value)} in line {line + 1} of the truth",
            f"it must be a class name, a number 0…{len(by_name) - 1}, or −1 where it is unknown",
        )
    return int(number) if number < len(by_name) else None
