"""What every embedder offers: the record of the registry, what it is loaded with, and what a loaded one can do."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..types import Float32, Int64, UInt8


class Model(Protocol):
    """A label-blind embedder, loaded and placed on a device.

    key: names the raw features exactly (name, version, weights); equal keys mean equal features.
    batch_size: images handed to `features` at once.
    """

    key: str
    batch_size: int

    def pixels(self, image: Image.Image) -> NDArray[np.uint8]:
        """RGB image -> uint8 (h, w, 3), as `features` wants it; called from worker threads."""
        ...

    def features(self, batch: list[NDArray[np.uint8]], rows: NDArray[np.int64]) -> Float32:
        """Images and their source rows -> raw features float32 (m, D)."""
        ...

    def finish(self, shards: Iterable[NDArray[Any]], count: int) -> Float32:
        """Raw features, shard after shard (the iterable can be walked again) -> float32 (count, d), unit rows."""
        ...


class RowModel(Model, Protocol):
    """What an embedder with `by_row` loads: its features belong to rows of the source, not to what an image shows."""

    def check_rows(self, count: int) -> None:
        """Raises UserError unless it has features for just `count` rows."""
        ...


@dataclass(frozen=True)
class LearningProgress:
    """How far a learning is. share: of all work, 0…1.  speed: augmented views a second.  left: seconds.

    agreement: share of monitored images that their nearest neighbours would label as given, NaN while unknown.
    """

    share: float
    epoch: int
    loss: float
    speed: float
    left: float
    agreement: float
    note: str = ""


OnProgress = Callable[[LearningProgress], None]
Agreement = Callable[[Float32, Int64], float]


class Learner(Model, Protocol):
    """What an embedder with `learns` loads: bound to a set it learns from the images, and only then embeds.

    side: of the images it learns from, in pixels, once it is bound.
    """

    @property
    def side(self) -> int: ...

    def bind(self, image_digests: UInt8, side: int) -> str:
        """Name the embedding of the set with these images, whose working pixels have this side; becomes the key."""
        ...

    def known(self, folder: Path) -> bool:
        """Take over what was learned before, if `folder` holds it."""
        ...

    def learn(
        self, images: UInt8, folder: Path, on_progress: OnProgress, agreement: Agreement, *, together: bool = False
    ) -> list[dict[str, float]]:
        """Learn from images uint8 (n, s, s, 3), onward from what `folder` holds; returns the curve.

        agreement: (features of some rows, those rows) -> share of labels that neighbours agree with, for the curve alone.
        together: this is one process of several.
        """
        ...


@dataclass(frozen=True)
class Settings:
    """What a person may choose about an embedder.

    device: "auto", "cpu" or "cuda".  weights: local weights file.  embeddings: .npy for `precomputed`.
    backbone, epochs, minutes, batch: for embedders that learn from the set itself; 0 is the embedder's own choice.
    """

    device: str = "auto"
    weights: str | None = None
    embeddings: str | None = None
    seed: int = 0
    backbone: str = "auto"
    epochs: int = 0
    minutes: float = 0.0
    batch: int = 0


@dataclass(frozen=True)
class Embedder:
    """An entry of the registry: `load` imports what is heavy and builds the model.

    trained: it has weights, which --weights FILE can replace.  learns: it loads a Learner.
    needs_file: its vectors come from --embeddings FILE.  by_row: it loads a RowModel.
    fast: it embeds thousands of small images a second on a CPU, so it may be asked again about altered images.
    resolve: for one that learns, what its settings come to on this device, by name: it names the result.
    """

    name: str
    summary: str
    load: Callable[[Settings], Model]
    trained: bool = False
    learns: bool = False
    needs_file: bool = False
    by_row: bool = False
    fast: bool = False
    resolve: Callable[[Settings], dict[str, str]] | None = None
