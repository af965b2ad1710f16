"""The cleansed set as a folder of class folders, with its records beside the images."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import numpy as np

from ..files import unique_names
from ..reviews import ReviewState
from ..types import UNLABELLED
from .base import Export, Job, write_table
from .decisions import write_decisions
from .images import linked, raw_image, source_files
from .manifest import manifest_table
from .scores import write_scores
from .tables import IMAGE_NAME

RECORDS = ("manifest.csv", "decisions.csv", "scores.parquet", "scores.parquet.json")
# the folders that readers of image folders take for splits rather than classes
SPLIT_FOLDERS = frozenset({"train", "test", "val", "valid", "validation"})
# \Z: unlike in the tables' engine, "$" would let a line break follow
_IMAGE_NAME = re.compile(IMAGE_NAME.replace("$", r"\Z"))


def write_folder(job: Job, folder: Path) -> list[Path]:
    """The kept images below `folder`, under their labels after the decisions, and the records; the records' paths."""
    dataset, state = job.inspection.dataset, job.state
    rows = np.flatnonzero(state.kept)
    files = source_files(dataset, rows, job.source) if job.link == "hard" else None
    suffixes = ["" if has_image_name(dataset.ids[row]) else raw_image(dataset, row)[1] for row in rows.tolist()]
    names = image_paths(state, suffixes, (*RECORDS, *job.records))
    for parent in {(folder / name).parent for name in names}:
        parent.mkdir(parents=True, exist_ok=True)
    for position, row in enumerate(rows.tolist()):
        if files is None or not linked(files[position], folder / names[position]):
            (folder / names[position]).write_bytes(raw_image(dataset, row)[0])
    records = [folder / name for name in RECORDS]
    write_table(manifest_table(state, names), records[0])
    write_decisions(job, records[1])
    write_scores(job, records[2])
    for name, content in job.records.items():
        (folder / name).write_bytes(content)
    return records


def image_paths(state: ReviewState, suffixes: Sequence[str], reserved: Sequence[str]) -> list[str]:
    """Posix path in the cleansed folder for each kept row: <class>/<file>; files without a label lie above the classes.

    suffixes: of each kept row's image, used where the id ends in none. Where every kept row names a split and there
    are two or more, <split>/<class>/<file>: test images must not end up among the training images.
    """
    dataset, rows = state.dataset, np.flatnonzero(state.kept)
    splits = [dataset.splits[row] for row in rows]
    has_splits = len(set(splits)) > 1 and SPLIT_FOLDERS.issuperset(splits)
    folders = unique_names([(name, "") for name in state.classes], reserved)
    groups: dict[tuple[str, int], list[int]] = defaultdict(list)
    for position, row in enumerate(rows):
        groups[splits[position] if has_splits else "", int(state.labels[row])].append(position)
    out = [""] * len(rows)
    for (split, label), positions in groups.items():
        wanted = [_image_name(dataset.ids[rows[position]], suffixes[position]) for position in positions]
        taken = [] if label != UNLABELLED else [*reserved, *folders]
        parent = PurePosixPath(split, "" if label == UNLABELLED else folders[label])
        for position, name in zip(positions, unique_names(wanted, taken), strict=True):
            out[position] = str(parent / name)
    return out


def has_image_name(image_id: str) -> bool:
    """Whether an id ends as the name of an image file does; rows of a container do not."""
    return _IMAGE_NAME.search(image_id) is not None


def _image_name(image_id: str, suffix: str) -> tuple[str, str]:
    """(stem, suffix) of the last part of an id; the image's own suffix is added where the id has none."""
    name = image_id.rsplit("/", 1)[-1]
    if not has_image_name(name):
        return name, suffix
    stem, _, end = name.rpartition(".")
    return stem, f".{end}"


FOLDER = Export("folder", "cleansed set as a folder of class folders, with its records", "", (), write_folder)
