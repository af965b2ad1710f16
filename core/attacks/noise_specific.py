"""Another faint noise for every image: a stand-in for sample-specific triggers.

Stands in for Li, Li, Wu, Li, He, Lyu: "Invisible Backdoor Attack with Sample-Specific Triggers" (SSBA), ICCV 2021,
arXiv 2012.03816, and Nguyen, Tran: "Input-Aware Dynamic Backdoor Attack", NeurIPS 2020, arXiv 2010.08138. Both make
the trigger with a network trained for it; that is not done here. What is kept is what a detector meets: a residual of
a few grey levels at high frequency, determined by the image's content and a key, with nothing in common between images
but its strength and its spectrum. What a victim model would learn from it is not shown by this stand-in.
"""

from __future__ import annotations

from functools import partial
from hashlib import blake2b

import numpy as np
from scipy.ndimage import convolve1d

from ..types import Float32, UInt8
from .base import Alter, Attack, Change, Scene, Settings, dirty_label, number

BINOMIAL = np.array([0.25, 0.5, 0.25], dtype=np.float32)


def trigger(settings: Settings, seed: int) -> Alter:
    """The residual that `settings` and the key `seed` describe.  amplitude: grey levels."""
    return partial(add_residual, amplitude=int(number(settings, "amplitude", 1, 255)), key=seed)


def add_residual(pixels: UInt8, row: int, *, amplitude: int, key: int) -> UInt8:
    """pixels ± amplitude, clipped; uint8 (h, w, 3); the same image always gets the same residual."""
    changed: UInt8 = (pixels + residual(pixels, key) * amplitude).clip(0, 255).astype(np.uint8)
    return changed


def residual(pixels: UInt8, key: int) -> Float32:
    """Signs −1 and +1, float32 (h, w, 3), of white noise less its 3×3 blur; the noise is seeded by a keyed hash."""
    h = blake2b(np.ascontiguousarray(pixels).tobytes(), digest_size=16, key=str(key).encode()[:64])
    noise = np.random.default_rng(int.from_bytes(h.digest(), "little")).standard_normal(pixels.shape, dtype=np.float32)
    blurred = convolve1d(convolve1d(noise, BINOMIAL, axis=0), BINOMIAL, axis=1)
    return np.where(noise > blurred, 1, -1).astype(np.float32)


def noise_specific(scene: Scene) -> Change:
    """Add each image's own residual to images of other classes and call them the target."""
    return dirty_label(scene, trigger(scene.settings, scene.seed))


NOISE_SPECIFIC = Attack(
    name="noise_specific",
    summary="faint noise that differs from picture to picture (a stand-in for SSBA); pictures are called the target",
    kind="dirty_label",
    defaults={"amplitude": 8},
    function=noise_specific,
    trigger=trigger,
)
