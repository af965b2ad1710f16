"""What reviewers have decided, as rows of one inspection, followed cheaply while the log grows."""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Any

from ..types import Decision, Inspection
from .log import Reviews

_MOST_FEEDS = 8


class DecisionFeed:
    """The folded log of one inspection, brought up to date by reading only the new lines. Safe for many threads."""

    def __init__(self, inspection: Inspection, lineage: Sequence[str], reviews: Reviews) -> None:
        self._reviews, self._lineage = reviews, tuple(lineage)
        self._dataset = inspection.dataset
        # per row, the decisions that nobody took back, oldest first: taking back the last brings the one before back
        self._standing: dict[int, tuple[Decision, ...]] = {}
        self._touched: list[tuple[int, int]] = []
        self._head = 0
        self._lock = threading.Lock()

    def serves(self, lineage: Sequence[str], reviews: Reviews) -> bool:
        """Whether this feed still follows the right data sets in the right log."""
        return self._lineage == tuple(lineage) and self._reviews is reviews

    def refresh(self) -> int:
        """Read the lines that are new; returns the newest seq (0 for none)."""
        with self._lock:
            for line in self._reviews.log(self._lineage, after=self._head):
                self._take(line)
            return self._head

    def _take(self, line: Decision) -> None:
        self._head = max(self._head, line.seq)
        row = self._dataset.row_of(line.image_id)
        # an image of an earlier state of the source, which this one does not hold
        if row is None:
            return
        standing = self._standing.get(row, ())
        if line.action == "undo":
            self._standing[row] = tuple(decision for decision in standing if decision.seq != line.undoes)
        else:
            self._standing[row] = (*standing, line)
        self._touched.append((line.seq, row))

    def state(self, row: int) -> Decision | None:
        """The decision that holds for `row` (as of the last refresh), or None."""
        standing = self._standing.get(row)
        return standing[-1] if standing else None

    def changes(self, after: int) -> dict[str, Any]:
        """Head, and what holds now for every row touched after line `after` (action None: nothing holds)."""
        self.refresh()
        with self._lock:
            start = bisect_right(self._touched, (after, 2**62))
            return {"head": self._head, "changes": self._states(row for _, row in self._touched[start:])}

    def of_lines(self, lines: Iterable[Decision]) -> dict[str, Any]:
        """The same for the images of `lines`, which were just written."""
        self.refresh()
        rows = [row for line in lines if (row := self._dataset.row_of(line.image_id)) is not None]
        with self._lock:
            return {"head": self._head, "changes": self._states(rows)}

    def _states(self, rows: Iterable[int]) -> list[dict[str, Any]]:
        return [_change(row, self.state(row)) for row in dict.fromkeys(rows)]


def _change(row: int, decision: Decision | None) -> dict[str, Any]:
    if decision is None:
        return {"row": row, "action": None, "label": "", "reviewer": "", "seq": 0}
    return {
        "row": row,
        "action": decision.action,
        "label": decision.label,
        "reviewer": decision.reviewer,
        "seq": decision.seq,
    }


class Feeds:
    """The feeds of the inspections looked at last, made when first asked for. Safe for many threads."""

    def __init__(self) -> None:
        self._held: OrderedDict[str, DecisionFeed] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, inspection: Inspection, lineage: Sequence[str], reviews: Reviews) -> DecisionFeed:
        """The feed of `inspection`, made anew where its lineage has grown since."""
        with self._lock:
            feed = self._held.get(inspection.key)
            if feed is None or not feed.serves(lineage, reviews):
                feed = self._held[inspection.key] = DecisionFeed(inspection, lineage, reviews)
            self._held.move_to_end(inspection.key)
            while len(self._held) > _MOST_FEEDS:
                self._held.popitem(last=False)
            return feed
