"""Names of folders and files for the cleansed set: safe on every system, unique, as close to the given ones as can be.

Class names come from a set that may be poisoned, so ``../x``, an empty name or a control character is to be expected.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

import numpy as np

from ..types import UNLABELLED, Dataset
from .tables import IMAGE_NAME, CleansedPlan

LONGEST = 200  # bytes; file systems allow 255, which leaves room for a number
# the folders that readers of image folders take for splits rather than classes
SPLIT_FOLDERS = frozenset({"train", "test", "val", "valid", "validation"})
# \Z: unlike in the tables' engine, "$" would let a line break follow
_IMAGE_NAME = re.compile(IMAGE_NAME.replace("$", r"\Z"))
_FORBIDDEN = frozenset('/\\:*?"<>|')
_DEVICES = frozenset({"con", "prn", "aux", "nul", *(f"{port}{i}" for port in ("com", "lpt") for i in range(1, 10))})


def safe_name(name: str, suffix: str = "") -> str:
    """`name` + `suffix` as one path component that Linux, macOS and Windows accept, at most 200 bytes; not unique.

    Separators, reserved and unprintable characters become "_", a leading dot gets one before it, dots and spaces at
    the end go, devices of Windows ("con", "nul.png") get a "_" before them.
    """
    text = unicodedata.normalize("NFC", name)
    text = "".join("_" if c in _FORBIDDEN or not c.isprintable() else c for c in text)
    text = text.encode("utf-8")[: LONGEST - len(suffix)].decode("utf-8", "ignore")
    text = text if suffix else text.rstrip(". ")
    if not text or text.startswith(".") or text.split(".")[0].rstrip().lower() in _DEVICES:
        text = f"_{text}"
    return text + suffix


def unique_names(wanted: Sequence[tuple[str, str]], taken: Iterable[str] = ()) -> list[str]:
    """A safe name for each (name, suffix), none the same as another or as one in `taken`, whatever the letters' case.

    Names that are safe as they stand are given first, so that ``a/b`` cannot take the folder of ``a_b``; the others
    get "-2", "-3" … in the order given.
    """
    used = {_key(name) for name in taken}
    safe = [safe_name(*pair) for pair in wanted]
    out = [""] * len(wanted)
    for row, (stem, suffix) in enumerate(wanted):
        if safe[row] == stem + suffix and _key(safe[row]) not in used:
            out[row] = safe[row]
            used.add(_key(safe[row]))
    numbers: Counter[str] = Counter()
    for row in (row for row, name in enumerate(out) if not name):
        suffix, name = wanted[row][1], safe[row]
        while _key(name) in used:
            numbers[_key(safe[row])] += 1
            name = f"{safe[row].removesuffix(suffix)}-{numbers[_key(safe[row])] + 1}{suffix}"
        out[row] = name
        used.add(_key(name))
    return out


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


def _key(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()
