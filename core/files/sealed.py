"""Files that tell when they were damaged: JSON that carries its own digest, and records of other files' digests.

A flipped bit, a cut end or a swapped file must never become another result. What does not verify counts as missing,
so that whoever wrote it makes it again.
"""

from __future__ import annotations

import json
import os
import threading
from collections import OrderedDict
from hashlib import blake2b
from pathlib import Path
from typing import Any

from ..errors import UserError
from .atomic import read_json, write_json
from .regular import open_regular

SEAL = "seal"
BLOCK = 1 << 22
MOST_REMEMBERED = 4096

# (size, time of change, inode) and the digest of files read in this process: verified once, not at every look
_seen: OrderedDict[str, tuple[tuple[int, int, int], str]] = OrderedDict()
_lock = threading.Lock()


def write_sealed(path: Path, value: dict[str, Any]) -> None:
    """The JSON object `value` at `path`, atomically, with the digest of its content in it."""
    write_json(path, {**value, SEAL: _seal(value)})


def read_sealed(path: Path, *, unsealed: bool = False) -> dict[str, Any] | None:
    """What `write_sealed` wrote; None where it is missing or was changed since.

    unsealed: an object without a seal, as earlier versions wrote, passes as it is.
    """
    found = read_json(path)
    if not isinstance(found, dict):
        return None
    seal = found.pop(SEAL, None)
    return found if (seal is None and unsealed) or seal == _seal(found) else None


def _seal(value: dict[str, Any]) -> str:
    return blake2b(json.dumps(value, sort_keys=True).encode(), digest_size=16).hexdigest()


def file_record(path: Path, what: str = "the file") -> list[Any]:
    """[size in bytes, hex digest] of the file at `path`; raises UserError, in which `what` names it, where it cannot be read."""
    with open_regular(path, what) as file:
        status = os.fstat(file.fileno())
        h = blake2b(digest_size=16)
        while block := file.read(BLOCK):
            h.update(block)
    signature = (status.st_size, status.st_mtime_ns, status.st_ino)
    with _lock:
        _seen[str(path)] = (signature, h.hexdigest())
        _seen.move_to_end(str(path))
        while len(_seen) > MOST_REMEMBERED:
            _seen.popitem(last=False)
    return [status.st_size, h.hexdigest()]


def verifies(path: Path, record: Any) -> bool:
    """Whether the file at `path` is what `file_record` said of it; read once for as long as size and time of change stand."""
    try:
        size, digest = record
        status = os.stat(path)
        if status.st_size != size:
            return False
        known = _seen.get(str(path))
        if known is not None and known[0] == (status.st_size, status.st_mtime_ns, status.st_ino):
            return bool(known[1] == digest)
        return bool(file_record(path) == [size, digest])
    except (OSError, UserError, TypeError, ValueError):
        return False
