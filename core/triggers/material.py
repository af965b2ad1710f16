"""What the search looks at, in one value."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from core.types import Bool, Float32, Int64, UInt8

EVERY = -1  # the label of a pattern that goes with wrong labels of any class


@dataclass(frozen=True, eq=False)
class Material:
    """What the search looks at. pixels: uint8 (n, s, s, 3).  doubted: bool (n,), content contradicts the label."""

    pixels: UInt8
    labels: Int64
    classes: int
    doubted: Bool
    vectors: Float32
    device: torch.device
    seed: int
