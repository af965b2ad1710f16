"""The poison simulator: data set + recipe -> data set with truth. One file an attack.

Attacks make the truth; only `evaluation` and `proofs` read it.
"""

from .apply import ALIASES, ATTACKS, ENCODINGS, Overlay, apply_attack, changed_by, find_attack, settings_for
from .base import Attack
from .write import write_poisoned

__all__ = [
    "ALIASES",
    "ATTACKS",
    "ENCODINGS",
    "Attack",
    "Overlay",
    "apply_attack",
    "changed_by",
    "find_attack",
    "settings_for",
    "write_poisoned",
]
