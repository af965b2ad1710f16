"""Raw features of one embedder by image content, shared by all scans: shards of a few thousand images on disk."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..files import file_record, read_array, read_json, read_sealed, verifies, write_array, write_json, write_sealed
from ..types import Int64

log = logging.getLogger(__name__)

DIGEST = np.dtype("V16")
GATHER_ROWS = 4096
# every shard that is open holds a file descriptor, of which a process has few
MOST_OPEN = 16


class FeatureStore:
    """Features in shards: `<name>.features.npy` (m, D), `<name>.failed.json`, `<name>.files.json` (size and digest of both), and
    `<name>.digests.npy` (m, 16), which is written last: a shard without it is not there.

    A shard whose files do not verify counts as not there, and its images are embedded again.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.failed: dict[str, str] = {}
        self._names: list[str] = []
        self._digests: list[NDArray[Any]] = []
        self._open: OrderedDict[int, NDArray[Any]] = OrderedDict()
        self._index: tuple[NDArray[Any], Int64] | None = None
        folder.mkdir(parents=True, exist_ok=True)
        for file in sorted(folder.glob("*.digests.npy")):
            self._load(file.name.removesuffix(".digests.npy"))

    def _load(self, name: str) -> None:
        record = read_sealed(self.folder / f"{name}.files.json")
        # earlier versions kept no record: their shards are taken as they are
        if record is None and (self.folder / f"{name}.files.json").exists():
            return self._refuse(name)
        if record is not None and not all(verifies(self.folder / file, known) for file, known in record["files"].items()):
            return self._refuse(name)
        try:
            digests = np.array(read_array(self.folder / f"{name}.digests.npy")).view(DIGEST).ravel()
            rows = len(read_array(self.folder / f"{name}.features.npy"))
        except (OSError, ValueError, EOFError):
            return self._refuse(name)
        if rows != len(digests) or (record is not None and record["digests"] != _named(digests)):
            return self._refuse(name)
        self._names.append(name)
        self._digests.append(digests)
        self.failed.update(read_json(self.folder / f"{name}.failed.json") or {})
        self._index = None

    def _refuse(self, name: str) -> None:
        log.warning("features %s in %s are damaged: their images are embedded again", name[:8], self.folder.name)

    def add(self, digests: NDArray[Any], features: NDArray[Any], failed: dict[str, str]) -> None:
        """Write one shard. digests: (m,) of 16 raw bytes.  features: (m, D).  failed: digest in hex -> reason."""
        name = blake2b(digests.tobytes() + "".join(sorted(failed)).encode(), digest_size=12).hexdigest()
        files = [f"{name}.features.npy", *([f"{name}.failed.json"] if failed else [])]
        write_array(self.folder / files[0], features)
        if failed:
            write_json(self.folder / files[1], failed)
        record = {"files": {file: file_record(self.folder / file) for file in files}, "digests": _named(digests)}
        write_sealed(self.folder / f"{name}.files.json", record)
        write_array(self.folder / f"{name}.digests.npy", digests.view(np.uint8).reshape(-1, 16))
        self._load(name)

    # ---- which images are there

    def places(self, digests: NDArray[Any]) -> Int64:
        """Position of each digest among all features, −1 where it is not there."""
        keys, order = self._sorted()
        if len(keys) == 0:
            return np.full(len(digests), -1, dtype=np.int64)
        wanted = _sortable(digests)
        at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
        return np.where(keys[at] == wanted, order[at], -1)

    def _sorted(self) -> tuple[NDArray[Any], Int64]:
        """All digests, rising, and where each stands; made when asked for after shards were added, not after each."""
        if self._index is None:
            keys = _sortable(np.concatenate(self._digests) if self._digests else np.empty(0, dtype=DIGEST))
            order = np.argsort(keys, kind="stable")
            self._index = keys[order], order
        return self._index

    def missing(self, digests: NDArray[Any]) -> Int64:
        """Rows to embed: unknown, not known to be broken, and the first of their content."""
        unknown = self.places(digests) < 0
        unknown[list(self.failures(digests))] = False
        return np.flatnonzero(unknown & _first_of_each(digests))

    def broken(self, digests: NDArray[Any]) -> Int64:
        """Rows that could not be decoded when they were last tried, the first of their content."""
        failed = np.zeros(len(digests), dtype=bool)
        failed[list(self.failures(digests))] = True
        return np.flatnonzero(failed & _first_of_each(digests))

    def failures(self, digests: NDArray[Any]) -> dict[int, str]:
        """row -> reason, for rows whose content has not been decoded yet."""
        if not self.failed:
            return {}
        unknown = np.flatnonzero(self.places(digests) < 0)
        named = ((int(row), digests[row].tobytes().hex()) for row in unknown)
        return {row: self.failed[name] for row, name in named if name in self.failed}

    # ---- features

    def gather(self, digests: NDArray[Any]) -> NDArray[Any]:
        """Features of `digests`, (m, D)."""
        places, starts = self.places(digests), np.cumsum([0, *map(len, self._digests)])
        shard = np.searchsorted(starts, places, side="right") - 1
        out: NDArray[Any] | None = None
        for s in np.unique(shard):
            which = np.flatnonzero(shard == s)
            part = self._features(int(s))[places[which] - starts[s]]
            if out is None:
                out = np.empty((len(digests), part.shape[1]), dtype=part.dtype)
            out[which] = part
        assert out is not None
        return out

    def _features(self, shard: int) -> NDArray[Any]:
        if shard not in self._open:
            self._open[shard] = read_array(self.folder / f"{self._names[shard]}.features.npy")
            while len(self._open) > MOST_OPEN:
                self._open.popitem(last=False)
        self._open.move_to_end(shard)
        return self._open[shard]

    def walk(self, digests: NDArray[Any]) -> Walk:
        """The features of `digests` in their order, in parts."""
        return Walk(self, digests)


class Walk:
    """Raw features in row order, 4,096 rows at a time; can be walked again."""

    def __init__(self, store: FeatureStore, digests: NDArray[Any]) -> None:
        self._store, self._digests = store, digests

    def __iter__(self) -> Iterator[NDArray[Any]]:
        for start in range(0, len(self._digests), GATHER_ROWS):
            yield self._store.gather(self._digests[start : start + GATHER_ROWS])


def _named(digests: NDArray[Any]) -> str:
    return blake2b(digests.tobytes(), digest_size=16).hexdigest()


def _sortable(digests: NDArray[Any]) -> NDArray[Any]:
    """The digests as byte strings: numpy sorts those, and as all have 16 bytes, equal strings are equal digests."""
    return np.ascontiguousarray(digests).view("S16").ravel()


def _first_of_each(digests: NDArray[Any]) -> NDArray[np.bool_]:
    """True at the first row of each content, (n,)."""
    first = np.zeros(len(digests), dtype=bool)
    first[np.unique(_sortable(digests), return_index=True)[1]] = True
    return first
