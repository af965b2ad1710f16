"""All images of a set as one array of small, equal pictures: what pattern mining and the short probe look at.

Embedders decode for themselves at full size; this is the one place that reduces images to a common working size.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from PIL import Image

from ..errors import UnreadableImage
from ..types import Dataset, UInt8

LEAST_SIDE, MOST_SIDE = 16, 64
_SAMPLED = 32
_BATCH = 1024
_GREY = 128


def working_side(dataset: Dataset) -> int:
    """Side in pixels of the working size: the images' own where it is small and common, else 32 or 64.

    A resized image loses the finest traces, so small images keep their pixels.
    """
    sizes: list[tuple[int, int]] = []
    for row in np.unique(np.linspace(0, len(dataset) - 1, _SAMPLED).astype(int)):
        try:
            sizes.append(dataset.load(int(row)).size)
        except (UnreadableImage, IndexError):
            continue
    if not sizes:
        return 32
    width, height = sizes[0]
    if width == height and len(set(sizes)) == 1 and LEAST_SIDE <= width <= MOST_SIDE and width % 8 == 0:
        return width
    return 64 if np.median([min(size) for size in sizes]) >= MOST_SIDE else 32


def working_pixels(
    dataset: Dataset, side: int | None = None, *, progress: Callable[[int, int], None] | None = None, unreadable: list[int] | None = None
) -> UInt8:
    """uint8 (n, side, side, 3): every image, resized where it is of another size; grey where it cannot be read now.

    unreadable: gets the rows of those, for whoever has to say so.
    """
    side = working_side(dataset) if side is None else side
    pixels = np.empty((len(dataset), side, side, 3), dtype=np.uint8)

    def fill(row: int) -> None:
        try:
            image = dataset.load(row)
        except UnreadableImage:
            pixels[row] = _GREY
            if unreadable is not None:
                unreadable.append(row)
            return
        if image.size != (side, side):
            # averages before it takes fewer pixels, so that no pattern is folded over
            image = image.resize((side, side), Image.Resampling.BOX if min(image.size) >= side else Image.Resampling.BILINEAR)
        pixels[row] = np.asarray(image)

    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        for start in range(0, len(dataset), _BATCH):
            stop = min(start + _BATCH, len(dataset))
            list(pool.map(fill, range(start, stop), chunksize=64))
            if progress is not None:
                progress(stop, len(dataset))
    return pixels
