"""What a person may choose about a scan, and the part of it that names the result."""

from __future__ import annotations

from dataclasses import dataclass, fields
from hashlib import blake2b

from ..embedders import EMBEDDERS, Embedder, Settings, find_embedder
from ..errors import UserError
from ..types import Recipe


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
    backbone: str = "auto"
    epochs: int = 0
    minutes: float = 0.0
    batch: int = 0

    @classmethod
    def read(cls, found: object) -> ScanOptions:
        """The options that `asdict` made `found` of; the usual ones where it is nothing of the kind."""
        known = {field.name for field in fields(cls)}
        return cls(**found) if isinstance(found, dict) and set(found) <= known else cls()

    def recipe(self) -> Recipe:
        """The part of the options that names the result. Raises UserError for what cannot be."""
        embedder = find_embedder(self.embedder)
        if not 1 <= self.k <= 1000:
            raise UserError(f"k = {self.k} cannot be", "1 to 1000 neighbours")
        if not 0 <= self.seed < 2**32:
            raise UserError(f"seed = {self.seed} cannot be", "a whole number from 0 to 4294967295")
        if self.embeddings is not None and self.embedder != "precomputed":
            raise UserError(
                f"--embeddings does not go with embedder '{self.embedder}'", "it is for embedder 'precomputed'", "leave one of the two out"
            )
        if self.weights is not None and not embedder.trained:
            named = ", ".join(name for name, entry in EMBEDDERS.items() if entry.trained)
            raise UserError(f"--weights does not go with embedder '{self.embedder}'", f"it is for {named}", "leave it out")
        self._check_learning(embedder.learns)
        files = {"weights": self.weights, "embeddings": self.embeddings}
        return Recipe(
            self.embedder,
            self.k,
            self.seed,
            (*((name, _file_digest(name, file)) for name, file in files.items() if file is not None), *self._resolved(embedder)),
        )

    def _resolved(self, embedder: Embedder) -> tuple[tuple[str, str], ...]:
        """What an embedder that learns makes of the settings on this device: another device may learn another thing."""
        return () if embedder.resolve is None else tuple(embedder.resolve(self.settings()).items())

    def _learning(self) -> tuple[tuple[str, str], ...]:
        """Settings of an embedder that learns, where they are not its own."""
        chosen = {"backbone": self.backbone, "epochs": self.epochs, "minutes": self.minutes, "batch": self.batch}
        return tuple((name, str(value)) for name, value in chosen.items() if value not in ("auto", 0))

    def _check_learning(self, learns: bool) -> None:
        given = [name for name, _ in self._learning()]
        if given and not learns:
            named = ", ".join(name for name, entry in EMBEDDERS.items() if entry.learns)
            raise UserError(f"--{given[0]} does not go with embedder '{self.embedder}'", f"it is for {named}", "leave it out")
        if not 0 <= self.epochs <= 100_000:
            raise UserError(f"epochs = {self.epochs} cannot be", "1 to 100000, or 0 for the embedder's own number")
        if not 0 <= self.minutes <= 100_000:
            raise UserError(f"minutes = {self.minutes:g} cannot be", "a budget of more than 0 minutes, or 0 for none")
        if self.epochs and self.minutes:
            raise UserError("--epochs and --minutes do not go together", "one of the two ends the learning", "leave one out")
        if self.batch and not 8 <= self.batch <= 65_536:
            raise UserError(f"batch = {self.batch} cannot be", "8 to 65536 images, or 0 for the embedder's own number")

    def settings(self) -> Settings:
        """The part of the options that an embedder is loaded with."""
        return Settings(self.device, self.weights, self.embeddings, self.seed, self.backbone, self.epochs, self.minutes, self.batch)


def _file_digest(option: str, file: str) -> str:
    try:
        with open(file, "rb") as opened:
            h = blake2b(digest_size=16)
            while block := opened.read(1 << 22):
                h.update(block)
            return h.hexdigest()
    except OSError as error:
        raise UserError(f"--{option} '{file}' cannot be read ({error.strerror})", "a file on this machine") from error
