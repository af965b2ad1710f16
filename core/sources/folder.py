"""A folder of class folders: the first folder below SOURCE names the class, images lie at any depth inside."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ..errors import UnreadableImage
from ..types import Dataset, Skipped
from .base import SPLIT_NAMES, TRUTH_FILE, Options, Rows, Source, build, safe_text
from .decoding import UNSUPPORTED_SUFFIXES, image_suffixes, read_file
from .files import as_digests, file_digest, is_inside, list_files
from .labels import labels_by_name
from .stored import encoded_doors
from .truth import read_truth


def wanted_image(name: str) -> str | None:
    """ "" for a file name that an image has, a reason for kinds that cannot be decoded, None for other files."""
    # a file called ".png" alone is an image to training loaders
    suffix = "".join(name.lower().rpartition(".")[1:])
    if suffix in image_suffixes():
        return ""
    if suffix in UNSUPPORTED_SUFFIXES:
        return f"{suffix[1:].upper()} files are not supported: convert it to PNG or JPEG"
    return None


def open_folder(path: Path, options: Options) -> Dataset:
    """Dataset of the image files below `path`, ids being their posix paths; those in no class folder have no label.

    Where every top-level folder is named train, test, val, valid or validation, that is the split and
    the class is one level deeper. A top-level truth.parquet is read. Broken images show when decoded.
    """
    files, skipped = list_files(path, options, wanted_image)
    names, places, digests = [], [], []
    for name, place in files:
        try:
            digests.append(file_digest(place, options))
        except UnreadableImage as error:
            skipped.append(Skipped(safe_text(name), error.reason))
            continue
        names.append(name)
        places.append(place)
    folders = [name.split("/")[:-1] for name in names]
    has_splits = any(folders) and all(parts[0] in SPLIT_NAMES for parts in folders if parts)
    level = 1 if has_splits else 0
    given = [parts[level] if len(parts) > level else None for parts in folders]
    classes = sorted({name for name in given if name is not None})
    rows = Rows(
        names,
        labels_by_name(given, classes),
        classes,
        as_digests(digests),
        [parts[0] if has_splits and parts else "" for parts in folders],
    )
    doors = encoded_doors(lambda row: read_file(places[row]), rows.digests)
    return _with_truth(build(path.name, rows, doors, skipped), path, options)


def _with_truth(dataset: Dataset, path: Path, options: Options) -> Dataset:
    table = path / TRUTH_FILE
    if not table.is_file():
        return dataset
    if not options.allow_outside and not is_inside(path, table):
        skip = Skipped(TRUTH_FILE, "a link that leaves the source's folder")
        return replace(dataset, skipped=(*dataset.skipped, skip))
    return replace(dataset, truth=read_truth(table, dataset))


FOLDER = Source("folder", "a folder of class folders", lambda path, options: path.is_dir(), open_folder)
