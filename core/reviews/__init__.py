"""What people decided: an append-only log, what holds now, in which order to ask, and how a group is audited.

The only room that imports SQLAlchemy. State is a pure fold over the log; an undo is one more line.
"""

from .audit import interval, sample, sample_within, seed_of
from .feed import DecisionFeed, Feeds
from .log import Reviews, fold
from .order import review_order
from .state import ReviewState, review_state

__all__ = [
    "DecisionFeed",
    "Feeds",
    "ReviewState",
    "Reviews",
    "fold",
    "interval",
    "review_order",
    "review_state",
    "sample",
    "sample_within",
    "seed_of",
]
