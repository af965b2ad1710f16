"""Errors that a person can fix, in one line: what is wrong – what is allowed – the way out."""

from __future__ import annotations


class TasterError(Exception):
    """Base of every error that Taster raises on purpose."""


class UserError(TasterError):
    """Something the user can fix.

    Parameters
    ----------
    what: the fact, e.g. ``"embedder 'dinov3' is not known"``.
    allowed: what would have been accepted, e.g. ``"choose one of: gradients, resnet18"``.
    way_out: what to do next; may be empty where `allowed` says it already.
    """

    def __init__(self, what: str, allowed: str = "", way_out: str = "") -> None:
        self.what, self.allowed, self.way_out = what, allowed, way_out
        super().__init__(" – ".join(_one_line(part) for part in (what, allowed, way_out) if part))


class UnreadableImage(TasterError):
    """One image cannot be used; `reason` is shown in the list of skipped files."""

    def __init__(self, reason: str) -> None:
        self.reason = _one_line(reason)
        super().__init__(self.reason)


class Cancelled(TasterError):
    """The person asked for the work to stop; what is finished stays in the workspace."""


def _one_line(text: str) -> str:
    """Text with control characters and line breaks shown as spaces: names come from hostile files."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
