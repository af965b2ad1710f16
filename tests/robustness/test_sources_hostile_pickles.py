"""CIFAR pickles that would run code, and files of the wrong shape."""

from __future__ import annotations

import contextlib
import os
import pickle
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import UserError
from core.sources.restricted_pickle import load_restricted
from tests.support.source_files import (
    KINDS,
    LABELS,
    Call,
    draw,
    refused,
)


class NumpyTrick:
    """An array whose state smuggles Python objects in through its dtype."""

    def __init__(self, dtype: Any, shape: tuple[int, ...], data: Any) -> None:
        self.state = (1, shape, dtype, False, data)

    def __reduce__(self) -> tuple[Any, ...]:
        rebuild = np.zeros(1).__reduce__()[0]
        return rebuild, (np.ndarray, (0,), b"b"), self.state


class Dtype:
    """A dtype with a state of its own choosing."""

    def __init__(self, spec: str, state: tuple[Any, ...]) -> None:
        self.spec, self.state = spec, state

    def __reduce__(self) -> tuple[Any, ...]:
        return np.dtype, (self.spec, False, True), self.state


def cifar_with(root: Path, batch: bytes) -> Path:
    folder_ = KINDS["cifar100_python"](root / "c", draw(), LABELS)
    (folder_ / "train").write_bytes(batch)
    return folder_


def cifar_batch(**changed: Any) -> bytes:
    planes = draw().transpose(0, 3, 1, 2).reshape(12, -1)
    return pickle.dumps({"data": planes, "fine_labels": list(LABELS), **changed}, protocol=2)


@pytest.mark.parametrize(
    ("value", "named"),
    [
        (Call(os.system, "touch owned"), "system"),
        (Call(eval, "open('owned', 'w')"), "eval"),
        (Call(getattr, "", "join"), "getattr"),
        (Path("x"), "pathlib"),
        (np.array([1, "a"], dtype=object), "dtype"),
        (np.array([(1, 2)], dtype=[("a", "O"), ("b", "i4")]), "dtype"),
        (NumpyTrick(np.dtype("O"), (1,), [1]), "dtype"),
        (NumpyTrick(Dtype("u1", (3, "|", None, ("a",), {"a": (np.dtype("u1"), 0)}, 8, 1, 27)), (1,), [1]), "structured"),
        (NumpyTrick(np.dtype("u1"), (1 << 40,), b"x"), "do not fill"),
        (NumpyTrick(np.dtype("u1"), (2,), [object, object]), "."),
        (np.float64(1.0), "scalar"),
    ],
    ids=["system", "eval", "getattr", "path", "objects", "struct", "trick", "fields", "shape", "list", "scalar"],
)
def test_pickles_that_name_more_than_numbers_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: object, named: str
) -> None:
    monkeypatch.chdir(tmp_path)
    refused(cifar_with(tmp_path, cifar_batch(extra=value)), named)
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (b"cos\nsystem\n(S'touch owned'\ntR.", "os.system"),
        (b"(S'touch owned'\nios\nsystem\n.", "INST"),
        (b"P1\n.", "PERSID"),
        (b"\x80\x02K\x01Q.", "BINPERSID"),
        (b"\x80\x02\x82\x01.", "EXT1"),
        (b"\x80\x02}r\xff\xff\xff\x7f.", "memo"),
        (b"\x80\x02cnumpy\ndtype\n}X\x01\x00\x00\x00aK\x01sb.", "broken"),
        (b"\x80\x02}", "broken|holds"),
        (b"", "broken|holds"),
        (b"\x80\x04]\x94.", "no dict"),
        (b"\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\x7f.", "broken|holds"),
    ],
    ids=["global", "inst", "persid", "binpersid", "extension", "memo", "build", "cut", "empty", "list", "length"],
)
def test_pickle_opcodes_that_reach_out_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: bytes, match: str) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=match):
        load_restricted(data, "train")
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4])
def test_plain_pickles_of_every_protocol_are_read(protocol: int) -> None:
    held = {"a": [1, 2.5, "x", b"\xe9y", None, True, 10**30], "b": np.arange(6, dtype=">i4").reshape(2, 3), "c": np.ones((2, 2), order="F")}
    got = load_restricted(pickle.dumps(held, protocol=protocol), "p")
    assert got["a"] == held["a"]
    np.testing.assert_array_equal(got["b"], held["b"])
    np.testing.assert_array_equal(got["c"], held["c"])


def test_a_python_2_pickle_is_read() -> None:
    # as Python 2 wrote CIFAR: texts are byte strings (U), so is the array's content
    data = (
        b"\x80\x02}(U\x04datacnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R(K\x01K\x02K\x03\x86"
        b"cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89U\x06abc\xfe\xff\x00tb"
        b"U\x06labels](K\x01K\x02eu."
    )
    got = load_restricted(data, "p")
    assert got["data"].tolist() == [[97, 98, 99], [254, 255, 0]] and got["labels"] == [1, 2]


@settings(max_examples=200, deadline=None)
@given(st.randoms(use_true_random=False))
def test_garbled_pickles_are_read_or_refused(rng: random.Random) -> None:
    data = bytearray(pickle.dumps({"a": list(range(20)), "b": np.arange(6, dtype="i4"), "c": "text"}, protocol=2))
    for _ in range(rng.randint(1, 6)):
        data[rng.randrange(len(data))] = rng.randrange(256)
    with contextlib.suppress(UserError):
        assert isinstance(load_restricted(bytes(data), "p"), dict)


@pytest.mark.parametrize(
    ("changed", "match"),
    [
        ({"data": np.zeros((12, 100), np.uint8)}, "no images"),
        ({"data": np.zeros((12, 3072), np.int64)}, "no images"),
        ({"data": [1, 2]}, "no images"),
        ({"fine_labels": [1, 2]}, "labels"),
        ({"fine_labels": ["a"] * 12}, "labels"),
        ({"fine_labels": None}, "labels"),
    ],
)
def test_cifar_pickles_of_the_wrong_shape(tmp_path: Path, changed: dict[str, Any], match: str) -> None:
    refused(cifar_with(tmp_path, cifar_batch(**changed)), match)


def test_a_cut_cifar_binary(tmp_path: Path) -> None:
    source = KINDS["cifar10_binary"](tmp_path, draw(), LABELS)
    with (source / "data_batch_1.bin").open("ab") as file:
        file.write(b"more")
    refused(source, "no whole number of CIFAR images")
