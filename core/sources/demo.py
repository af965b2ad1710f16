"""The demo: scikit-learn's handwritten digits, which come with the package and need no download."""

from __future__ import annotations

import gzip
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..types import Dataset, UInt8
from .base import Rows, Source, build
from .files import as_digests, digest_bytes
from .stored import array_doors

SIDE = 32


def digits() -> Dataset:
    """1,797 handwritten digits, white on black, enlarged from 8x8 to 32x32 RGB; classes "0" … "9"; clean.

    Source: the test half of the UCI optical recognition of handwritten digits set, as in scikit-learn's
    load_digits.
    """
    table = _table()
    pixels = np.stack([_enlarged(row) for row in table[:, :64].reshape(-1, 8, 8)])
    rows = Rows(
        [f"digit-{row:04d}" for row in range(len(pixels))],
        table[:, 64].astype(np.int64),
        tuple("0123456789"),
        as_digests([digest_bytes(image.tobytes()) for image in pixels]),
    )
    return build("demo", rows, array_doors(lambda row: pixels[row], lambda values: values, rows.digests))


def _table() -> NDArray[np.float64]:
    # (1797, 65): 64 grey levels 0…16, then the digit. Read past the package, whose import takes seconds.
    spec = find_spec("sklearn")
    places = spec.submodule_search_locations if spec else None
    path = Path(places[0], "datasets", "data", "digits.csv.gz") if places else Path()
    if path.is_file():
        return np.loadtxt(BytesIO(gzip.decompress(path.read_bytes())), delimiter=",", dtype=np.float64)
    from sklearn.datasets import load_digits

    images, targets = load_digits(return_X_y=True)
    return np.column_stack([images, targets]).astype(np.float64)


def _enlarged(image: NDArray[np.float64]) -> UInt8:
    levels = Image.fromarray((image * (255.0 / 16.0)).astype(np.float32))
    smooth = np.asarray(levels.resize((SIDE, SIDE), Image.Resampling.BICUBIC))
    return np.repeat(np.clip(np.rint(smooth), 0, 255).astype(np.uint8)[:, :, None], 3, axis=2)


DEMO = Source("demo", "demo", lambda path, options: False, lambda path, options: digits(), built_in=True)
