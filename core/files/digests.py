"""Content digests of files, remembered while their size and time of change stand."""

from __future__ import annotations

import io
import os
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from ..types import DIGEST_BYTES, UInt8, read_only
from .atomic import write_bytes


class FileDigests:
    """Remembers digests of file contents by path, size and time of change (implements the sources' DigestCache)."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[str, tuple[int, int, bytes]] = {}
        self._changed = False
        self._load()

    def get(self, path: Path) -> UInt8 | None:
        """uint8 (m, 16) of `path`, or None where it is unknown or the file has changed since."""
        entry = self._known.get(str(path))
        if entry is None:
            return None
        try:
            status = os.stat(path)
        except OSError:
            return None
        if (status.st_size, status.st_mtime_ns) != entry[:2]:
            return None
        return read_only(np.frombuffer(entry[2], dtype=np.uint8).reshape(-1, DIGEST_BYTES))

    def put(self, path: Path, digests: UInt8) -> None:
        """Remember the digests of `path` as it is now."""
        status = os.stat(path)
        self._known[str(path)] = (status.st_size, status.st_mtime_ns, np.ascontiguousarray(digests).tobytes())
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
            stamps=np.array([entry[:2] for entry in entries], dtype=np.int64).reshape(-1, 2),
            lengths=np.array([len(entry[2]) for entry in entries], dtype=np.int64),
            digests=np.frombuffer(b"".join(entry[2] for entry in entries), dtype=np.uint8),
        )
        write_bytes(self._path, buffer.getvalue())
        self._changed = False

    def _load(self) -> None:
        try:
            with np.load(self._path, allow_pickle=False) as found:
                names = found["names"].tobytes().split(b"\x00")
                stamps, lengths, digests = found["stamps"].tolist(), found["lengths"].tolist(), found["digests"].tobytes()
        except (OSError, ValueError, KeyError, EOFError, BadZipFile):
            return  # a cache: when it is gone or damaged, files are read again
        start = 0
        for name, (size, changed), length in zip(names, stamps, lengths, strict=False):
            self._known[name.decode("utf-8", "surrogateescape")] = (size, changed, digests[start : start + length])
            start += length
