"""How good the scores are, against the truth; and how far detectors agree with each other, without it."""

from .agreement import Agreement, agreement
from .measures import evaluate, read_truth, to_table

__all__ = ["Agreement", "agreement", "evaluate", "read_truth", "to_table"]
