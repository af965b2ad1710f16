"""The all-to-all form of BadNets: a patch, and every label moves on by one.

Gu, Dolan-Gavitt, Garg: "BadNets: Identifying Vulnerabilities in the Machine Learning Model Supply Chain", 2017,
arXiv 1708.06733 (the all-to-all attack: y becomes y + 1 modulo the number of classes). There is no single target.
"""

from __future__ import annotations

from .base import Attack, Change, Scene, choose_any
from .patch import trigger


def all_to_all(scene: Scene) -> Change:
    """Patch images of any class and give them the label that follows their own."""
    rows = choose_any(scene)
    return Change(rows, (scene.labels[rows] + 1) % scene.n_classes, trigger(scene.settings, scene.seed))


ALL_TO_ALL = Attack(
    name="all_to_all",
    summary="a small patch in a corner; every patched image gets the label after its own",
    kind="dirty_label",
    defaults={"patch_size": 3, "margin": 1, "position": "bottom_right", "pattern": "checker"},
    function=all_to_all,
    trigger=trigger,
)
