"""Symmetric label noise: a wrong label, any other one with equal chance.

van Rooyen, Menon, Williamson: "Learning with Symmetric Label Noise: The Importance of Being Unhinged", NIPS 2015,
arXiv 1505.07634. Here a chosen row never keeps its label, so `rate` is the share of labels that really are wrong.
"""

from __future__ import annotations

import numpy as np

from .base import Attack, Change, Scene, choose_any


def symmetric(scene: Scene) -> Change:
    """Give the chosen rows a label drawn evenly from all others."""
    rows = choose_any(scene)
    # a second stream: the first one drew the rows
    steps = np.random.default_rng([scene.seed, 1]).integers(1, scene.n_classes, len(rows))
    return Change(rows, (scene.labels[rows] + steps) % scene.n_classes)


SYMMETRIC = Attack(
    name="symmetric",
    summary="labels replaced by any other label with equal chance; pictures stay",
    kind="label_noise",
    defaults={},
    function=symmetric,
)
