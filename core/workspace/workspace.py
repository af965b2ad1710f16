"""The workspace: what Taster keeps on disk, and how it is written so that a crash at any moment loses nothing.

    workspace/
      reviews.sqlite             the decisions (core/reviews/log.py)
      digests.npz                content digests of files, valid while size and time of change stand
      sources/<id>.json          which scans a source has had, oldest first
      scans/<key>/               one scan: arrays, result.json, progress.json, lock
      proofs/<key>/              one proof: victims before and after cleansing (core/proofs/folder.py)
      jobs/scans/, jobs/proofs/  what the command lines that the app started said (core/workspace/jobs.py)
      features/<embedder>/       raw features by image content, shared by all scans
Every file is written beside its place, flushed, and renamed: it is there whole or not at all. No pickle.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Any

from ..errors import UserError
from ..files import read_sealed, write_sealed

# of the list of a source's scans
COPY = ".copy"


def default_workspace() -> Path:
    """$TASTER_HOME, else ./workspace."""
    return Path(os.environ.get("TASTER_HOME") or "workspace")


class Workspace:
    """A folder made on first use. Raises UserError where it cannot be written."""

    def __init__(self, root: Path) -> None:
        try:
            self.root = root.expanduser().absolute()
            for name in ("sources", "scans", "features"):
                (self.root / name).mkdir(parents=True, exist_ok=True)
            if not os.access(self.root, os.W_OK | os.X_OK):
                raise PermissionError(errno.EACCES, "it is read-only or closed")
        except (OSError, ValueError, RuntimeError) as error:
            raise UserError(
                f"the workspace '{str(root)[:200]}' cannot be made ({getattr(error, 'strerror', None) or error})",
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
        found = self._known(self._source_file(identity))
        return list(found.get("scans", [])) if found else []

    def _known(self, file: Path) -> dict[str, Any] | None:
        """What is known of a source; from the copy where the file is damaged, None where there never was one.

        Raises UserError where both are damaged: which decisions count for a set must not be forgotten without a word.
        """
        found = read_sealed(file, unsealed=True) or read_sealed(file.with_suffix(COPY))
        if found is None and (file.exists() or file.with_suffix(COPY).exists()):
            raise UserError(
                f"'{file}' is damaged, and so is its copy",
                "the list of a source's scans as Taster wrote it",
                "put both back from a backup, or remove them and scan the source again",
            )
        return found

    def remember_scan(self, identity: str, name: str, key: str, digest: str) -> None:
        """Make `key` the newest scan of the source; two scans at the same moment are both remembered."""
        with _flock(self.root / "sources" / ".lock", wait=True):
            scans = [s for s in self.scans_of(identity) if s["key"] != key] + [{"key": key, "digest": digest}]
            file, known = self._source_file(identity), {"identity": identity, "name": name, "scans": scans}
            write_sealed(file.with_suffix(COPY), known)
            write_sealed(file, known)

    def recent_sources(self) -> list[dict[str, Any]]:
        """Sources with a scan, newest first: {"identity", "name", "scans"}."""
        files = sorted((self.root / "sources").glob("*.json"), key=lambda f: f.stat().st_mtime, reverse=True)
        return [found for found in map(self._known, files) if found and found.get("scans")]

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

    try:
        # a FIFO in its place must not hold us
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise UserError(
            f"the lock '{path}' cannot be opened ({error.strerror})", "a regular file that can be written", "remove it"
        ) from error
    try:
        if not stat.S_ISREG(os.fstat(lock).st_mode):
            raise UserError(f"the lock '{path}' is no regular file", "a regular file", "remove it")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
            return
        yield True
    finally:
        os.close(lock)
