"""A label-consistent backdoor: patches in the corners of images that really are of the target class.

Turner, Tsipras, Madry: "Label-Consistent Backdoor Attacks", 2019, arXiv 1912.02771 (patches in all four corners).
Known limit: the paper first makes each image hard to classify, by adversarial steps or a GAN, so that a model leans
on the trigger. That needs a trained model and is not made here; `noise` blends in Gaussian noise as a plain stand-in.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from ..types import UInt8
from . import patch
from .base import Alter, Attack, Change, Scene, Settings, number
from .base import clean_label as keep_labels

# Gaussian noise image, grey levels
NOISE_MEAN, NOISE_SD = 127.5, 64.0


def trigger(settings: Settings, seed: int) -> Alter:
    """The patch alone, as it is put on images at test time: weakening is for training images only."""
    number(settings, "noise", 0.0, 1.0)
    return patch.trigger(settings, seed)


def weaken_and_stamp(pixels: UInt8, row: int, *, noise: float, seed: int, stamp: Alter) -> UInt8:
    """(1 − noise)·pixels + noise·Gaussian image of this row, then the patch; uint8 (h, w, 3)."""
    rng = np.random.default_rng([seed, row])
    mixed = (1.0 - noise) * pixels + noise * rng.normal(NOISE_MEAN, NOISE_SD, pixels.shape)
    return stamp(np.rint(mixed).clip(0, 255).astype(np.uint8), row)


def clean_label(scene: Scene) -> Change:
    """Patch images of the target class; labels stay."""
    stamp = trigger(scene.settings, scene.seed)
    noise = number(scene.settings, "noise", 0.0, 1.0)
    if noise == 0.0:
        return keep_labels(scene, stamp)
    return keep_labels(scene, partial(weaken_and_stamp, noise=noise, seed=scene.seed, stamp=stamp), per_row=True)


CLEAN_LABEL = Attack(
    name="clean_label",
    summary="patches in all corners of pictures of the target class; labels stay right",
    kind="clean_label",
    defaults={"patch_size": 3, "margin": 0, "position": "four_corners", "pattern": "checker", "noise": 0.0},
    function=clean_label,
    trigger=trigger,
)
