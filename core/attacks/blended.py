"""Blended injection: a whole-image pattern mixed in at low weight, and the target's label.

Chen, Liu, Li, Lu, Song: "Targeted Backdoor Attacks on Deep Learning Systems Using Data Poisoning", 2017,
arXiv 1712.05526 (section on blended injection; weight 0.2). The pattern is the paper's second kind, one fixed image
of random noise: the same for every seed, so that two sets made with different seeds share a trigger.
"""

from __future__ import annotations

from functools import lru_cache, partial

import numpy as np
from PIL import Image

from ..types import Float32, UInt8, read_only
from .base import REFERENCE_SIDE, Alter, Attack, Change, Scene, Settings, dirty_label, number

# any fixed number does; it names the one pattern
PATTERN_SEED = 171205526


def trigger(settings: Settings, seed: int) -> Alter:
    """The blend that `settings` describe (the seed plays no part); UserError unless alpha lies within 0.01…1."""
    return partial(blend, alpha=number(settings, "alpha", 0.01, 1.0))


def blend(pixels: UInt8, row: int, *, alpha: float) -> UInt8:
    """(1 − alpha)·pixels + alpha·pattern, uint8 (h, w, 3); no value moves by more than 255·alpha, rounded."""
    height, width = pixels.shape[:2]
    mixed = (1.0 - alpha) * pixels.astype(np.float32) + alpha * _pattern(height, width)
    return np.rint(mixed).clip(0, 255).astype(np.uint8)


@lru_cache(maxsize=16)
def _pattern(height: int, width: int) -> Float32:
    rng = np.random.default_rng(PATTERN_SEED)
    noise = rng.integers(0, 256, (REFERENCE_SIDE, REFERENCE_SIDE, 3), dtype=np.uint8)
    resized = Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC)
    return read_only(np.asarray(resized, dtype=np.float32))


def blended(scene: Scene) -> Change:
    """Blend the pattern into images of other classes and call them the target."""
    return dirty_label(scene, trigger(scene.settings, scene.seed))


BLENDED = Attack(
    name="blended",
    summary="a fixed noise image blended over the whole picture; images of other classes are called the target",
    kind="dirty_label",
    defaults={"alpha": 0.2},
    function=blended,
    trigger=trigger,
)
