"""Small labelled sets in memory, for the tests of the simulator."""

from __future__ import annotations

from hashlib import blake2b
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from core.attacks.apply import ATTACKS
from core.errors import UserError
from core.types import Dataset, content_digest

CLASSES = ("ant", "bee", "cat", "dog")
# straight from the registry, so that no attack escapes the contract
CLEAN = tuple(name for name, attack in ATTACKS.items() if attack.kind == "clean_label")
# attacks that lead to one target
DIRTY = tuple(name for name, attack in ATTACKS.items() if attack.kind == "dirty_label" and name != "all_to_all")
PIXEL = tuple(name for name, attack in ATTACKS.items() if attack.trigger is not None)
# attacks that draw their rows
DRAWN = tuple(name for name in ATTACKS if name != "label_file")


class Store:
    """Encoded images in memory; every third is a JPEG, so that a needless re-encoding would show."""

    def __init__(self, images: list[np.ndarray]) -> None:
        self.files = []
        for row, image in enumerate(images):
            suffix, form = (".jpg", "JPEG") if row % 3 == 0 else (".png", "PNG")
            buffer = BytesIO()
            Image.fromarray(image).save(buffer, format=form)
            self.files.append((buffer.getvalue(), suffix))

    def load(self, row: int) -> Image.Image:
        return Image.open(BytesIO(self.files[row][0])).convert("RGB")

    def encoded(self, row: int) -> tuple[bytes, str]:
        return self.files[row]


def make_dataset(images: list[np.ndarray], labels: np.ndarray, classes: tuple[str, ...] = CLASSES) -> Dataset:
    store = Store(images)
    ids = tuple(f"{row:02d}/image {row}.jpg" for row in range(len(images)))
    digests = np.array([list(blake2b(data, digest_size=16).digest()) for data, _ in store.files], dtype=np.uint8)
    return Dataset(
        name="toy",
        ids=ids,
        labels=labels.astype(np.int64),
        classes=classes,
        splits=("",) * len(ids),
        image_digests=digests,
        digest=content_digest(ids, labels, classes, digests),
        loader=store.load,
        encoded=store.encoded,
    )


def random_images(n: int, height: int = 32, width: int = 32) -> list[np.ndarray]:
    return list(np.random.default_rng(7).integers(0, 256, (n, height, width, 3), dtype=np.uint8))


def toy_dataset() -> Dataset:
    return make_dataset(random_images(60), np.arange(60) % 4)


def pixels(dataset: Dataset, row: int) -> np.ndarray:
    return np.asarray(dataset.load(row)).astype(int)


def poisoned_rows(dataset: Dataset) -> list[int]:
    assert dataset.truth is not None
    return np.flatnonzero(dataset.truth.is_poisoned).tolist()


def cover_rows(dataset: Dataset) -> list[int]:
    assert dataset.truth is not None
    return [] if dataset.truth.is_cover is None else np.flatnonzero(dataset.truth.is_cover).tolist()


def one_line(error: pytest.ExceptionInfo[UserError], *parts: str) -> None:
    text = str(error.value)
    assert text and "\n" not in text
    for part in parts:
        assert part in text
