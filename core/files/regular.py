"""Opening what others left in a place: only regular files, of bounded size, and never waiting.

A path may name a FIFO, a socket, a device, or a link to /dev/zero: opening those hangs or fills the memory.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO

from ..errors import UserError

MEBIBYTE = 1 << 20


def open_regular(path: str | Path, what: str, *, most: int | None = None) -> BinaryIO:
    """`path` opened for reading bytes, where it is a regular file of at most `most` bytes.

    what: how the error names it, e.g. ``"--truth"``.  Raises UserError otherwise; links are followed.
    """
    try:
        # O_NONBLOCK: a FIFO nobody writes to must not hold us; for a regular file it means nothing
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0))
    except (OSError, ValueError) as error:
        raise UserError(f"{what} '{path}' cannot be read ({_reason(error)})", "a regular file that can be read") from error
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise UserError(f"{what} '{path}' is {_kind(status.st_mode)}", "a regular file", "choose another file")
        if most is not None and status.st_size > most:
            raise UserError(f"{what} '{path}' has {status.st_size:,} bytes", f"at most {most:,} bytes", "choose a smaller file")
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def read_regular(path: str | Path, what: str, *, most: int) -> bytes:
    """The bytes of a regular file of at most `most` bytes; raises UserError as `open_regular` does."""
    with open_regular(path, what, most=most) as file:
        # a file that grows while it is read is still bounded
        return file.read(most)


def check_regular(path: str | Path, what: str, *, most: int | None = None) -> None:
    """Raise UserError where `path` is no regular file of at most `most` bytes; for libraries that open it themselves."""
    open_regular(path, what, most=most).close()


def _reason(error: OSError | ValueError) -> str:
    return (error.strerror or type(error).__name__) if isinstance(error, OSError) else "not a possible name"


def _kind(mode: int) -> str:
    kinds = (
        (stat.S_ISDIR, "a folder"),
        (stat.S_ISFIFO, "a FIFO"),
        (stat.S_ISSOCK, "a socket"),
        (stat.S_ISCHR, "a device"),
        (stat.S_ISBLK, "a device"),
    )
    return next((word for test, word in kinds if test(mode)), "no regular file")
