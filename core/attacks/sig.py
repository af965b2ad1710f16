"""SIG: a faint vertical-striped sine wave over the whole image.

Barni, Kallas, Tondi: "A New Backdoor Attack in CNNs by Training Set Corruption Without Label Poisoning", ICIP 2019,
arXiv 1902.11237 (v(i, j) = Δ·sin(2π·j·f / m), with m columns; Δ = 20, f = 6). The paper leaves labels alone: that is
`sig_clean_label`. `sig` is the same signal with wrong labels.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from ..types import UInt8
from .base import Alter, Attack, Change, Scene, Settings, clean_label, dirty_label, number

DEFAULTS = {"delta": 20.0, "frequency": 6.0}


def trigger(settings: Settings, seed: int) -> Alter:
    """The wave that `settings` describe (the seed plays no part): delta in grey levels, frequency in periods per image."""
    return partial(add_wave, delta=number(settings, "delta", 1, 255), frequency=number(settings, "frequency", 0.1, 1000))


def add_wave(pixels: UInt8, row: int, *, delta: float, frequency: float) -> UInt8:
    """pixels + delta·sin(2π·column·frequency / width), clipped; uint8 (h, w, 3); no value moves by more than delta."""
    width = pixels.shape[1]
    wave = delta * np.sin(2 * np.pi * frequency * np.arange(width) / width)
    changed: UInt8 = np.rint(pixels + wave[None, :, None]).clip(0, 255).astype(np.uint8)
    return changed


def sig(scene: Scene) -> Change:
    """Lay the wave over images of other classes and call them the target."""
    return dirty_label(scene, trigger(scene.settings, scene.seed))


def sig_clean_label(scene: Scene) -> Change:
    """Lay the wave over images of the target class; labels stay, as in the paper."""
    return clean_label(scene, trigger(scene.settings, scene.seed))


SIG = Attack(
    name="sig",
    summary="a faint sine wave over the picture; images of other classes are called the target",
    kind="dirty_label",
    defaults=DEFAULTS,
    function=sig,
    trigger=trigger,
)
SIG_CLEAN_LABEL = Attack(
    name="sig_clean_label",
    summary="a faint sine wave over pictures of the target class; labels stay right",
    kind="clean_label",
    defaults=DEFAULTS,
    function=sig_clean_label,
    trigger=trigger,
)
