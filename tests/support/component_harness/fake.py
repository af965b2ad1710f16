"""A small made-up inspection, drawn and not loaded, for the tests of routes and widgets."""

from __future__ import annotations

from hashlib import blake2b

import numpy as np
from PIL import Image

from core.errors import UnreadableImage
from core.types import Dataset, Evidence, Finding, Inspection, Recipe, Suggestions, content_digest
from tests.support.finding_toys import a_finding

CLASSES = ("cat", "dog", "<b>ship</b>", "truck & trailer", "frog")
BROKEN = 7
LARGE = 8
WIDE = 9


def pixels(row: int, label: int) -> np.ndarray:
    """uint8 (32, 32, 3): stripes whose direction and hue follow the content class, with noise of the row's own."""
    rng = np.random.default_rng(row)
    y, x = np.mgrid[0:32, 0:32] / 32
    wave = np.sin(2 * np.pi * (3 * (x * np.cos(label) + y * np.sin(label)) + rng.random()))
    hue = np.array([(label * 67 + 40) % 256, (label * 131 + 90) % 256, (label * 29 + 160) % 256])
    image = hue + 55 * wave[..., None] + rng.normal(0, 14, (32, 32, 3))
    if row % 11 == 0:
        image[-3:, -3:] = 255
    return np.clip(image, 0, 255).astype(np.uint8)


def load(row: int, content: int) -> Image.Image:
    """The image of `row`; three rows are special: one broken, one large, one wide."""
    if row == BROKEN:
        raise UnreadableImage("the file ends too early")
    image = Image.fromarray(pixels(row, content))
    if row == LARGE:
        return image.resize((1500, 1200), Image.Resampling.NEAREST)
    return image.resize((64, 20), Image.Resampling.NEAREST) if row == WIDE else image


def make_inspection(n: int = 400, seed: int = 0, k: int = 15) -> Inspection:
    """Five clusters on the map; a tenth of the labels are wrong and get a high suspicion."""
    rng = np.random.default_rng(seed)
    content = rng.integers(0, len(CLASSES), n)
    wrong = rng.random(n) < 0.1
    labels = np.where(wrong, (content + 1) % len(CLASSES), content).astype(np.int64)
    if n > 20:
        labels[20] = -1
    angle = 2 * np.pi * content / len(CLASSES)
    xy = np.c_[np.cos(angle), np.sin(angle)] * 6 + rng.normal(0, 1.1, (n, 2))
    dataset = _dataset(n, labels, content)
    suspicion = np.clip(np.where(wrong, rng.normal(0.85, 0.08, n), rng.normal(0.2, 0.12, n)), 0, 1).astype(np.float32)
    verdicts = np.where(wrong, np.where(rng.random(n) < 0.5, 2, 1), 0).astype(np.int8)
    return Inspection(
        dataset=dataset,
        recipe=Recipe(),
        key=blake2b(f"{n}/{seed}".encode(), digest_size=16).hexdigest(),
        evidence=_evidence(dataset, xy, max(0, min(k, n - 1))),
        suspicion=suspicion,
        threshold=0.6,
        verdicts=verdicts,
        suggestions=Suggestions(content.astype(np.int64), rng.uniform(0.6, 1, n).astype(np.float32)),
        findings=_findings(n, wrong),
        xy=xy.astype(np.float32),
        projection="umap",
    )


def _dataset(n: int, labels: np.ndarray, content: np.ndarray) -> Dataset:
    ids = tuple(f"train/{CLASSES[max(0, label)].strip('<>/b &')}/{row:05d}.png" for row, label in enumerate(labels))
    digests = np.zeros((n, 16), dtype=np.uint8)
    digests[:, :8] = np.arange(n, dtype="<u8").view(np.uint8).reshape(n, 8)
    return Dataset(
        name="made up",
        ids=ids,
        labels=labels,
        classes=CLASSES,
        splits=("",) * n,
        image_digests=digests,
        digest=content_digest(ids, labels, CLASSES, digests),
        loader=lambda row: load(row, int(content[row])),
        encoded=lambda row: (b"", ".png"),
    )


def _evidence(dataset: Dataset, xy: np.ndarray, k: int) -> Evidence:
    """Neighbours by nearness on the map; beyond a few thousand rows only the shape is right."""
    n = len(dataset)
    if n > 3000:
        neighbours = (np.arange(n)[:, None] + np.arange(1, k + 1)) % n
        similarity = np.tile(np.linspace(0.9, 0.5, k), (n, 1))
    else:
        away = np.linalg.norm(xy[:, None] - xy[None], axis=2)
        np.fill_diagonal(away, np.inf)
        neighbours = np.argsort(away, axis=1)[:, :k]
        similarity = np.exp(-np.take_along_axis(away, neighbours, axis=1))
    vectors = np.ones((n, 1), dtype=np.float32)
    return Evidence(dataset.labels, dataset.classes, vectors, neighbours.astype(np.int32), similarity.astype(np.float32))


def _findings(n: int, wrong: np.ndarray) -> tuple[Finding, ...]:
    rows = np.flatnonzero(wrong)[::2].astype(np.int64)
    if not len(rows):
        return ()
    return (a_finding(n, rows, label=1),)
