"""What every embedder offers, and the batching that all of them share."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..types import Float32


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

    trained: it has weights, which --weights FILE can replace.  learns: it learns from the set before it embeds.
    resolve: for one that learns, what its settings come to on this device, by name: it names the result.
    """

    name: str
    summary: str
    load: Callable[[Settings], Model]
    trained: bool = False
    learns: bool = False
    resolve: Callable[[Settings], dict[str, str]] | None = None
