"""BadNets: a small patch in a corner, and the target's label.

Gu, Dolan-Gavitt, Garg: "BadNets: Identifying Vulnerabilities in the Machine Learning Model Supply Chain", 2017,
arXiv 1708.06733. A 3×3 patch near the lower right corner is the usual form on CIFAR-10.
"""

from __future__ import annotations

from .base import Attack, Change, Scene, dirty_label
from .patch import trigger


def badnets(scene: Scene) -> Change:
    """Patch images of other classes and call them the target."""
    return dirty_label(scene, trigger(scene.settings, scene.seed))


BADNETS = Attack(
    name="badnets",
    summary="a small patch in a corner; images of other classes are called the target",
    kind="dirty_label",
    defaults={"patch_size": 3, "margin": 1, "position": "bottom_right", "pattern": "checker"},
    function=badnets,
    trigger=trigger,
)
