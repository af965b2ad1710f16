"""What the registered scores say of one image, and what they are called."""

from __future__ import annotations

from core.scores import NOT_DESCRIBED, SCORES, Reason, explain, title_of
from core.types import Inspection

__all__ = ["NOT_DESCRIBED", "Reason", "described", "detector_words", "reasons"]


def described() -> dict[str, tuple[str, str]]:
    """Every registered score, in the registry's order: name -> (what it asks, what it cannot see)."""
    return {name: (score.question, score.blind_to) for name, score in SCORES.items()}


def detector_words(name: str) -> str:
    """The score's name as people read it."""
    return "suspicion" if name == "suspicion" else title_of(SCORES, name)


def reasons(inspection: Inspection, row: int) -> list[Reason]:
    """One Reason a score, in the order of `inspection.scores`."""
    return explain(SCORES, inspection, row)
