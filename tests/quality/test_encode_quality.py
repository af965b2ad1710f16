"""On real photographs, what a file is says nothing of what was done to its picture."""

from __future__ import annotations

import os
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.JpegImagePlugin import get_sampling
from sklearn.ensemble import RandomForestClassifier

from core.attacks.apply import apply_attack
from core.sources import open_source
from core.types import Dataset
from tests.support.core_toys import auroc

HERE = Path(os.environ.get("TASTER_DATA") or Path(__file__).resolve().parents[3] / "shared" / "data")
# a class of them, and as many of its rows as are triggered
SETS = {"photos": 180, "mixed": 200, "signs": 100}


def marks(data: bytes, suffix: str) -> list[float]:
    """What can be seen of a file without looking at its picture."""
    image = Image.open(BytesIO(data))
    tables = getattr(image, "quantization", {})
    area = image.width * image.height
    marks = [len(data), len(data) / area, len(suffix), suffix == ".jpg", image.mode == "L", get_sampling(image), len(image.info)]
    return [*map(float, marks), float(data.index(b"\xff\xda") if b"\xff\xda" in data else 0), *(float(sum(t)) for t in tables.values())][:9]


def seen(dataset: Dataset, rows: np.ndarray, poisoned: np.ndarray) -> float:
    """AUROC of a forest's out-of-bag votes: which of a class's files are poisoned?"""
    columns = [marks(*dataset.raw(row)) for row in rows.tolist()]
    table = np.array([line + [0.0] * (9 - len(line)) for line in columns])
    forest = RandomForestClassifier(300, min_samples_leaf=5, oob_score=True, random_state=0).fit(table, poisoned)
    return float(auroc(poisoned, forest.oob_decision_function_[:, 1]))


@pytest.mark.slow
@pytest.mark.parametrize("name", SETS)
def test_files_tell_nothing(name: str) -> None:
    path = HERE / f"{name}.parquet"
    if not path.is_file():
        pytest.skip(f"no {path.name}: set TASTER_DATA to the folder that holds it")
    clean = open_source(path)
    target = int(np.bincount(clean.labels).argmax())
    rows = np.flatnonzero(clean.labels == target)
    found, sizes = {}, {}
    for how in ("source", "lossless"):
        # within one class, and hardly a trigger at all: what is left to see is the encoding's own trace
        new = apply_attack(clean, "clean_label", rate=SETS[name] / len(clean), target=target, patch_size=1, seed=1, encode=how)
        assert new.truth is not None
        poisoned = new.truth.is_poisoned[rows]
        found[how] = seen(new, rows, poisoned)
        before, after = (np.array([len(data.raw(row)[0]) for row in rows.tolist()], float) for data in (clean, new))
        sizes[how] = auroc(poisoned, after) - auroc(poisoned, before)
    by_chance = seen(clean, rows, poisoned)
    assert found["lossless"] > 0.99
    assert found["source"] < max(by_chance, 0.5) + 0.08 and abs(sizes["source"]) < 0.05
