"""How good the scores are, against the truth; and how far detectors agree with each other, without it."""

from .agreement import Agreement, agreement
from .measures import evaluate, to_table

__all__ = ["Agreement", "agreement", "evaluate", "to_table"]
