"""Probes as the artifact scores see them, with planted rows, without training anything."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.scores import SCORES, by_need
from core.scores.probe.train import Probe

ARTIFACT_SCORES = by_need(SCORES, "probe")


@dataclass(frozen=True, eq=False)
class Given:
    """Arguments of a score, and which rows are planted."""

    probe: Probe
    labels: np.ndarray
    classes: int
    bad: np.ndarray

    def score(self, name: str) -> np.ndarray:
        return ARTIFACT_SCORES[name].function(self.probe, self.labels, self.classes)

    def rows(self, order: np.ndarray) -> Given:
        p = self.probe
        columns = (p.given, p.rank, p.early_loss, p.features, p.half)
        return Given(Probe(*(c[order] for c in columns)), self.labels[order], self.classes, self.bad[order])


def given_of(features: np.ndarray, labels: np.ndarray, classes: int, bad: np.ndarray | None = None, seed: int = 0) -> Given:
    """A probe with these activations; chances and losses are good where rows are planted, middling elsewhere."""
    rng = np.random.default_rng(seed)
    planted = np.zeros(len(labels), dtype=bool) if bad is None else bad
    chance = np.where(planted, rng.uniform(0.9, 1.0, len(labels)), rng.uniform(0.05, 0.6, len(labels)))
    chance, loss = chance.astype(np.float32), (-np.log(chance) + 0.05).astype(np.float32)
    half = (np.arange(len(labels)) % 2).astype(np.int8)
    return Given(Probe(chance, 1 - chance, loss, features.astype(np.float32), half), labels.astype(np.int64), classes, planted)


def planted(*, classes: int = 6, size: int = 60, share: float = 0.2, d: int = 10, shift: float = 7.0, seed: int = 0) -> Given:
    """Gaussian classes of unequal spread; `share` of class 2 lies apart in a direction of its own."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.repeat(np.arange(classes), size))
    spread = rng.uniform(0.7, 1.5, d)
    features = rng.normal(0, 4, (classes, d))[labels] + rng.normal(size=(len(labels), d)) * spread
    bad = np.zeros(len(labels), dtype=bool)
    bad[rng.choice(np.flatnonzero(labels == 2), round(share * size), replace=False)] = True
    direction = rng.normal(size=d)
    features[bad] += shift * direction / np.linalg.norm(direction)
    return given_of(features, labels, classes, bad)
