"""The values that flow through Taster: numpy only, checked once, at construction, and read-only after.

Inside Taster everything is a *row* 0…n−1 and arrays are never re-sorted. Outside (database, tables, addresses) only
ids travel. Every room may import these; they import nothing of Taster.
"""

from .arrays import DIGEST_BYTES, UNLABELLED, Bool, Float32, Int32, Int64, UInt8, read_only
from .class_names import class_title
from .dataset import Dataset, Skipped, Truth, content_digest
from .decision import ACTIONS, Decision
from .evidence import Evidence, Suggestions
from .finding import FINDING_KINDS, SHAPELESS, UNSEEN, Finding
from .inspection import VERDICTS, Inspection, Recipe, top_size

__all__ = [
    "ACTIONS",
    "DIGEST_BYTES",
    "FINDING_KINDS",
    "SHAPELESS",
    "UNLABELLED",
    "UNSEEN",
    "VERDICTS",
    "Bool",
    "Dataset",
    "Decision",
    "Evidence",
    "Finding",
    "Float32",
    "Inspection",
    "Int32",
    "Int64",
    "Recipe",
    "Skipped",
    "Suggestions",
    "Truth",
    "UInt8",
    "class_title",
    "content_digest",
    "read_only",
    "top_size",
]
