"""Names of folders and files made of names that others gave: safe on every system, unique, as close to the given ones as can be.

Class names come from a set that may be poisoned, so ``../x``, an empty name or a control character is to be expected.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence

LONGEST = 200  # bytes; file systems allow 255, which leaves room for a number
_FORBIDDEN = frozenset('/\\:*?"<>|')
_DEVICES = frozenset({"con", "prn", "aux", "nul", *(f"{port}{i}" for port in ("com", "lpt") for i in range(1, 10))})


def safe_name(name: str, suffix: str = "") -> str:
    """`name` + `suffix` as one path component that Linux, macOS and Windows accept, at most 200 bytes; not unique.

    Separators, reserved and unprintable characters become "_", a leading dot gets one before it, dots and spaces at
    the end go, devices of Windows ("con", "nul.png") get a "_" before them.
    """
    text = unicodedata.normalize("NFC", name)
    text = "".join("_" if c in _FORBIDDEN or not c.isprintable() else c for c in text)
    text = text.encode("utf-8")[: LONGEST - len(suffix)].decode("utf-8", "ignore")
    text = text if suffix else text.rstrip(". ")
    if not text or text.startswith(".") or text.split(".")[0].rstrip().lower() in _DEVICES:
        text = f"_{text}"
    return text + suffix


def unique_names(wanted: Sequence[tuple[str, str]], taken: Iterable[str] = ()) -> list[str]:
    """A safe name for each (name, suffix), none the same as another or as one in `taken`, whatever the letters' case.

    Names that are safe as they stand are given first, so that ``a/b`` cannot take the folder of ``a_b``; the others
    get "-2", "-3" … in the order given.
    """
    used = {_key(name) for name in taken}
    safe = [safe_name(*pair) for pair in wanted]
    out = [""] * len(wanted)
    for row, (stem, suffix) in enumerate(wanted):
        if safe[row] == stem + suffix and _key(safe[row]) not in used:
            out[row] = safe[row]
            used.add(_key(safe[row]))
    numbers: Counter[str] = Counter()
    for row in (row for row, name in enumerate(out) if not name):
        suffix, name = wanted[row][1], safe[row]
        while _key(name) in used:
            numbers[_key(safe[row])] += 1
            name = f"{safe[row].removesuffix(suffix)}-{numbers[_key(safe[row])] + 1}{suffix}"
        out[row] = name
        used.add(_key(name))
    return out


def _key(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()
