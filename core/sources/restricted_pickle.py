"""Python pickles of numbers and texts, read without running anything that the pickle names.

A pickle is a program. Here it may only build lists, dicts, texts, bytes, numbers and plain numeric numpy
arrays; even for those, numpy's own functions are not called: stand-ins take down what the pickle says and
the array is then made from its bytes.
"""

from __future__ import annotations

import math
import pickle
import pickletools
from collections.abc import Callable
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import UserError
from .base import shown

ALLOWED = "lists, dicts, texts, numbers and plain numeric arrays"
WAY_OUT = "get the binary version of the set, or save it as .npz or as image folders"
# Opcodes that build objects in other ways than a plain call, or that ask the reader for objects.
_REFUSED_OPCODES = frozenset({"PERSID", "BINPERSID", "EXT1", "EXT2", "EXT4", "INST", "OBJ", "NEWOBJ", "NEWOBJ_EX"})
_REFUSED_OPCODES |= {"EMPTY_SET", "FROZENSET", "ADDITEMS"}
_MEMO_OPCODES = frozenset({"PUT", "BINPUT", "LONG_BINPUT"})
_TUPLE_OPCODES = frozenset({"TUPLE", "TUPLE1", "TUPLE2", "TUPLE3"})
# An opcode of one byte can build an object of a hundred: a set of 50,000 images takes some 300,000 opcodes.
MAX_OPCODES = 2_000_000
# Hashing tuples in tuples runs through the machine's stack, which ends the process; an array takes five or six.
MAX_TUPLES = 1_000
MAX_SIDES = 8


class _DType:
    """Stand-in for numpy.dtype: takes a plain numeric kind and its byte order, nothing else."""

    __slots__ = ("order", "spec")

    def __init__(self, spec: Any, *_flags: Any) -> None:
        self.spec, self.order = _text(spec), "<"
        if self.spec[:1] not in tuple("biuf") or not self.spec[1:].isdecimal():
            raise pickle.UnpicklingError(f"an array of dtype {self.spec[:20]!r}")

    def __setstate__(self, state: Any) -> None:
        _version, order, *rest = state
        # rest: sub-array, names and fields (None for plain types), item size and alignment, flags
        if any(part is not None for part in rest[:3]) or _text(order) not in ("<", ">", "|", "="):
            raise pickle.UnpicklingError("an array of a structured dtype")
        self.order = _text(order)


class _Array:
    """Stand-in for numpy.ndarray while it is being put together."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value: NDArray[Any] | None = None

    def __setstate__(self, state: Any) -> None:
        _version, shape, dtype, is_fortran, data = state
        if len(shape) > MAX_SIDES:
            raise pickle.UnpicklingError(f"an array of {len(shape)} dimensions")
        if not isinstance(dtype, _DType) or not all(isinstance(side, int) and side >= 0 for side in shape):
            raise pickle.UnpicklingError("an array without a plain shape and dtype")
        data = data.encode("latin-1") if isinstance(data, str) else data
        kind = np.dtype(dtype.spec).newbyteorder("=" if dtype.order == "|" else dtype.order)  # type: ignore[arg-type]
        if not isinstance(data, bytes) or len(data) != math.prod(shape) * kind.itemsize:
            raise pickle.UnpicklingError("an array whose bytes do not fill its shape")
        self.value = np.frombuffer(data, dtype=kind).reshape(shape, order="F" if is_fortran else "C")


class _Call:
    """A global that may be called; has no attributes that a pickle could set."""

    __slots__ = ("_encode", "_name")

    def __init__(self, name: str, encode: Callable[[str], bytes]) -> None:
        self._name, self._encode = name, encode

    def __call__(self, *arguments: Any) -> Any:
        if self._name == "dtype":
            return _DType(*arguments)
        if self._name == "array":
            return _Array()
        text, *encoding = arguments
        if not isinstance(text, str) or [_text(name) for name in encoding] not in (["latin1"], ["latin-1"]):
            raise pickle.UnpicklingError("bytes in another encoding than latin1")
        return self._encode(text)

    def __reduce__(self) -> str:
        raise pickle.PicklingError("a stand-in is not kept")


_GLOBALS = {
    ("numpy.core.multiarray", "_reconstruct"): "array",
    ("numpy._core.multiarray", "_reconstruct"): "array",
    ("numpy", "dtype"): "dtype",
    ("_codecs", "encode"): "encode",
}


class _RestrictedUnpickler(pickle.Unpickler):
    def __init__(self, data: bytes) -> None:
        super().__init__(BytesIO(data), encoding="bytes")
        self._may_encode = len(data)

    def encode(self, text: str) -> bytes:
        """Bytes of a text; all of them together are no longer than the pickle, whatever it repeats."""
        self._may_encode -= len(text)
        if self._may_encode < 0:
            raise pickle.UnpicklingError("more bytes than it is long")
        return text.encode("latin-1")

    def find_class(self, module: str, name: str) -> Any:
        # The array's type is only ever an argument of _reconstruct: a text will do, and cannot be called.
        if (module, name) == ("numpy", "ndarray"):
            return "ndarray"
        if (module, name) not in _GLOBALS:
            raise pickle.UnpicklingError(f"the global {f'{module}.{name}'[:80]}")
        return _Call(_GLOBALS[module, name], self.encode)

    def persistent_load(self, pid: Any) -> Any:
        raise pickle.UnpicklingError("a persistent id")


def load_restricted(data: bytes, name: str) -> dict[str, Any]:
    """The dict in a pickle, its keys as texts, arrays as numpy arrays; raises UserError naming what it refuses."""
    try:
        _check_opcodes(data)
        value = _RestrictedUnpickler(data).load()
    except pickle.UnpicklingError as error:
        raise UserError(f"the pickle {shown(name)} holds {str(error)[:120]}", ALLOWED, WAY_OUT) from error
    except (
        ValueError,
        TypeError,
        LookupError,
        AttributeError,
        EOFError,
        MemoryError,
        OverflowError,
        RecursionError,
    ) as error:
        raise UserError(f"the pickle {shown(name)} is broken ({type(error).__name__})", ALLOWED, WAY_OUT) from error
    if not isinstance(value, dict):
        raise UserError(f"the pickle {shown(name)} holds no dict", ALLOWED, WAY_OUT)
    plain = {_text(key): part for key, part in value.items() if isinstance(key, (str, bytes))}
    return {key: part.value if isinstance(part, _Array) else part for key, part in plain.items()}


def _check_opcodes(data: bytes) -> None:
    tuples = 0
    for count, (opcode, argument, position) in enumerate(pickletools.genops(data)):
        tuples += opcode.name in _TUPLE_OPCODES
        if opcode.name in _REFUSED_OPCODES:
            raise pickle.UnpicklingError(f"the opcode {opcode.name} at byte {position}")
        if count >= MAX_OPCODES or tuples > MAX_TUPLES:
            raise pickle.UnpicklingError(f"more than {MAX_TUPLES:,} tuples or {MAX_OPCODES:,} objects")
        # The reader makes a table as long as the largest number put: a short file could ask for all memory.
        if opcode.name in _MEMO_OPCODES and isinstance(argument, int) and argument > min(len(data), MAX_OPCODES):
            raise pickle.UnpicklingError(f"a memo number beyond its length at byte {position}")


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if isinstance(value, str):
        return value
    raise pickle.UnpicklingError("something else where a text belongs")
