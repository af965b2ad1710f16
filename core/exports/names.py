"""Where each image of the cleansed set goes: its split, its class, its own name."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import PurePosixPath

import numpy as np

from ..files import unique_names
from ..types import UNLABELLED, Dataset
from .tables import IMAGE_NAME, CleansedPlan

# the folders that readers of image folders take for splits rather than classes
SPLIT_FOLDERS = frozenset({"train", "test", "val", "valid", "validation"})
# \Z: unlike in the tables' engine, "$" would let a line break follow
_IMAGE_NAME = re.compile(IMAGE_NAME.replace("$", r"\Z"))


def image_paths(dataset: Dataset, plan: CleansedPlan, suffixes: Sequence[str], reserved: Sequence[str]) -> list[str]:
    """Posix path in the cleansed folder for each kept row: <class>/<file>; files without a label lie above the classes.

    suffixes: of each kept row's image, used where the id ends in none. Where every kept row names a split and there
    are two or more, <split>/<class>/<file>: test images must not end up among the training images.
    """
    rows = np.flatnonzero(plan.kept)
    splits = [dataset.splits[row] for row in rows]
    has_splits = len(set(splits)) > 1 and SPLIT_FOLDERS.issuperset(splits)
    folders = unique_names([(name, "") for name in plan.classes], reserved)
    groups: dict[tuple[str, int], list[int]] = defaultdict(list)
    for position, row in enumerate(rows):
        groups[splits[position] if has_splits else "", int(plan.labels[row])].append(position)
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
