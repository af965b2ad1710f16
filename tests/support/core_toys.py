"""Small vectors, image folders and scans for the tests of the numeric core and of the pipeline."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from core.embedders.gradients.gradients import Gradients
from core.embedders.gradients.patch_dictionary import PatchDictionary
from core.embedders.whitening import unit_rows
from core.neighbours.graph import nearest
from core.scans.options import ScanOptions
from core.scores.probe import train as probe
from core.types import Evidence
from core.workspace.workspace import Workspace

Vectors = NDArray[np.float32]
Labels = NDArray[np.int64]
CPU = ScanOptions(device="cpu", k=10)
# what may differ between two runs of the same scan
CHANGING = {"progress.json", "lock", "scan.log"}


def unit(vectors: NDArray[np.floating]) -> Vectors:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def clusters(classes: int = 6, size: int = 100, *, noise: float = 0.5, d: int = 24, seed: int = 0) -> tuple[Vectors, Labels]:
    """Unit rows around one random centre a class, in random order, and their true labels."""
    rng = np.random.default_rng(seed)
    centres = unit(rng.normal(size=(classes, d)))
    labels = rng.permutation(np.repeat(np.arange(classes), size))
    return unit(centres[labels] + noise * rng.normal(size=(len(labels), d)) / np.sqrt(d)), labels.astype(np.int64)


def flipped(labels: Labels, rate: float, *, target: int | None = None, seed: int = 1) -> tuple[Labels, NDArray[np.bool_]]:
    """Labels with a share `rate` changed, to `target` or to any other class, and which rows were."""
    rng = np.random.default_rng(seed)
    classes = int(labels.max()) + 1
    candidates = np.flatnonzero(labels != (-1 if target is None else target))
    rows = rng.choice(candidates, round(rate * len(labels)), replace=False)
    given, changed = labels.copy(), np.zeros(len(labels), dtype=bool)
    given[rows] = (labels[rows] + rng.integers(1, classes, len(rows))) % classes if target is None else target
    changed[rows] = True
    return given, changed


def evidence(vectors: Vectors, labels: Labels, *, k: int = 20, classes: int | None = None) -> Evidence:
    count = int(labels.max()) + 1 if classes is None else classes
    names = tuple(f"class {i}" for i in range(count))
    return Evidence(np.array(labels), names, np.array(vectors), *nearest(vectors, k))


def permuted(given: Evidence, order: NDArray[np.int64]) -> Evidence:
    """The same rows in another order: row i of the result is row order[i] of `given`."""
    place = np.empty(len(order), dtype=np.int32)
    place[order] = np.arange(len(order), dtype=np.int32)
    return Evidence(given.labels[order], given.classes, given.vectors[order], place[given.neighbours[order]], given.similarity[order])


def auroc(positive: NDArray[np.bool_], score: NDArray[np.floating]) -> float:
    """Chance that a positive row scores above another one; ties count one half."""
    above = score[positive][:, None] - score[~positive][None, :]
    return float(((above > 0) + 0.5 * (above == 0)).mean())


def draw(kind: int, seed: int, *, height: int = 32, width: int = 32) -> Image.Image:
    """An image of one of many kinds: a 4×4 chequer of colours that the kind names, and noise that the seed names."""
    base = np.random.default_rng(1000 + kind).integers(0, 256, (4, 4, 3))
    large = base[np.arange(height) * 4 // height][:, np.arange(width) * 4 // width]
    noisy = large + np.random.default_rng((kind, seed)).normal(0, 30, large.shape)
    return Image.fromarray(noisy.clip(0, 255).astype(np.uint8))


def image_folder(root: Path, *, classes: Sequence[str] = ("ant", "bee", "cow"), size: int = 24) -> Path:
    """root/<class>/<number>.png, `size` images a class."""
    for kind, name in enumerate(classes):
        (root / name).mkdir(parents=True)
        for i in range(size):
            draw(kind, i).save(root / name / f"{i:03d}.png")
    return root


_dictionary = lru_cache(PatchDictionary.from_photographs)


@contextmanager
def quick_gradients() -> Iterator[None]:
    """A scan without its slow steps: the dictionary is learnt once; every 31st feature, centred, is the vector; a probe of few steps."""

    def finish(model: Gradients, shards: Iterable[NDArray[Any]], count: int) -> Vectors:
        raw = np.concatenate([np.asarray(shard, dtype=np.float32) for shard in shards])
        return unit_rows((raw - raw.mean(axis=0))[:, ::31])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PatchDictionary, "from_photographs", staticmethod(_dictionary))
        patch.setattr(Gradients, "finish", finish)
        patch.setattr(probe, "FEWEST_STEPS", 2)
        yield


def scan_files(workspace: Workspace, key: str) -> dict[str, str]:
    """A digest of every file of a scan's folder that has to be the same however the scan was interrupted.

    Digests, not contents: where two scans differ, pytest then names the files instead of comparing megabytes line by line.
    """
    folder = workspace.scan_dir(key)
    files = [p for p in sorted(folder.rglob("*")) if p.is_file() and p.name not in CHANGING]
    return {p.relative_to(folder).as_posix(): blake2b(p.read_bytes(), digest_size=8).hexdigest() for p in files}
