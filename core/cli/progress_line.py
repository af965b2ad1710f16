"""Progress in the terminal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class ProgressLine:
    """Progress on stderr: one line that rewrites itself on a terminal, a line every few seconds elsewhere."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._terminal = stream.isatty()
        self._last = ("", -1)

    def __call__(self, state: Any) -> None:
        from ..workspace import STAGE_WORDS

        if state.state != "running":
            if self._terminal:
                self._stream.write("\r\x1b[K")
            return
        self._show(STAGE_WORDS[state.stage], state.done, state.total, state.rate, state.left, state.message)

    def counter(self, words: str) -> Callable[[int, int], None]:
        """A plain (done, total) listener for work that is not a scan."""
        return lambda done, total: self._show(words, done, total, 0.0, None)

    def _show(self, words: str, done: int, total: int, rate: float, left: float | None, message: str = "") -> None:
        # away from a terminal, a line per stage and per fifth of it is enough
        step = done * 5 // total if total else 0
        if not self._terminal and (words, step) == self._last:
            return
        self._last = (words, step)
        text = f"{words}: {done:,} of {total:,} ({100 * done // total} %)" if total else words
        text += f", {rate:,.0f}/s" if rate else ""
        if message:
            text = f"{words}: {100 * done // max(total, 1)} %, {message}"
        text += f", {left:.0f} s left" if left is not None and done < total else ""
        self._stream.write(f"\r{text}\x1b[K" if self._terminal else f"{text}\n")
        self._stream.flush()
