"""Writing one export: the format is looked up, the place is checked, and the result appears there whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ..errors import UserError
from ..files import checked_place, refuse_existing, written_beside, written_folder
from ..reviews import ReviewState
from ..types import Inspection
from .base import Export, Job
from .registry import EXPORTS

LINKS = ("copy", "hard")


def export(
    inspection: Inspection,
    state: ReviewState,
    *,
    to: str,
    out: Path,
    source: Path | None = None,
    link: str = "copy",
    records: Mapping[str, bytes] | None = None,
) -> list[Path]:
    """Write the format `to` (a name in EXPORTS) to `out`; returns the paths written, the main one first.

    state: what is decided, and the log of it.  out: the file itself where it ends in one of the format's suffixes, else a
    folder that must not exist or be empty.  source: folder or file of the images.  link: "hard" makes hard links for
    `folder` (a copy where that cannot be); who edits such a file edits the source's.
    records: for `folder`, further files by name, written beside its own.
    Raises UserError, with nothing left behind, for a place that exists, lies in the source or cannot be written, for an
    image that is gone, and where the format needs image files but the source is a container.
    """
    for what, given, known in (("export", to, EXPORTS), ("link", link, LINKS)):
        if given not in known:
            raise UserError(f"{what} '{given}' is not known", f"choose one of: {', '.join(known)}")
    place, form = checked_place(out, source), EXPORTS[to]
    is_file = _is_file(place, form)
    refuse_existing([place], are_files=is_file)
    job = Job(inspection, state, place.parent if is_file else place, source, link, records or {})
    return _write_file(job, form, place) if is_file else _write_folder(job, form, place)


def _is_file(place: Path, form: Export) -> bool:
    """Whether `place` names the file itself; refuses the suffix of another format."""
    suffix = place.suffix.lower()
    if suffix in form.suffixes:
        return True
    if any(suffix in other.suffixes for other in EXPORTS.values()):
        allowed = f"a folder, or a name in {' or '.join(form.suffixes)}" if form.suffixes else "a folder"
        raise UserError(f"'{place.name}' is no name for the export '{form.name}'", allowed)
    return False


def _write_file(job: Job, form: Export, place: Path) -> list[Path]:
    with written_beside(place) as content:
        written = form.write(job, content / place.name)
        finals = [place.parent / path.name for path in written]
        refuse_existing(finals, are_files=True)
        # the main file last: where it is, the rest is too
        for path, final in reversed(list(zip(written, finals, strict=True))):
            path.rename(final)
    return finals


def _write_folder(job: Job, form: Export, place: Path) -> list[Path]:
    with written_folder(place) as content:
        written = form.write(job, content / form.file_name if form.suffixes else content)
        finals = [place / path.relative_to(content) for path in written]
    return finals
