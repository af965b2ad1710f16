"""`precomputed`: vectors made elsewhere, one row an image, in the order of the source."""

from __future__ import annotations

import os
from collections.abc import Iterable
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..errors import UserError
from ..files import open_regular
from ..types import Float32
from .base import Settings
from .whitening import unit_rows

BLOCK = 1 << 22


class Precomputed:
    """Vectors from a .npy file, memory-mapped; images are only checked. By row: equal images may have different vectors here."""

    batch_size = 1024

    def __init__(self, settings: Settings) -> None:
        if settings.embeddings is None:
            raise UserError("embedder 'precomputed' needs vectors", "--embeddings FILE.npy, float (images, numbers)")
        path = Path(settings.embeddings)
        self.vectors = _open(path)
        with open_regular(path, "--embeddings") as file:
            digest = blake2b(digest_size=16)
            while block := file.read(BLOCK):
                digest.update(block)
        self.key = "precomputed-" + digest.hexdigest()

    def check_rows(self, count: int) -> None:
        """Raises UserError unless there is one vector an image."""
        if len(self.vectors) != count:
            raise UserError(
                f"the embeddings have {len(self.vectors):,} rows, the source has {count:,} images",
                "one row an image, in the order of the source",
            )

    def pixels(self, image: Image.Image) -> NDArray[np.uint8]:
        """A placeholder of one pixel: the image has been decoded, and so checked, already."""
        return np.zeros((1, 1, 3), dtype=np.uint8)

    def features(self, batch: list[NDArray[np.uint8]], rows: NDArray[np.int64]) -> Float32:
        """The file's rows, float32 (m, d); raises UserError for a number that is not finite."""
        found = np.asarray(self.vectors[rows], dtype=np.float32)
        finite = np.isfinite(found).all(axis=1)
        if not finite.all():
            raise UserError(f"the embeddings hold a NaN or infinite number in row {int(rows[~finite][0])}", "finite numbers only")
        return found

    def finish(self, shards: Iterable[NDArray[Any]], count: int) -> Float32:
        """Unit rows float32 (count, d)."""
        return unit_rows(np.concatenate([np.asarray(shard, dtype=np.float32) for shard in shards]))


def _open(path: Path) -> NDArray[Any]:
    if not os.path.isfile(path):
        raise UserError(f"embeddings file '{path.name[:200]}' does not exist, or is no regular file", "--embeddings takes a .npy file")
    try:
        vectors = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise UserError(
            f"'{path.name}' is not a plain .npy array",
            "a float array (images, numbers) saved with numpy.save",
            "pickled arrays are refused",
        ) from error
    if not isinstance(vectors, np.ndarray) or vectors.ndim != 2 or vectors.dtype.kind not in "fiu":
        shape = getattr(vectors, "shape", "an archive")
        raise UserError(f"the embeddings are {shape}", "a two-dimensional array of numbers: (images, numbers)")
    if vectors.shape[1] == 0:
        raise UserError(f"the embeddings are {vectors.shape}: vectors without a number", "at least one number an image")
    return vectors
