"""Cells of CSV tables that a spreadsheet would run as a formula: quoted when written, unquoted by Taster's own readers.

A text that begins with = + - @, tab or a line break gets a single quote before it, and so does one that begins with such
quotes already, so that taking one away always gives the text back. Numbers are left alone: they are written by Taster.
"""

from __future__ import annotations

import re
from collections.abc import Collection

# for `re` and for arrow's engine alike
FORMULA, QUOTED_FORMULA = r"^('*[=+\-@\t\r\n])", r"'\1"
_FORMULA, _QUOTED = re.compile(FORMULA), re.compile(r"^'('*[=+\-@\t\r\n])")
# columns that Taster's tables of images have, and hardly another program's
OWN_COLUMNS = frozenset(("id", "file_name", "label", "split", "action"))


def quoted_cell(text: str) -> str:
    """`text` as it stands in a CSV that a spreadsheet may open."""
    return _FORMULA.sub(QUOTED_FORMULA, text)


def unquoted_cell(text: str) -> str:
    """What `quoted_cell` was given."""
    return _QUOTED.sub(r"\1", text)


def has_quoted_cells(columns: Collection[str]) -> bool:
    """Whether a CSV with these columns is one that Taster wrote, so that its texts are to be unquoted."""
    return OWN_COLUMNS.issubset(columns)
