"""The proof: the same network trained before and after cleansing, how accurate it is and how often the attack works.

Beside `evaluation` the only reader of the truth. A proof that is stopped resumes.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .folder import ProofFolder, decisions_digest, interval, proofs_of
    from .options import SEVERAL, TRIGGERS, VICTIM_NAMES, ProveOptions
    from .proof import prove
    from .trainer import usual_epochs
    from .words import percent, proof_line, proof_text, with_interval

# loaded when first asked for: torch takes seconds, and every command's help comes through here
_HOMES = {
    "ProofFolder": "folder",
    "decisions_digest": "folder",
    "interval": "folder",
    "proofs_of": "folder",
    "ProveOptions": "options",
    "SEVERAL": "options",
    "TRIGGERS": "options",
    "VICTIM_NAMES": "options",
    "prove": "proof",
    "usual_epochs": "trainer",
    "percent": "words",
    "proof_line": "words",
    "proof_text": "words",
    "with_interval": "words",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"{__name__} has no {name}")
    from importlib import import_module

    return getattr(import_module(f".{_HOMES[name]}", __name__), name)


__all__ = [
    "SEVERAL",
    "TRIGGERS",
    "VICTIM_NAMES",
    "ProofFolder",
    "ProveOptions",
    "decisions_digest",
    "interval",
    "percent",
    "proof_line",
    "proof_text",
    "proofs_of",
    "prove",
    "usual_epochs",
    "with_interval",
]
