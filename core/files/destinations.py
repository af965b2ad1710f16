"""Where results may go, and how they get there whole: refused before the work, written beside the place, renamed at the end.

Nothing is overwritten and nothing goes into the source. What is being written lies in a folder ``.taster-…`` beside its
place, with a file in it that the writer keeps locked for as long as it lives: what a killed writer left there is removed
by the next one in the same folder, and nothing else is.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import secrets
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..errors import UserError

LOCK, CONTENT = "writer", "content"
_NAME = re.compile(r"\.taster-[0-9a-f]{32}")


def checked_place(out: Path, source: Path | None) -> Path:
    """`out` with every link followed; raises UserError where it cannot be a path, lies in `source`, or `source` in it."""
    # also NUL, a text that is no UTF-8, the home of nobody
    with _refused(out, OSError, ValueError, RuntimeError):
        place = Path(os.path.realpath(out.expanduser()))
        if source is not None and source.exists():
            root = Path(os.path.realpath(source))
            if _lies_in(place, root) or _lies_in(root, place):
                raise UserError(
                    f"{_shown(place)} lies in the source, or the source in it",
                    "a place beside the source: Taster never writes into it",
                    "choose another path",
                )
        return place


def refuse_existing(places: Sequence[Path], *, are_files: bool) -> None:
    """Raise UserError where one of `places` is taken; an empty folder may be, where folders are to be written."""
    for place in places:
        with _refused(place, OSError):
            is_empty_folder = place.is_dir() and not any(place.iterdir())
            if os.path.lexists(place) and (are_files or not is_empty_folder):
                raise UserError(f"{_shown(place)} exists already", "a new file, or a new or empty folder", "choose another path")


def free_folder(out: Path, source: Path | None) -> Path:
    """`out` with every link followed, where a folder can be written there; raises UserError where it holds something, too."""
    place = checked_place(out, source)
    refuse_existing([place], are_files=False)
    return place


@contextlib.contextmanager
def written_folder(place: Path) -> Iterator[Path]:
    """A new folder to fill, which becomes `place` when the block ends; as `written_beside` otherwise."""
    with written_beside(place) as content:
        yield content
        refuse_existing([place], are_files=False)
        if place.exists():
            place.rmdir()  # empty, and a rename onto it works on POSIX only
        content.rename(place)


@contextlib.contextmanager
def written_beside(place: Path) -> Iterator[Path]:
    """A new folder beside `place` to write into and rename from; it is gone when the block ends, however it ends.

    Faults of the disk become UserError. Removes what killed writers left beside `place`.
    """
    lock = None
    with _refused(place, OSError):
        place.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(OSError):  # a folder that may be entered and not read
            _remove_left(place.parent)
        folder = place.parent / f".taster-{secrets.token_hex(16)}"
        try:
            folder.mkdir()
            lock = _lock(folder)
            (folder / CONTENT).mkdir()
            yield folder / CONTENT
        finally:
            # also after Cancelled and Ctrl-C
            shutil.rmtree(folder, ignore_errors=True)
            if lock is not None:
                os.close(lock)


@contextlib.contextmanager
def _refused(place: Path, *faults: type[Exception]) -> Iterator[None]:
    """What the system says against `place` as one UserError."""
    try:
        yield
    except faults as error:
        raise UserError(
            f"{_shown(place)} cannot be written: {getattr(error, 'strerror', None) or error}",
            "a path on a disk with room on it that you may write to",
            "free some space or choose another path; nothing was left behind",
        ) from error


def _shown(place: Path) -> str:
    text = str(place)
    return f"'{text}'" if len(text) <= 300 else f"'{text[:299]}…'"


def _lies_in(path: Path, folder: Path) -> bool:
    # by file identity, not by name: a system may ignore case or mount one folder in two places
    if not folder.exists():
        return False
    return any(above.exists() and above.samefile(folder) for above in (path, *path.parents))


# ---- what killed writers left


def _lock(folder: Path) -> int:
    """The descriptor of the folder's lock file, held until it is closed or the process dies."""
    lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    # only a locked file gets the text without which nobody removes the folder
    with contextlib.suppress(OSError):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.write(lock, _mark(folder))
    return lock


def _mark(folder: Path) -> bytes:
    return f"Taster writes {folder.name}\n".encode()


def _remove_left(parent: Path) -> None:
    for name in os.listdir(parent):
        # what cannot be looked into, such as another user's folder, is left alone
        with contextlib.suppress(OSError):
            if _NAME.fullmatch(name) and _is_left(parent / name):
                shutil.rmtree(parent / name, ignore_errors=True)


def _is_left(folder: Path) -> bool:
    """Whether Taster made `folder` and nobody writes there any more."""
    if folder.is_symlink():
        return False
    lock = os.open(folder / LOCK, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if os.read(lock, 256) != _mark(folder):
            return False
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except BlockingIOError:
        return False
    finally:
        os.close(lock)
