"""Files that are there whole or not at all: written beside their place, flushed, and renamed. No pickle."""

from __future__ import annotations

import contextlib
import errno
import io
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import UserError
from .regular import check_regular, read_regular

TEMPORARY = ".taster-"
MAPPED_BYTES = 4 << 20
# ids and names of some ten million images
MOST_JSON_BYTES = 1 << 30


def write_bytes(path: Path, content: bytes) -> None:
    """`content` at `path`, atomically. Raises UserError when the disk is full or read-only; nothing is left then."""
    temporary = ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=TEMPORARY)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        temporary = ""
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise UserError(
                f"the disk that holds '{path.parent}' is full",
                "what was finished before is kept",
                "free some space and run the same command again: it goes on from there",
            ) from error
        raise UserError(f"'{path}' cannot be written ({error.strerror})", "a workspace that can be written") from error
    finally:
        # also when the work is cancelled in the middle of a write
        if temporary:
            with contextlib.suppress(OSError):
                os.unlink(temporary)


def remove_temporaries(folder: Path) -> None:
    """Remove what a killed process left half written in `folder`; only for whoever alone writes there."""
    for left in folder.glob(f"{TEMPORARY}*"):
        with contextlib.suppress(OSError):
            left.unlink()


def write_array(path: Path, array: NDArray[Any]) -> None:
    """A plain array at `path` (.npy), atomically; the same array always gives the same bytes."""
    buffer = io.BytesIO()
    np.save(buffer, np.ascontiguousarray(array), allow_pickle=False)
    write_bytes(path, buffer.getvalue())


def read_array(path: Path) -> NDArray[Any]:
    """The array at `path`, read-only; memory-mapped where it is large, since every map holds a file descriptor."""
    check_regular(path, "the file")
    if path.stat().st_size >= MAPPED_BYTES:
        return np.load(path, mmap_mode="r", allow_pickle=False)  # type: ignore[no-any-return]
    found: NDArray[Any] = np.load(path, allow_pickle=False)
    found.setflags(write=False)
    return found


def write_json(path: Path, value: Any) -> None:
    """JSON at `path`, atomically; keys in the order given."""
    write_bytes(path, json.dumps(value, ensure_ascii=True, indent=1).encode())


def read_json(path: Path) -> Any:
    """The value at `path`; None where there is no such regular file, or it is too large or damaged."""
    try:
        return json.loads(read_regular(path, "the file", most=MOST_JSON_BYTES))
    # nested thousands deep it is RecursionError
    except (UserError, OSError, ValueError, RecursionError):
        return None
