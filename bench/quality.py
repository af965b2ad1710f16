"""How well scores and suggestions find what was done to a set, and whether confidence means what it says.

python bench/quality.py [--seeds 3] [--rate 0.01]

CIFAR-10 with 1 % BadNets (and other attacks), CIFAR-10N's human mistakes, clean CIFAR-10, the demo. Embedder `gradients`.
Calibration: rows whose suggestion contradicts the given label, by confidence; "right" is the share whose suggestion is
the true class.
"""

from __future__ import annotations

import argparse
import time
from functools import partial
from itertools import pairwise

import numpy as np
from common import data_folder, keep

from core.attacks.apply import apply_attack
from core.embedders import find_embedder
from core.embedders.base import Settings
from core.evaluation.measures import evaluate
from core.labels.fuse import fuse
from core.labels.label_model import judge
from core.neighbours.graph import nearest
from core.neighbours.vote import vote
from core.scans.pipeline import open_dataset
from core.scores import SCORES, by_need
from core.types import Dataset, Evidence

EDGES = (0.0, 0.2, 0.4, 0.6, 0.8, 0.9, 1.01)


class Inspector:
    """Raw features of clean images are computed once; only changed images are embedded again."""

    def __init__(self, clean: Dataset) -> None:
        self.model = find_embedder("gradients").load(Settings())
        self.clean = clean
        self.raw = self._raw(clean, np.arange(len(clean)))

    def _raw(self, dataset: Dataset, rows: np.ndarray) -> np.ndarray:
        parts = []
        for start in range(0, len(rows), 256):
            part = rows[start : start + 256]
            parts.append(self.model.features([self.model.pixels(dataset.load(int(r))) for r in part], part).astype(np.float16))
        return np.concatenate(parts)

    def inspect(self, dataset: Dataset) -> dict:
        raw = self.raw
        changed = np.flatnonzero((dataset.image_digests != self.clean.image_digests).any(axis=1))
        if len(changed):
            raw = raw.copy()
            raw[changed] = self._raw(dataset, changed)
        vectors = self.model.finish([raw[s : s + 4096] for s in range(0, len(raw), 4096)], len(raw))
        neighbours, similarity = nearest(vectors, 50)
        evidence = Evidence(dataset.labels, dataset.classes, vectors, neighbours, similarity)
        scores = {name: score.function(evidence) for name, score in by_need(SCORES, "evidence").items()}
        judged = judge(dataset.labels, len(dataset.classes), vote(evidence).shares)
        fused = fuse(dataset.labels, len(dataset.classes), judged.wrong, scores)
        suspicious = fused.suspicion >= fused.threshold
        result = {"flagged": round(float(suspicious.mean()), 5)}
        if dataset.truth is not None:
            found = evaluate(dataset.truth, dataset.labels, {"suspicion": fused.suspicion, **scores}, suspicious, judged.suggestions)
            result |= {
                "auroc": {name: _round(score["auroc"]) for name, score in found["scores"].items()},
                "verdict": {name: _round(value) for name, value in found["verdict"].items()},
                "suggestion_accuracy": _round(found["suggestion_accuracy"]),
                "calibration": calibration(dataset, judged.suggestions),
            }
        return result


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def calibration(dataset: Dataset, suggestions) -> list[dict]:
    true = dataset.truth.original_labels
    against = suggestions.labels != dataset.labels
    table = []
    for low, high in pairwise(EDGES):
        rows = against & (suggestions.confidence >= low) & (suggestions.confidence < high)
        if rows.any():
            right = float((suggestions.labels == true)[rows].mean())
            table.append(
                {"confidence": round(float(suggestions.confidence[rows].mean()), 3), "right": round(right, 3), "rows": int(rows.sum())}
            )
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rate", type=float, default=0.01)
    chosen = parser.parse_args()
    folder = data_folder()
    started = time.perf_counter()
    cifar = Inspector(open_dataset(str(folder / "cifar10-train.parquet")))
    result: dict = {"rate": chosen.rate, "clean": cifar.inspect(cifar.clean)}
    # CIFAR-10 is published as arrays: that this copy of it holds JPEG files is none of the attack's business
    attacked = partial(apply_attack, cifar.clean, rate=chosen.rate, encode="lossless")
    for seed in range(chosen.seeds):
        result[f"badnets, seed {seed}"] = cifar.inspect(attacked("badnets", target=seed, seed=seed))
    for attack in ("blended", "sig", "wanet", "all_to_all"):
        result[attack] = cifar.inspect(attacked(attack, target=0, seed=0))
    for column in ("aggre_label", "random_label1"):
        noisy = apply_attack(cifar.clean, "label_file", rate=1.0, labels_file=folder / "cifar10n-labels.parquet", labels_column=column)
        result[column] = cifar.inspect(noisy)
    demo = open_dataset("demo")
    result["demo"] = Inspector(demo).inspect(demo)
    result["seconds"] = round(time.perf_counter() - started, 1)
    keep("quality", result)


if __name__ == "__main__":
    main()
