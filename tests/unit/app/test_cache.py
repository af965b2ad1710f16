"""The cache: bounded in bytes, the least recently used goes first, made once, nothing of an owner that is gone."""

from __future__ import annotations

import gc
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pytest

from ui.app.cache import Cache, size_of


class Owner:
    pass


def test_it_stays_within_its_bytes_and_forgets_the_least_recently_used() -> None:
    cache = Cache(most_bytes=3000)
    for name in "abc":
        cache.put(name, np.zeros(1000, np.uint8))
    assert cache.bytes == 3000 and cache.get("a") is not None
    cache.put("d", np.zeros(1000, np.uint8))
    assert cache.bytes == 3000 and cache.get("b") is None and cache.get("a") is not None and cache.get("d") is not None


def test_what_is_too_large_is_made_each_time_and_takes_no_room() -> None:
    cache, owner, made = Cache(most_bytes=100), Owner(), []
    for _ in range(2):
        assert len(cache.of(owner, "large", lambda: made.append(1) or np.zeros(1000, np.uint8))) == 1000
    assert len(made) == 2 and cache.bytes == 0


def test_another_value_of_a_name_replaces_the_first() -> None:
    cache = Cache()
    cache.put("a", np.zeros(1000, np.uint8))
    cache.put("a", np.zeros(10, np.uint8))
    assert cache.bytes == 10 and len(cache.get("a")) == 10


def test_many_threads_that_ask_together_make_it_once() -> None:
    cache, owner, made = Cache(), Owner(), []

    def make() -> np.ndarray:
        made.append(threading.get_ident())
        time.sleep(0.05)
        return np.arange(5)

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: cache.of(owner, "slow", make), range(8)))
    assert len(made) == 1 and all(one is found[0] for one in found)


def test_a_failure_is_not_kept() -> None:
    cache, owner = Cache(), Owner()
    with pytest.raises(ZeroDivisionError):
        cache.of(owner, "x", lambda: 1 // 0)
    assert cache.of(owner, "x", lambda: 7) == 7


@pytest.mark.slow
def test_what_belongs_to_an_owner_that_is_gone_is_forgotten_and_never_another_owners() -> None:
    cache = Cache()
    for number in range(20):
        owner = Owner()
        assert cache.of(owner, "number", lambda number=number: np.full(100, number))[0] == number
        del owner
        gc.collect()
    cache.put("last", b"")
    assert cache.bytes < 900


def test_the_size_of_what_is_kept() -> None:
    @dataclass
    class Two:
        a: np.ndarray
        b: tuple[bytes, ...]

    assert size_of(Two(np.zeros(7, np.float32), (b"x" * 1000, b""))) == pytest.approx(1028, abs=100)
    assert size_of({"k": np.zeros(1000, np.uint8)}) == pytest.approx(1000, abs=100)
