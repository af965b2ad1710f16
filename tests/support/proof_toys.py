"""A poisoned folder, scanned, with a pattern planted where a test wants one; and victims small enough for seconds."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.attacks.apply import apply_attack
from core.attacks.write import write_poisoned
from core.scans.pipeline import inspection_of, open_dataset, scan
from core.scans.stored import truth_of
from core.scores.probe import train as probe
from core.types import VERDICTS, Finding, Inspection, Truth
from core.workspace.workspace import Workspace
from tests.support.core_toys import CPU, image_folder, quick_gradients
from tests.support.finding_toys import a_finding, plant

TARGET = "bee"


@dataclass
class Scanned:
    """A scanned source in a workspace of its own."""

    source: Path
    home: Workspace
    key: str

    @property
    def inspection(self) -> Inspection:
        found = inspection_of(self.home, self.key)
        assert found is not None
        return found

    @property
    def truth(self) -> Truth:
        found = truth_of(self.inspection.dataset, open_dataset(str(self.source)))
        assert found is not None
        return found

    def copy(self, folder: Path) -> Scanned:
        """The same scan of the same source in another workspace."""
        shutil.copytree(self.home.root, folder)
        return Scanned(self.source, Workspace(folder), self.key)

    def judge(self, bad: np.ndarray, findings: list[Finding] | None = None, suggested: np.ndarray | None = None) -> None:
        """Write into the scan that `bad` rows (bool) alone are suspicious, and these findings."""
        inspection = self.inspection
        n = len(bad)
        assert inspection.suggestions is not None
        plant(
            self.home,
            self.key,
            findings or [],
            scores=dict(inspection.scores),
            threshold=0.5,
            suspicion=np.where(bad, 0.99, 0.01).astype(np.float32),
            verdicts=np.where(bad, VERDICTS.index("dirty_label_poison"), 0).astype(np.int8),
            content=np.zeros(n, np.float32),
            artifact=np.zeros(n, np.float32),
            suggested=np.array(inspection.suggestions.labels) if suggested is None else suggested,
            confidence=np.full(n, 0.99, np.float32),
        )


def poisoned(folder: Path, attack: str = "badnets", *, size: int = 60, rate: float = 0.12, **settings: Any) -> Scanned:
    """3 × `size` pictures of three kinds, poisoned, written as `poison` writes them, and scanned."""
    plain = image_folder(folder / "plain", size=size)
    dataset = apply_attack(open_dataset(str(plain)), attack, rate=rate, target=TARGET, seed=3, **settings)
    recipe = {"attack": attack, "rate": rate, "target": TARGET, "seed": 3, "settings": settings}
    source = write_poisoned(dataset, folder / "set", recipe=recipe)
    home = Workspace(folder / "home")
    with quick_gradients(), short_probe():
        return Scanned(source, home, scan(str(source), CPU, home))


@contextmanager
def short_probe() -> Iterator[None]:
    """The scan's own network is hardly trained: what it says is written over here, or does not matter."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(probe, "FEWEST_STEPS", 2)
        yield


def perfect(scanned: Scanned, **given: Any) -> Finding:
    """The finding that a perfect search would bring back: the true carriers, and how they differ from their like."""
    inspection, truth = scanned.inspection, scanned.truth
    rows = np.flatnonzero(truth.is_poisoned)
    images = np.stack([np.asarray(inspection.dataset.load(row)) for row in range(len(inspection.dataset))]).astype(np.float32) / 255
    like = np.concatenate([np.flatnonzero(~truth.is_poisoned & (inspection.dataset.labels == truth.original_labels[row])) for row in rows])
    pattern = images[rows].mean(0) - images[like].mean(0)
    spread = np.maximum(images[rows].std(0), 0.02) / len(rows) ** 0.5
    z = np.abs(pattern / spread).max(2)
    label = int(inspection.dataset.classes.index(TARGET))
    fields = {"label": label, "pattern": pattern.astype(np.float32), "mask": np.clip((z - 12) / 4 + 0.5, 0, 1).astype(np.float32)}
    return a_finding(len(inspection.dataset), rows, **(fields | given))
