"""The workspace: what Taster keeps on disk, and how it is written so that a crash at any moment loses nothing.

    workspace/
      reviews.sqlite             the decisions (core/reviews.py)
      digests.npz                content digests of files, valid while size and time of change stand
      sources/<id>.json          which scans a source has had, oldest first
      scans/<key>/               one scan: arrays, result.json, progress.json, lock
      proofs/<key>/              one proof: victims before and after cleansing (core/prove_record.py)
      features/<embedder>/       raw features by image content, shared by all scans
Every file is written beside its place, flushed, and renamed: it is there whole or not at all. No pickle.
"""

from __future__ import annotations

import contextlib
import errno
import io
import json
import os
import tempfile
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from core.errors import UserError
from core.types import DIGEST_BYTES, UInt8, read_only

TEMPORARY = ".taster-"


def default_workspace() -> Path:
    """$TASTER_HOME, else ./workspace."""
    return Path(os.environ.get("TASTER_HOME") or "workspace")


class Workspace:
    """A folder made on first use. Raises UserError where it cannot be written."""

    def __init__(self, root: Path) -> None:
        self.root = root.expanduser().absolute()
        try:
            for name in ("sources", "scans", "features"):
                (self.root / name).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(
                f"the workspace '{self.root}' cannot be made ({error.strerror})",
                "a folder that can be written",
                "choose another with --workspace DIR or $TASTER_HOME",
            ) from error

    @property
    def reviews_path(self) -> Path:
        return self.root / "reviews.sqlite"

    def scan_dir(self, key: str) -> Path:
        """The folder of one scan; `key` is hexadecimal, never a path. Raises UserError otherwise."""
        if not key or len(key) > 64 or any(c not in "0123456789abcdef" for c in key):
            raise UserError("that is not the key of a scan", "hexadecimal digits")
        return self.root / "scans" / key

    def proof_dir(self, key: str) -> Path:
        """The folder of one proof; `key` is hexadecimal. Raises UserError otherwise."""
        return self.root / "proofs" / self.scan_dir(key).name

    def features_dir(self, embedder_key: str) -> Path:
        return self.root / "features" / blake2b(embedder_key.encode(), digest_size=8).hexdigest()

    # ---- which scans a source has had -------------------------------------------------------

    def _source_file(self, identity: str) -> Path:
        return self.root / "sources" / (blake2b(identity.encode("utf-8", "surrogateescape"), digest_size=12).hexdigest() + ".json")

    def scans_of(self, identity: str) -> list[dict[str, Any]]:
        """Scans of a source, oldest first: {"key", "digest"}."""
        found = read_json(self._source_file(identity))
        return list(found.get("scans", [])) if found else []

    def remember_scan(self, identity: str, name: str, key: str, digest: str) -> None:
        """Make `key` the newest scan of the source; two scans at the same moment are both remembered."""
        with _flock(self.root / "sources" / ".lock", wait=True):
            scans = [s for s in self.scans_of(identity) if s["key"] != key] + [{"key": key, "digest": digest}]
            write_json(self._source_file(identity), {"identity": identity, "name": name, "scans": scans})

    def recent_sources(self) -> list[dict[str, Any]]:
        """Sources with a scan, newest first: {"identity", "name", "scans"}."""
        files = sorted((self.root / "sources").glob("*.json"), key=lambda f: f.stat().st_mtime, reverse=True)
        return [found for found in map(read_json, files) if found and found.get("scans")]

    # ---- one scan at a time -----------------------------------------------------------------

    @contextlib.contextmanager
    def locked(self, key: str, *, wait: bool = True) -> Iterator[bool]:
        """Hold the scan's lock (released by the system when the process dies); yields False if not to be had."""
        with self.locked_folder(self.scan_dir(key), wait=wait) as held:
            yield held

    @contextlib.contextmanager
    def locked_folder(self, directory: Path, *, wait: bool = True) -> Iterator[bool]:
        """As `locked`, for any folder of the workspace; it is made where it is missing."""
        directory.mkdir(parents=True, exist_ok=True)
        with _flock(directory / "lock", wait=wait) as held:
            yield held


@contextlib.contextmanager
def _flock(path: Path, *, wait: bool) -> Iterator[bool]:
    import fcntl

    with open(path, "w", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
            return
        yield True


# ---- files, whole or not at all ----------------------------------------------------------------


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
    """The array at `path`, read-only and memory-mapped."""
    return np.load(path, mmap_mode="r", allow_pickle=False)  # type: ignore[no-any-return]


def write_json(path: Path, value: Any) -> None:
    """JSON at `path`, atomically; keys in the order given."""
    write_bytes(path, json.dumps(value, ensure_ascii=True, indent=1).encode())


def read_json(path: Path) -> Any:
    """The value at `path`; None where there is no such file or it is damaged."""
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None


# ---- content digests of files --------------------------------------------------------------------


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
