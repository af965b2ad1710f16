"""Labels from a file: what other annotators, or another attack, called the same images.

Real label noise comes this way, e.g. CIFAR-10N: Wei, Zhu, Cheng, Liu, Niu, Liu: "Learning with Noisy Labels Revisited:
A Study Using Real-World Human Annotations", ICLR 2022, arXiv 2110.12088. The rate is whatever the file brings.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..errors import UserError
from ..files import check_regular, read_table
from ..types import Dataset, Int64
from .base import Attack, Change, Scene

MAX_NPY_BYTES, MAX_CELLS = 1 << 30, 50_000_000
FORMATS = (".csv", ".parquet", ".npy")
# columns that say which image is meant, or something else that is no label
NOT_LABELS = {"id", "row", "index", "file_name", "filepath", "path", "split", "is_poisoned"}

Table = dict[str, list[object]]


def label_file(scene: Scene) -> Change:
    """Take labels from `scene.labels_file`; rows that it does not name, and rows without a label, stay as they are.

    Lines are matched by the column `id`, else by `row` (position in the source, from 0), else by order. Labels are
    class names, or indices into the classes. UserError where the file, the column or a label cannot be used.
    """
    path = scene.labels_file
    if path is None:
        raise UserError("attack 'label_file' got no file", "it needs a .csv, .parquet or .npy file of labels")
    table = labels_table(path)
    column = pick_column(table, scene.labels_column, scene.dataset.classes, path)
    given = as_labels(table[column], scene.dataset.classes)
    if isinstance(given, str):
        raise UserError(f"column {column!r} of {path.name} holds {given}", _allowed_labels(scene.dataset.classes))
    lines, rows = match_rows(table, scene.dataset, path)
    labels = scene.labels.copy()
    labels[rows] = given[lines]
    changed = np.flatnonzero((labels != scene.labels) & scene.eligible)
    return Change(changed.astype(np.int64), labels[changed])


def labels_table(path: Path) -> Table:
    """Columns of a .csv, .parquet or .npy file as lists; an .npy file has the one column "label"."""
    suffix = path.suffix.lower()
    if suffix not in FORMATS:
        raise UserError(
            f"labels file {path.name!r} is of unknown kind",
            f"it must end in one of: {', '.join(FORMATS)}",
            "pickled files are refused because they can run code; save the labels as .csv",
        )
    if suffix == ".npy":
        return {"label": _read_npy(path)}
    columns = read_table(path, "labels file").columns
    if not columns:
        raise UserError(f"labels file {path.name!r} cannot be read: it holds nothing", f"it must be a sound {suffix} file")
    if len(columns) * max((len(values) for values in columns.values()), default=0) > MAX_CELLS:
        raise UserError(f"labels file {path.name!r} has {len(columns):,} columns", f"at most {MAX_CELLS:,} cells in all")
    return columns


def _read_npy(path: Path) -> list[object]:
    try:
        check_regular(path, "labels file", most=MAX_NPY_BYTES)
        # allow_pickle=False: an object array would run code of whoever made it
        array = np.load(path, allow_pickle=False)
        if not isinstance(array, np.ndarray) or array.ndim != 1 or array.dtype.kind not in "iu":
            raise ValueError("an .npy file of labels holds one row of integers")
        return list(array.tolist())
    except (OSError, ValueError, EOFError) as error:
        raise UserError(f"labels file {path.name!r} cannot be read: {error}", "it must be a sound .npy file") from error


def pick_column(table: Table, asked: str | None, classes: Sequence[str], path: Path) -> str:
    """The column of labels: the one asked for, else the only one that can be read as labels."""
    if asked is not None:
        if asked not in table:
            raise UserError(f"{path.name} has no column {asked!r}", f"it has: {', '.join(table)}")
        return asked
    usable = [name for name in table if name not in NOT_LABELS and not isinstance(as_labels(table[name], classes), str)]
    if len(usable) == 1:
        return usable[0]
    if usable:
        raise UserError(
            f"{path.name} has several columns of labels",
            f"choose one of: {', '.join(usable)}",
            "name it as the labels column",
        )
    raise UserError(f"{path.name} has no column of labels for this data set (columns: {', '.join(table)})", _allowed_labels(classes))


def as_labels(values: Sequence[object], classes: Sequence[str]) -> Int64 | str:
    """int64 indices into `classes`, or what is wrong, in words.

    Text that names classes throughout is read as names, otherwise as numbers; integers are always indices.
    """
    by_name = {name: index for index, name in enumerate(classes)}
    if values and all(isinstance(v, str) and v in by_name for v in values):
        return np.array([by_name[str(v)] for v in values], dtype=np.int64)
    indices = np.empty(len(values), dtype=np.int64)
    for line, value in enumerate(values):
        index = _as_index(value)
        if index is None or not 0 <= index < len(classes):
            return f"{value!r} in line {line + 1} of the data"
        indices[line] = index
    return indices


def _as_index(value: object) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip().isascii() and value.strip().isdigit() and len(value) < 19:
        return int(value)
    return None


def match_rows(table: Table, dataset: Dataset, path: Path) -> tuple[Int64, Int64]:
    """(lines of the table, rows of the data set) that belong together, each int64 (m,)."""
    n_lines = len(next(iter(table.values()), []))
    if "id" in table:
        names = [str(value) for value in table["id"]]
        keys: list[object] = list(names)
        places = dataset.rows_of(names)
    elif "row" in table:
        # a file that counts the source's rows must not slip when some of them were skipped
        source = np.arange(len(dataset)) if dataset.source_rows is None else dataset.source_rows
        where: dict[object, int] = {int(number): row for row, number in enumerate(source)}
        keys = [_as_index(value) for value in table["row"]]
        places = np.array([where.get(key, -1) for key in keys], dtype=np.int64)
    elif n_lines == len(dataset):
        everything = np.arange(n_lines, dtype=np.int64)
        return everything, everything
    else:
        raise UserError(
            f"{path.name} has {n_lines} labels for {len(dataset)} images",
            "without a column 'id' or 'row' it needs one label per image, in order",
        )
    if len(set(keys)) != len(keys):
        raise UserError(f"{path.name} names an image twice", "each image may occur once in its 'id' or 'row' column")
    lines = np.flatnonzero(places >= 0)
    if not len(lines):
        raise UserError(f"{path.name} names no image of this data set", f"ids look like {dataset.ids[0]!r}, rows count from 0")
    return lines, places[lines]


def _allowed_labels(classes: Sequence[str]) -> str:
    names = ", ".join(classes[:10]) + (", …" if len(classes) > 10 else "")
    return f"labels are whole numbers 0…{len(classes) - 1} or class names: {names}"


LABEL_FILE = Attack(
    name="label_file",
    summary="labels taken from a file, such as real annotators' mistakes; pictures stay",
    kind="label_noise",
    defaults={},
    function=label_file,
)
