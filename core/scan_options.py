"""What a person may choose about a scan, and the part of it that names the result."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b

from core.embedders import EMBEDDERS, find_embedder
from core.errors import UserError
from core.types import Recipe


@dataclass(frozen=True)
class ScanOptions:
    """What a person may choose about a scan."""

    embedder: str = "gradients"
    k: int = 50
    device: str = "auto"
    seed: int = 0
    weights: str | None = None
    embeddings: str | None = None
    allow_outside: bool = False

    def recipe(self) -> Recipe:
        """The part of the options that names the result. Raises UserError for what cannot be."""
        embedder = find_embedder(self.embedder)
        if not 1 <= self.k <= 1000:
            raise UserError(f"k = {self.k} cannot be", "1 to 1000 neighbours")
        if not 0 <= self.seed < 2**32:
            raise UserError(f"seed = {self.seed} cannot be", "a whole number from 0 to 4294967295")
        if self.embeddings is not None and self.embedder != "precomputed":
            raise UserError(f"--embeddings does not go with embedder '{self.embedder}'", "it is for embedder 'precomputed'", "leave one of the two out")
        if self.weights is not None and not embedder.trained:
            named = ", ".join(name for name, entry in EMBEDDERS.items() if entry.trained)
            raise UserError(f"--weights does not go with embedder '{self.embedder}'", f"it is for {named}", "leave it out")
        files = {"weights": self.weights, "embeddings": self.embeddings}
        return Recipe(
            self.embedder,
            self.k,
            self.seed,
            tuple((name, _file_digest(name, file)) for name, file in files.items() if file is not None),
        )


def _file_digest(option: str, file: str) -> str:
    try:
        with open(file, "rb") as opened:
            h = blake2b(digest_size=16)
            while block := opened.read(1 << 22):
                h.update(block)
            return h.hexdigest()
    except OSError as error:
        raise UserError(f"--{option} '{file}' cannot be read ({error.strerror})", "a file on this machine") from error
