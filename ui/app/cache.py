"""The one cache of what pages and routes derive from an inspection: the least recently used goes first, bounded in bytes.

What cannot be made again is not kept here: the register of row tokens (ui/api/sprites.py), inspections and decisions
(ui/app/services.py), which are bounded by their number and dropped when their files change.
"""

from __future__ import annotations

import sys
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar

import numpy as np

T = TypeVar("T")
MOST_BYTES = 256 * 2**20


class Cache:
    """Values by name, at most `most_bytes` of them together; one that is larger alone is not kept. Safe for many threads."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes, self.bytes = most_bytes, 0
        self._held: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()
        self._making: dict[Hashable, threading.Lock] = {}
        self._lock = threading.Lock()

    def get(self, name: Hashable) -> Any:
        """The value called `name`, None where there is none (any more)."""
        with self._lock:
            found = self._held.get(name)
            if found is None:
                return None
            self._held.move_to_end(name)
            return found[0]

    def put(self, name: Hashable, value: Any) -> None:
        """Keep `value`, forgetting the least recently used where there is no room, and whatever belonged to an owner that is gone."""
        size = size_of(value)
        with self._lock:
            gone = [held for held in self._held if isinstance(held, tuple) and isinstance(held[0], weakref.ref) and held[0]() is None]
            for old in (*gone, name):
                self.bytes -= self._held.pop(old, (None, 0))[1]
            if size <= self._most_bytes:
                self._held[name] = (value, size)
                self.bytes += size
            while self.bytes > self._most_bytes:
                self.bytes -= self._held.popitem(last=False)[1][1]

    def of(self, owner: object, what: str, make: Callable[[], T]) -> T:
        """`what` of `owner`, for as long as that lives; `make` runs once, however many ask for it at the same time."""
        name = (weakref.ref(owner), what)
        found: T | None = self.get(name)
        if found is not None:
            return found
        with self._making.setdefault(name, threading.Lock()):
            found = self.get(name)
            if found is None:
                try:
                    found = make()
                    self.put(name, found)
                finally:
                    self._making.pop(name, None)
        return found


def size_of(value: Any) -> int:
    """Bytes that `value` holds: of its arrays and texts, through containers and dataclasses."""
    if isinstance(value, np.ndarray):
        return value.nbytes
    if isinstance(value, (tuple, list)):
        return sum(map(size_of, value))
    if isinstance(value, dict):
        return sum(size_of(key) + size_of(held) for key, held in value.items())
    if is_dataclass(value):
        return sum(size_of(getattr(value, field.name)) for field in fields(value))
    return sys.getsizeof(value)


CACHE = Cache()
