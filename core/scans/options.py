"""What a person may choose about a scan, and the part of it that names the result."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from ..embedders import Embedder, Settings, embedders_where, find_embedder
from ..errors import UserError
from ..files import file_record
from ..types import Recipe

# the set itself decides: core/scans/choice.py
AUTO = "auto"
AUTO_RULE = (
    "the set decides: gradients where the shorter side is mostly below 64 px, else the one of lite0 and gradients under which more images of a "
    "sample agree with their neighbours' labels"
)
# what a scan whose embedder is not decided yet is checked as
USUAL = "gradients"


def option(default: Any, say: str, *, metavar: str | None = None, choices: tuple[str, ...] | None = None) -> Any:
    """A field of ScanOptions with all that is said of it: parser, embedder's settings and the app's command line follow from it."""
    return field(default=default, metadata={"help": say, "metavar": metavar, "choices": choices})


@dataclass(frozen=True)
class ScanOptions:
    """What a person may choose about a scan. A field here is an option of the command line, and reaches the app and the embedder."""

    embedder: str = option(AUTO, "default auto: by the set itself, or precomputed with --embeddings; see: info", metavar="NAME")
    k: int = option(50, "neighbours per image (default 50)")
    device: str = option("auto", "auto takes a GPU where there is one", choices=("auto", "cpu", "cuda"))
    seed: int = option(0, "of everything random (default 0)")
    weights: str | None = option(
        None, "local weights for an embedder that has trained ones: .safetensors, or a .pth state dict", metavar="FILE"
    )
    embeddings: str | None = option(None, "vectors for the embedder 'precomputed'", metavar="FILE.npy")
    allow_outside: bool = option(False, "let a manifest or link reach outside its own folder")
    backbone: str = option("auto", "simclr: auto, features (CPU default), small, resnet18 (GPU default), resnet50")
    epochs: int = option(0, "simclr: passes over the set (default: the embedder's own)", metavar="N")
    minutes: float = option(0.0, "simclr: learn for this long instead", metavar="M")
    batch: int = option(0, "simclr: images in a batch (default: the embedder's own)", metavar="N")

    @classmethod
    def of(cls, options: object, recipe: object = None) -> ScanOptions | None:
        """The options that `asdict` made `options` of; else, where it names all of them, those that `recipe` was made of; else None."""
        if isinstance(options, dict) and set(options) <= {entry.name for entry in fields(cls)}:
            return cls(**options)
        if isinstance(recipe, dict) and not recipe.get("options"):
            return cls(**{name: recipe[name] for name in ("embedder", "k", "seed") if name in recipe})
        return None

    @classmethod
    def add_to(cls, parser: argparse.ArgumentParser) -> None:
        """Every field as an option of `parser`."""
        for entry in fields(cls):
            flag, say = f"--{entry.name.replace('_', '-')}", entry.metadata["help"]
            if entry.default is False:
                parser.add_argument(flag, action="store_true", help=say)
                continue
            kind = str if entry.default is None else type(entry.default)
            shown = {name: entry.metadata[name] for name in ("metavar", "choices") if entry.metadata[name]}
            # None: not said, so that what was said can be told from what is usual
            parser.add_argument(flag, type=kind, default=None, help=say, **shown)

    @classmethod
    def chosen(cls, parsed: argparse.Namespace) -> ScanOptions:
        """The options that a command line with `add_to`'s arguments says."""
        given = {entry.name: getattr(parsed, entry.name) for entry in fields(cls) if getattr(parsed, entry.name) is not None}
        if "embeddings" in given:
            given.setdefault("embedder", embedders_where(lambda entry: entry.needs_file)[0])
        return cls(**given)

    def arguments(self) -> list[str]:
        """The command line that says these options: those that are not the usual ones, files by their whole path."""
        said: list[str] = []
        for entry in fields(self):
            value, flag = getattr(self, entry.name), f"--{entry.name.replace('_', '-')}"
            if value != entry.default:
                whole = str(Path(value).expanduser().absolute()) if entry.name in ("weights", "embeddings") else str(value)
                said += [flag] if entry.default is False else [flag, whole]
        return said

    def recipe(self) -> Recipe:
        """The part of the options that names the result; of `auto` as for small images. Raises UserError for what cannot be."""
        if self.embedder == AUTO:
            return replace(self, embedder=USUAL).recipe()
        embedder = find_embedder(self.embedder)
        if not 1 <= self.k <= 1000:
            raise UserError(f"k = {self.k} cannot be", "1 to 1000 neighbours")
        if not 0 <= self.seed < 2**32:
            raise UserError(f"seed = {self.seed} cannot be", "a whole number from 0 to 4294967295")
        self._check_goes("embeddings", self.embeddings is not None, lambda entry: entry.needs_file)
        self._check_goes("weights", self.weights is not None, lambda entry: entry.trained)
        self._check_learning()
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

    def _check_goes(self, name: str, given: bool, wanted: Callable[[Embedder], bool]) -> None:
        """Refuses an option that is given and that the embedder has no use for."""
        if given and not wanted(find_embedder(self.embedder)):
            named = ", ".join(embedders_where(wanted))
            raise UserError(f"--{name} does not go with embedder '{self.embedder}'", f"it is for {named}", "leave one of the two out")

    def _check_learning(self) -> None:
        for name, _ in self._learning()[:1]:
            self._check_goes(name, True, lambda entry: entry.learns)
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
        return Settings(**{entry.name: getattr(self, entry.name) for entry in fields(Settings)})


def _file_digest(name: str, file: str) -> str:
    return str(file_record(Path(file), f"--{name}")[1])
