"""Learnability: how much surer than usual a network that never saw the row is of its label, from what is no content.

After *CLIP-guided backdoor defense via entropy-based data separation* (CGD, arXiv 2507.05113), which asks a short
out-of-fold network for the given label and crosses it with an outside model's view of the content. Here the network
sees high-passed images, and the content axis is another score. Measuring from the class's median is ours: easy classes
would lead otherwise. Misses triggers too rare for half of the set to teach; ranks clean images that are easy beside
poison.
"""

from __future__ import annotations

import numpy as np

from ..types import Float32, Inspection, Int64
from .by_class import Probed, above_class
from .score import Score, percent


def learnability(probe: Probed, labels: Int64, classes: int) -> Float32:
    """Out-of-fold chance of the given label − its median in the class, float32 (n,) in −1…1; higher = more suspicious.

    Needs `Probe.given`. NaN for unlabelled rows, where no network was trained, and for sets of fewer than two classes,
    where every label is known for sure.
    """
    if classes < 2:
        return np.full(len(labels), np.nan, dtype=np.float32)
    return above_class(probe.given, labels, classes)


def _guessed(inspection: Inspection, row: int, value: float, usual: float, high: bool) -> str:
    return f"A small network that had never seen this image gave its label a chance of {percent(value)}; usual here is {percent(usual)}."


LEARNABILITY = Score(
    name="learnability",
    title="easy to learn",
    question="How much surer of its label than is usual is a small network that looks at fine detail and never saw the image?",
    blind_to="patterns on very few images; it also picks out harmless images that are easy",
    family="artifact",
    needs="probe",
    function=learnability,
    explain=_guessed,
    source="after CLIP-guided backdoor defense (CGD), arXiv 2507.05113",
)
