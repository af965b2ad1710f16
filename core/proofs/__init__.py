"""The proof: the same network trained before and after cleansing, how accurate it is and how often the attack works.

Beside `evaluation` the only reader of the truth. A proof that is stopped resumes.
"""

from typing import TYPE_CHECKING

from ..doors import opened_later

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


__getattr__ = opened_later(__name__, _HOMES)


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
