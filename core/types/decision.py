"""A decision: one line of the review log."""

from __future__ import annotations

from dataclasses import dataclass

ACTIONS = ("keep", "relabel", "exclude", "needs_review")


@dataclass(frozen=True)
class Decision:
    """One line of the append-only log.

    seq: position in the log, from 1.  at: UTC, ISO 8601.  dataset: digest the reviewer saw.
    action: one of ACTIONS, or "undo".  label: class name for `relabel`, else "".
    undoes: seq of the event that this line takes back, or None.  event: lines decided together share it.
    group: what was audited and then decided together: the id of a finding, or "proposals"; "" for any other decision.
    """

    seq: int
    at: str
    reviewer: str
    dataset: str
    image_id: str
    action: str
    label: str
    note: str
    undoes: int | None
    score_version: str
    event: str
    group: str = ""
