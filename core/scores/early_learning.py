"""Early learning: how much lower the loss of the given label is after one epoch than is usual in the class.

Li et al., *Anti-backdoor learning: training clean models on poisoned data*, NeurIPS 2021 (arXiv 2110.11571): a
backdoor is learnt before content, so the rows of lowest loss early in training are isolated. They train 20 epochs with
a loss floor of 0.5; here one epoch of a small network does, on high-passed images. Measuring from the class's median is
ours: easy classes would lead otherwise. Misses triggers learnt slowly; ranks clean images that are easy beside poison.
"""

from __future__ import annotations

import math

from ..types import Float32, Inspection, Int64
from .by_class import Probed, above_class
from .score import Score, percent


def early_learning(probe: Probed, labels: Int64, classes: int) -> Float32:
    """Median loss of the class − loss of the row after the first epoch (nats), float32 (n,); higher = more suspicious.

    Needs `Probe.early_loss`. NaN for unlabelled rows and where no network was trained.
    """
    return above_class(-probe.early_loss, labels, classes)


def _believed_early(inspection: Inspection, row: int, value: float, usual: float, high: bool) -> str:
    # the score is −loss in nats, and loss = −log(chance)
    return f"After one short round of training, a small network gave its label a chance of {percent(math.exp(min(value, 0)))}; usual here is {percent(math.exp(min(usual, 0)))}."


EARLY_LEARNING = Score(
    name="early_learning",
    title="learnt early",
    question="Was its label learnt sooner than is usual in its class, from fine detail alone?",
    blind_to="patterns that are learnt slowly; it also picks out harmless images that are easy",
    family="artifact",
    needs="probe",
    function=early_learning,
    explain=_believed_early,
    source="Li et al., Anti-backdoor learning, NeurIPS 2021",
)
