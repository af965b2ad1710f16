"""One case of bench/detection.py, in a process of its own so that its peak memory is its own.

python bench/detection_case.py '<case as JSON>'    one attack, rate and seed -> one JSON file
What all cases share (features and pixels of the clean images) is computed by the first and kept in <out>/shared.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from common import commit, peak_gb
from detection_measure import measure
from peers import ask

from core.attacks.apply import apply_attack
from core.compute import pick_device
from core.embedders import find_embedder
from core.embedders.base import Settings
from core.errors import UserError
from core.neighbours.graph import nearest
from core.scans.analysis import analyse
from core.sources import open_source
from core.sources.working_pixels import working_pixels
from core.types import Dataset, Evidence

K = 50
BATCH = 256
# stages of `analyse` that belong to the content axis; whatever else it does is the artifact stage
CONTENT_STAGES = ("content", "scores", "judge", "vote")


class StageClock:
    """Stands where `analyse` wants its progress, and notes when each stage began."""

    def __init__(self) -> None:
        self.began: list[tuple[str, float]] = []

    def __call__(self, *told: object) -> None:
        if told and isinstance(told[0], str):
            self.stage(told[0])

    def stage(self, name: str, **_: object) -> None:
        if not self.began or self.began[-1][0] != name:
            self.began.append((name, time.perf_counter()))

    def update(self, done: int, total: int) -> None:
        pass

    def seconds(self) -> dict[str, float]:
        """Seconds by stage, up to now."""
        ends = [start for _, start in self.began[1:]] + [time.perf_counter()]
        spent: dict[str, float] = {}
        for (name, start), end in zip(self.began, ends, strict=True):
            spent[name] = spent.get(name, 0.0) + end - start
        return spent


def _without_probe() -> None:
    """Leave the probe and the scores that read it out of this process; the verdict rests on content and patterns alone."""
    import core.scores.probe
    from core.scores import SCORES, by_need

    core.scores.probe.train_probe = lambda *given, **named: None  # type: ignore[assignment, misc]
    for name in by_need(SCORES, "probe"):
        del SCORES[name]


class Clean:
    """The clean set with raw features and pixels of its images, computed once for all cases and kept on disk."""

    def __init__(self, source: str, images: int, folder: Path, device: str) -> None:
        whole = open_source(source)
        train = np.array([row for row, split in enumerate(whole.splits) if split != "test"], dtype=np.int64)
        self.dataset = whole.select(train[:images] if images else train)
        self.model: Any = find_embedder("gradients").load(Settings(device))
        place = folder / f"{self.dataset.digest[:16]}-{self.model.key}"
        if not (place / "done.json").exists():
            self._prepare(place)
        self.raw, self.pixels = np.load(place / "raw.npy"), np.load(place / "pixels.npy")
        self.embed_seconds = float(json.loads((place / "done.json").read_text())["embed_seconds"])

    def _prepare(self, place: Path) -> None:
        place.mkdir(parents=True, exist_ok=True)
        rows = np.arange(len(self.dataset))
        np.save(place / "pixels.npy", working_pixels(self.dataset))
        started = time.perf_counter()
        np.save(place / "raw.npy", self._raw(self.dataset, rows))
        (place / "done.json").write_text(json.dumps({"embed_seconds": time.perf_counter() - started}))

    def _raw(self, dataset: Dataset, rows: np.ndarray) -> np.ndarray:
        parts = []
        for start in range(0, len(rows), BATCH):
            part = rows[start : start + BATCH]
            parts.append(self.model.features([self.model.pixels(dataset.load(int(r))) for r in part], part).astype(np.float16))
        return np.concatenate(parts)

    def changed_rows(self, dataset: Dataset) -> np.ndarray:
        return np.flatnonzero((dataset.image_digests != self.dataset.image_digests).any(axis=1))

    def pixels_of(self, dataset: Dataset, changed: np.ndarray) -> np.ndarray:
        """uint8 (n, side, side, 3) of the poisoned set; only changed images are read."""
        pixels = self.pixels.copy()
        if len(changed):
            pixels[changed] = working_pixels(dataset.select(changed), pixels.shape[1])
        return pixels

    def features_of(self, dataset: Dataset, changed: np.ndarray) -> np.ndarray:
        """float16 (n, D), raw features of the poisoned set; only changed images are embedded."""
        raw = self.raw.copy()
        if len(changed):
            raw[changed] = self._raw(dataset, changed)
        return raw

    def vectors_of(self, raw: np.ndarray) -> np.ndarray:
        """float32 (n, d), unit rows, as a scan of the poisoned set would have them."""
        return self.model.finish([raw[s : s + 4096] for s in range(0, len(raw), 4096)], len(raw))


def poisoned(clean: Dataset, case: dict[str, Any]) -> Dataset:
    """The case's set; "clean" is the clean set, "label_file:COLUMN" the mistakes of human annotators."""
    if case["attack"] == "clean":
        return clean
    name, _, column = case["attack"].partition(":")
    if column:
        # the file speaks of all training images, the case perhaps of the first few
        labels = _first_labels(Path(case["labels"]), column, len(clean), Path(case["out"]) / "shared")
        return apply_attack(clean, name, rate=1.0, labels_file=labels, labels_column=column)
    target = case["seed"] % len(clean.classes)
    # CIFAR-10 is published as arrays: that this copy of it holds JPEG files is none of the attack's business
    return apply_attack(clean, name, rate=case["rate"], target=target, seed=case["seed"], encode="lossless")


def _first_labels(path: Path, column: str, count: int, folder: Path) -> Path:
    import pyarrow.parquet as pq

    found = pq.read_table(path).column(column).to_numpy()[:count].astype(np.int64)
    kept = folder / f"{column}-{count}.csv"
    kept.write_text(f"row,{column}\n" + "".join(f"{row},{label}\n" for row, label in enumerate(found)))
    return kept


@contextmanager
def timed(seconds: dict[str, float], name: str) -> Iterator[None]:
    started = time.perf_counter()
    yield
    seconds[name] = time.perf_counter() - started


def run(case: dict[str, Any]) -> dict[str, Any]:
    """Everything that is known of one case."""
    device = pick_device(case["device"])
    clean = Clean(case["source"], case["images"], Path(case["out"]) / "shared", device)
    dataset = poisoned(clean.dataset, case)
    seconds: dict[str, float] = {}
    changed = clean.changed_rows(dataset)
    raw = clean.features_of(dataset, changed)
    with timed(seconds, "vectors"):
        vectors = clean.vectors_of(raw)
    with timed(seconds, "neighbours"):
        neighbours, similarity = nearest(vectors, K, device=device)
    pixels = clean.pixels_of(dataset, changed)
    evidence = Evidence(dataset.labels, dataset.classes, vectors, neighbours, similarity)
    clock = StageClock()
    if not case.get("probe", True):
        _without_probe()
    with timed(seconds, "analyse"):
        analysis = analyse(evidence, pixels, seed=case["seed"], device=device, progress=clock)
        stages = clock.seconds()
    content = sum(spent for name, spent in stages.items() if name in CONTENT_STAGES)
    peak = peak_gb()
    opinions, peer_seconds, missing = ask(vectors, dataset.labels, case["seed"]) if case["peers"] else ({}, {}, {})
    return {
        **measure(dataset, analysis, opinions, clean.pixels, pixels, case["attack"]),
        "seconds": {
            # images are embedded once for all cases; a scan would spend this on every set
            "content": round(clean.embed_seconds + seconds["vectors"] + seconds["neighbours"] + content, 2),
            "artifact": round(seconds["analyse"] - content, 2),
            "stages": {name: round(spent, 2) for name, spent in stages.items()},
            "peers": peer_seconds,
        },
        "peak_gb": round(peak, 3),
        "analysis": "whole" if case.get("probe", True) else "verdict alone",
        "peers_missing": missing,
    }


def main() -> None:
    case = json.loads(sys.argv[1])
    try:
        found = run(case)
    except UserError as error:
        # a recipe that does not fit (a class too small for the rate) is an answer too
        found = {"not_run": str(error)}
    place = Path(case["file"])
    partial = place.with_suffix(".partial")
    # what names the case, without the places of this machine
    named = {key: case[key] for key in ("attack", "rate", "seed", "images", "device")}
    partial.write_text(json.dumps({"case": named, "commit": commit(), **found}, indent=1))
    partial.replace(place)


if __name__ == "__main__":
    main()
