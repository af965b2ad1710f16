"""The patterns that are planted: attacks of the simulator, at settings that are hard to see on any size of image."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from ..attacks import find_attack, settings_for
from ..types import UInt8

Alter = Callable[[UInt8, int], UInt8]
# ways to turn and mirror one pattern, so that several classes hold different ones
TURNS = 8


@dataclass(frozen=True)
class Kind:
    """One kind of pattern. title: in words, with its strength.  settings: usual shorter side in pixels -> the attack's settings."""

    title: str
    attack: str
    settings: Callable[[int], dict[str, float]]


# the sampling field of the bend is given in pixels of the image; at most 16 of them
KINDS: dict[str, Kind] = {
    "patch": Kind("a patch in a corner, 6 % of the side", "badnets", lambda side: {"patch_size": 2}),
    "overlay": Kind("a picture laid over the whole image, 12 % strong", "blended", lambda side: {"alpha": 0.12}),
    "wave": Kind("a wave of ± 10 grey levels, 8 periods", "sig", lambda side: {"delta": 10, "frequency": 8}),
    "noise": Kind("noise of ± 8 grey levels, another in every image", "noise_specific", lambda side: {"amplitude": 8}),
    "bend": Kind("a bend by 2 % of the side", "wanet", lambda side: {"s": min(16.0, 0.04 * side)}),
}


def alter_of(kind: str, side: int, turn: int) -> Alter:
    """The change that `kind` makes to an image uint8 (h, w, 3). side: usual shorter side of the set.  turn: 0…7, see TURNS."""
    attack = find_attack(KINDS[kind].attack)
    assert attack.trigger is not None
    return partial(_turned, alter=attack.trigger(settings_for(attack, KINDS[kind].settings(side)), turn), turn=turn)


def _turned(pixels: UInt8, row: int, *, alter: Alter, turn: int) -> UInt8:
    """`alter` as it would lie if the picture were turned by quarter turns and mirrored."""
    seen = np.rot90(pixels, turn % 4)
    seen = seen[:, ::-1] if turn >= 4 else seen
    changed = alter(np.ascontiguousarray(seen), row)
    changed = changed[:, ::-1] if turn >= 4 else changed
    return np.ascontiguousarray(np.rot90(changed, -(turn % 4)))
