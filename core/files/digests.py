"""Content digests of files, remembered while their size and times of change stand."""

from __future__ import annotations

import io
import os
import zlib
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from ..errors import UserError
from ..types import DIGEST_BYTES, UInt8, read_only
from .atomic import write_bytes
from .regular import check_regular

Stamp = tuple[int, int, int]


class FileDigests:
    """Remembers digests of file contents by path, size and times of change (implements the sources' DigestCache).

    The time at which the file's entry changed counts too: no program can set it back, as it can the content's.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[str, tuple[Stamp, bytes]] = {}
        self._asked: dict[str, Stamp] = {}
        self._changed = False
        self._load()

    def get(self, path: Path) -> UInt8 | None:
        """uint8 (m, 16) of `path`, or None where it is unknown or the file has changed since."""
        try:
            stamp = _stamp(path)
        except OSError:
            return None
        known, digests = self._known.get(str(path), (None, b""))
        if known != stamp:
            self._asked[str(path)] = stamp
            return None
        return read_only(np.frombuffer(digests, dtype=np.uint8).reshape(-1, DIGEST_BYTES))

    def put(self, path: Path, digests: UInt8) -> None:
        """Remember the digests of `path` as it was when it was asked for: what changed while it was read is read again."""
        stamp = self._asked.pop(str(path), None) or _stamp(path)
        self._known[str(path)] = (stamp, np.ascontiguousarray(digests).tobytes())
        self._changed = True

    def save(self) -> None:
        """Write what is new; a second process' additions made meanwhile are merged in."""
        if not self._changed:
            return
        mine, self._known = self._known, {}
        self._load()
        self._known.update(mine)
        names = [name.encode("utf-8", "surrogateescape") for name in self._known]
        entries = list(self._known.values())
        buffer = io.BytesIO()
        np.savez(
            buffer,
            names=np.frombuffer(b"\x00".join(names), dtype=np.uint8),
            stamps=np.array([stamp for stamp, _ in entries], dtype=np.int64).reshape(-1, 3),
            lengths=np.array([len(digests) for _, digests in entries], dtype=np.int64),
            digests=np.frombuffer(b"".join(digests for _, digests in entries), dtype=np.uint8),
        )
        write_bytes(self._path, buffer.getvalue())
        self._changed = False

    def _load(self) -> None:
        try:
            check_regular(self._path, "the digests")
            with np.load(self._path, allow_pickle=False) as found:
                names = found["names"].tobytes().split(b"\x00")
                stamps, lengths, digests = found["stamps"].reshape(-1, 3).tolist(), found["lengths"].tolist(), found["digests"].tobytes()
        except (UserError, OSError, ValueError, KeyError, EOFError, BadZipFile, zlib.error):
            return  # a cache: when it is gone, damaged or of an older kind, files are read again
        if not len(names) == len(stamps) == len(lengths) or sum(lengths) != len(digests):
            return
        start = 0
        for name, stamp, length in zip(names, stamps, lengths, strict=True):
            self._known[name.decode("utf-8", "surrogateescape")] = (tuple(stamp), digests[start : start + length])
            start += length


def _stamp(path: Path) -> Stamp:
    status = os.stat(path)
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns
