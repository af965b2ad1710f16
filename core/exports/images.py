"""The images behind an export: their bytes as stored, the files they lie in, and hard links to these."""

from __future__ import annotations

import os
from pathlib import Path

from ..errors import UnreadableImage, UserError
from ..types import Dataset, Int64


def raw_image(dataset: Dataset, row: int) -> tuple[bytes, str]:
    """(bytes as stored, suffix) of `row`; raises UserError where the image is gone."""
    try:
        return dataset.raw(row)
    except (UnreadableImage, OSError) as error:
        raise UserError(
            f"image '{dataset.ids[row]}' cannot be read any more: {error}",
            "the images as they were scanned",
            "scan the source again",
        ) from error


def source_files(dataset: Dataset, rows: Int64, source: Path | None) -> list[Path] | None:
    """The file of each of `rows` below `source`, or beside it where it is a manifest; None for a container."""
    if source is None or not source.exists():
        return None
    is_folder = source.is_dir()
    root = Path(os.path.realpath(source if is_folder else source.parent))
    files = []
    for row in rows.tolist():
        file = root / dataset.ids[row]
        # in a manifest an id may be any text, so that only the bytes tell whether the file of that name is the image
        if not file.is_file() or not (is_folder or file.read_bytes() == raw_image(dataset, row)[0]):
            return None
        files.append(file)
    return files


def needed_files(dataset: Dataset, rows: Int64, source: Path | None) -> list[Path]:
    """As `source_files`; raises UserError for a container."""
    files = source_files(dataset, rows, source)
    if files is None:
        raise UserError(
            "this export names image files, but the source holds its images in a container",
            "a folder of images, or a manifest whose ids are its file names",
            "export to 'folder' instead",
        )
    return files


def linked(file: Path, place: Path) -> bool:
    """Make `place` a hard link to `file`; False where the file system cannot, as across devices."""
    try:
        os.link(os.path.realpath(file), place)
    except OSError:
        return False
    return True
