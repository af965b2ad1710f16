"""What the search looks at, in one value."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from ..types import Bool, Float32, Int64, UInt8

STREAM = 0x7A57E  # tells this use of a seed from others
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

    def sample(self, count: int) -> Int64:
        """Up to `count` labelled rows, the same every time."""
        return self.draw(np.flatnonzero(self.labels >= 0), count)

    def draw(self, rows: Int64, count: int) -> Int64:
        """Up to `count` of `rows` in their order, the same every time."""
        if len(rows) <= count:
            return rows
        # a stream of its own: who poisoned the set with the same seed would else have drawn the very same rows
        rng = np.random.default_rng([STREAM, self.seed])
        return np.asarray(np.sort(rng.choice(rows, count, replace=False)))

    def inside(self, label: int) -> Bool:
        """Rows of a class; for wrong labels of any class, the doubted."""
        if label == EVERY:
            return np.asarray((self.labels >= 0) & self.doubted)
        return np.asarray(self.labels == label)

    def outside(self, label: int) -> Bool:
        """Rows that a class is compared with: other labels'; for wrong labels of any class, the undoubted."""
        if label == EVERY:
            return np.asarray((self.labels >= 0) & ~self.doubted)
        return np.asarray((self.labels >= 0) & (self.labels != label))
