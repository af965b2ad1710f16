"""Files of a source: listing them without following a link out, and remembering their digests."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from hashlib import blake2b
from pathlib import Path

import numpy as np

from ..errors import UnreadableImage, UserError
from ..files import TEMPORARY
from ..types import DIGEST_BYTES, Skipped, UInt8
from .base import TRUTH_FILE, Options, safe_text, shown
from .decoding import file_problem, read_file, why_unread

# Digest of a container's row that holds no image.
NO_DIGEST = bytes(DIGEST_BYTES)


def is_inside(root: Path, path: Path) -> bool:
    """Whether `path`, with every link followed, lies in `root` (itself already resolved)."""
    return Path(os.path.realpath(path)).is_relative_to(root)


def contained(root: Path, name: str, allow_outside: bool) -> Path:
    """The file that a table names, resolved; raises UnreadableImage where it leaves `root` or is no such file."""
    try:
        path = Path(os.path.realpath(root / name))
        if not allow_outside and not path.is_relative_to(root):
            raise UnreadableImage("lies outside the source's folder")
        problem = file_problem(path.stat())
    except (OSError, ValueError) as error:
        raise UnreadableImage(why_unread(error)) from error
    if problem:
        raise UnreadableImage(problem)
    return path


def list_files(
    root: Path, options: Options, wanted: Callable[[str], str | None], depth: int | None = None
) -> tuple[list[tuple[str, Path]], list[Skipped]]:
    """([(posix path below `root`, place)] sorted, what was left out) of the files whose name `wanted` accepts.

    `root` is resolved already; `depth` 1 stays in it. `wanted` gives "" to take a name, None to pass over
    it, else the reason to skip it. Nothing is opened. Names that begin with a dot count as others do, since training
    loaders read them; only what Taster has not finished writing is passed over. Links that leave `root` are skipped
    unless allowed; every folder is walked once, so loops of links end.
    """
    walk = _Walk(root, options, wanted, depth)
    walk.run()
    walk.files.sort()
    return walk.files, walk.skipped


def list_shards(path: Path, suffix: str, options: Options) -> tuple[list[tuple[str, Path]], list[Skipped]]:
    """`list_files` of the containers with this suffix in `path` and one folder deeper, or `path` itself where it is one."""
    if path.is_file():
        return [(path.name, path)], []

    def wanted(name: str) -> str | None:
        return "" if name.lower().endswith(suffix) and name != TRUTH_FILE else None

    return list_files(path, options, wanted, depth=2)


class _Walk:
    def __init__(self, root: Path, options: Options, wanted: Callable[[str], str | None], depth: int | None) -> None:
        self.root, self.options, self.wanted, self.depth = root, options, wanted, depth
        self.files: list[tuple[str, Path]] = []
        self.skipped: list[Skipped] = []
        self._walked: set[str] = set()
        # Real folders first: where a folder and a link to it both lie here, its images belong to the folder.
        self._folders = deque([("", str(root))])
        self._linked: deque[tuple[str, str]] = deque()

    def run(self) -> None:
        while self._folders or self._linked:
            name, place = self._folders.popleft() if self._folders else self._linked.popleft()
            try:
                self._folder(name, place)
            except OSError as error:
                self._skip(name or ".", why_unread(error))

    def _skip(self, name: str, reason: str) -> None:
        self.skipped.append(Skipped(safe_text(name), reason))

    def _folder(self, name: str, place: str) -> None:
        real = os.path.realpath(place)
        if real in self._walked:
            return self._skip(name, "a link to a folder that is listed already")
        self._walked.add(real)
        with os.scandir(place) as entries:
            found = [entry for entry in entries if not entry.name.startswith(TEMPORARY)]
        for entry in sorted(found, key=lambda entry: entry.name):
            below = f"{name}/{entry.name}" if name else entry.name
            try:
                self._entry(entry, below)
            except OSError as error:
                self._skip(below, why_unread(error))
        return None

    def _entry(self, entry: os.DirEntry[str], name: str) -> None:
        is_link, is_folder = entry.is_symlink(), entry.is_dir()
        verdict = "" if is_folder else self.wanted(entry.name)
        if verdict is None:
            return
        if is_link and not self.options.allow_outside and not is_inside(self.root, Path(entry.path)):
            self._skip(name, "a link that leaves the source's folder")
        elif is_folder:
            if self.depth is None or name.count("/") + 1 < self.depth:
                (self._linked if is_link else self._folders).append((name, entry.path))
        elif problem := verdict or file_problem(entry.stat()):
            self._skip(name, problem)
        else:
            self.files.append((name, Path(entry.path)))


def digest_bytes(data: bytes | memoryview) -> bytes:
    """16-byte digest of an image's encoded bytes, or of its pixels."""
    return blake2b(data, digest_size=DIGEST_BYTES).digest()


def as_digests(digests: Sequence[bytes]) -> UInt8:
    """uint8 (n, 16) of n digests."""
    return np.array(np.frombuffer(b"".join(digests), dtype=np.uint8).reshape(len(digests), DIGEST_BYTES))


def file_digest(path: Path, options: Options) -> bytes:
    """Digest of one image file, remembered or read; raises UnreadableImage."""
    kept = kept_digests(path, 1, options)
    if kept is not None:
        return kept.tobytes()
    digest = digest_bytes(read_file(path))
    keep_digests(path, as_digests([digest]), options)
    return digest


def kept_digests(path: Path, n_rows: int, options: Options) -> UInt8 | None:
    """uint8 (n_rows, 16) remembered for a file of so many rows, or None; a row of zeros holds no image."""
    kept = None if options.digests is None else options.digests.get(path)
    return kept if kept is not None and kept.shape == (n_rows, DIGEST_BYTES) else None


def keep_digests(path: Path, digests: UInt8, options: Options) -> None:
    """Remember uint8 (rows, 16) for a file, where there is a cache."""
    if options.digests is not None:
        options.digests.put(path, digests)


def container_digests(path: Path, n_rows: int, contents: Iterable[bytes], options: Options) -> UInt8:
    """uint8 (n_rows, 16) of a container's rows, remembered or from their `contents`; raises UserError where they cannot be read."""
    kept = kept_digests(path, n_rows, options)
    if kept is None:
        try:
            kept = as_digests([digest_bytes(content) for content in contents])
        except UnreadableImage as error:
            raise UserError(f"{shown(path.name)}: {error.reason}", "a whole file that can be read") from error
        keep_digests(path, kept, options)
    return kept
