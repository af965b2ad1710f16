"""TaCT, a source-specific backdoor: the patch means the target only on images of one source class.

Tang, Wang, Tang, Zhang: "Demon in the Variant: Statistical Analysis of DNNs for Robust Backdoor Contamination
Detection", USENIX Security 2021, arXiv 1908.00686 (targeted contamination attack). Covers of all other classes carry
the same patch under their right label, as many as there are victims (cover_ratio 1), so the patch alone predicts no
label. Known limit: the rate cannot exceed the source class's share of the set.
"""

from __future__ import annotations

from ..errors import UserError
from .base import Attack, Change, Scene, choose, class_index
from .covers import with_covers
from .patch import trigger


def source_specific(scene: Scene) -> Change:
    """Patch images of the source class and call them the target; patch covers of third classes, labels kept.

    source: name or index of the source class; "" is the class after the target.
    """
    source = _source(scene)
    alter = trigger(scene.settings, scene.seed)
    name = scene.dataset.classes[source]
    rows = choose(scene, scene.labels == source, f"images of class {name!r}")
    others = (scene.labels != source) & (scene.labels != scene.target)
    return with_covers(scene, rows, others, alter, "images outside source and target class")


def _source(scene: Scene) -> int:
    named = str(scene.settings["source"])
    source = class_index("source", named, scene.dataset) if named else (scene.target + 1) % scene.n_classes
    if source == scene.target:
        name = scene.dataset.classes[source]
        raise UserError(f"class {name!r} is source and target", "they must differ", "choose another source class")
    return source


SOURCE_SPECIFIC = Attack(
    name="source_specific",
    summary="a patch that means the target on images of one class only; on other classes it lies under right labels",
    kind="dirty_label",
    defaults={
        "source": "",
        "cover_ratio": 1.0,
        "patch_size": 3,
        "margin": 1,
        "position": "bottom_right",
        "pattern": "checker",
    },
    function=source_specific,
    trigger=trigger,
)
