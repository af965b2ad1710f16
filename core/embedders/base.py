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


def halving(
    features: Callable[[list[NDArray[np.uint8]], NDArray[np.int64]], Float32],
    batch: list[NDArray[np.uint8]],
    rows: NDArray[np.int64],
    on_halved: Callable[[int], None] | None = None,
) -> Float32:
    """`features(batch, rows)`, in halves (and their halves) when memory runs out.

    Raises the error itself once a single image does not fit.
    """
    try:
        return features(batch, rows)
    except (RuntimeError, MemoryError) as error:
        if len(batch) == 1 or not out_of_memory(error):
            raise
    _release_cuda()
    middle = len(batch) // 2
    if on_halved is not None:
        on_halved(middle)
    first = halving(features, batch[:middle], rows[:middle], on_halved)
    return np.concatenate([first, halving(features, batch[middle:], rows[middle:], on_halved)])


def out_of_memory(error: BaseException) -> bool:
    """True where `error` says that memory ran out, on whichever device."""
    text = str(error).lower()
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"
        or "out of memory" in text
        or "can't allocate memory" in text
    )


def _release_cuda() -> None:
    import torch

    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def pick_device(wanted: str) -> str:
    """Either "cuda" or "cpu" for the wish "auto", "cpu" or "cuda".

    Raises UserError where CUDA is asked for and there is none.
    """
    from ..errors import UserError

    if wanted not in ("auto", "cpu", "cuda"):
        raise UserError(f"device '{wanted}' is not known", "choose one of: auto, cpu, cuda")
    import torch

    if wanted == "cuda" and not torch.cuda.is_available():
        raise UserError("no CUDA device answers on this machine", "--device auto or cpu works here")
    return "cpu" if wanted == "cpu" or not torch.cuda.is_available() else "cuda"
