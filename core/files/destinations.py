"""Where results go: never into their source, never over anything; built beside their place, then renamed.

A killed process leaves its half-built folder, which the next one that writes there removes: it knows such a folder by its name and
by its owner file, whose lock the system releases when the owner dies.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from ..errors import UserError

PREFIX, SUFFIX = ".taster-", ".build"
OWNER, CONTENT = "owner", "content"


def destination(out: Path, source: Path | None) -> Path:
    """The whole path of `out`; raises UserError where it cannot be one, or lies in `source`, or `source` in it."""
    try:
        place = Path(os.path.realpath(out.expanduser()))
        inside = source is not None and source.exists() and _touches(place, Path(os.path.realpath(source)))
    except (OSError, ValueError, RuntimeError) as error:
        raise cannot_write(out, error) from error
    if inside:
        raise UserError(
            f"'{place}' lies in the source, or the source in it",
            "a place beside the source: Taster never writes into it",
            "choose another path",
        )
    return place


def refuse_taken(places: Sequence[Path], *, are_files: bool) -> None:
    """Raise UserError where one of `places` is there already; an empty folder may be, where folders are to be written."""
    for place in places:
        try:
            is_empty_folder = place.is_dir() and not any(place.iterdir())
            taken = os.path.lexists(place) and (are_files or not is_empty_folder)
        except (OSError, ValueError) as error:
            raise cannot_write(place, error) from error
        if taken:
            raise UserError(f"'{place}' exists already", "a new file, or a new or empty folder", "choose another path")


def cannot_write(place: Path, error: Exception) -> UserError:
    """An error of the file system as one line."""
    reason = getattr(error, "strerror", None) or "no path can be like that"
    named = str(place) if len(str(place)) <= 200 else f"{str(place)[:200]}…"
    return UserError(
        f"'{named}' cannot be written: {reason}",
        "a path on a disk with room on it that you may write to",
        "free some space or choose another path; nothing was left behind",
    )


@contextmanager
def building(place: Path) -> Iterator[Path]:
    """A new folder beside `place`, to be filled and then moved with `move`; it is gone when the block ends, however it ends.

    Raises UserError for any error of the file system inside the block.
    """
    root = place.parent / f"{PREFIX}{uuid4().hex}{SUFFIX}"
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        _sweep(place.parent)
        (root / CONTENT).mkdir(parents=True)
        with open(root / OWNER, "wb") as owner:
            fcntl.flock(owner, fcntl.LOCK_EX)
            yield root / CONTENT
    except (OSError, ValueError) as error:
        raise cannot_write(place, error) from error
    finally:
        # also after Cancelled and Ctrl+C
        shutil.rmtree(root, ignore_errors=True)


def move(built: Path, place: Path) -> None:
    """Give what was built its place; an empty folder there is replaced."""
    if place.is_dir() and built.is_dir():
        place.rmdir()
    built.rename(place)


def _sweep(folder: Path) -> None:
    """Remove what processes that are dead left half built in `folder`."""
    for left in folder.glob(f"{PREFIX}*{SUFFIX}"):
        with suppress(OSError), open(left / OWNER, "rb") as owner:
            fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(left, ignore_errors=True)


def _touches(place: Path, source: Path) -> bool:
    return _lies_in(place, source) or _lies_in(source, place)


def _lies_in(path: Path, folder: Path) -> bool:
    # by file identity, not by name: a system may ignore case or mount one folder in two places
    return folder.exists() and any(above.exists() and above.samefile(folder) for above in (path, *path.parents))
