"""Pair-flip label noise: each class is mistaken for the one that follows it.

Han, Yao, Yu, Niu, Xu, Hu, Tsang, Sugiyama: "Co-teaching: Robust Training of Deep Neural Networks with Extremely Noisy
Labels", NeurIPS 2018, arXiv 1804.06872 (pair flipping).
"""

from __future__ import annotations

from .base import Attack, Change, Scene, choose_any


def pair_flip(scene: Scene) -> Change:
    """Give the chosen rows the label that follows their own."""
    rows = choose_any(scene)
    return Change(rows, (scene.labels[rows] + 1) % scene.n_classes)


PAIR_FLIP = Attack(
    name="pair_flip",
    summary="labels replaced by the next class; pictures stay",
    kind="label_noise",
    defaults={},
    function=pair_flip,
)
