"""How good the scores are, against the truth; and how far detectors agree with each other, without it."""

from .agreement import Agreement, agreement
from .dissent import Dissent, dissent
from .headline import Headline, headline, mislabelled_rows
from .measures import evaluate, to_table

__all__ = ["Agreement", "Dissent", "Headline", "agreement", "dissent", "evaluate", "headline", "mislabelled_rows", "to_table"]
