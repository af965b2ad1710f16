"""What the search looks at, in one value."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch

from ..types import Bool, Float32, Int64, UInt8
from .settings import MiningSettings

CHUNK = 2048  # rows compared at a time
STREAM = 0x7A57E  # sets this use of a seed apart from others
EVERY = -1  # the label of a pattern that goes with wrong labels of any class


@dataclass(frozen=True, eq=False)
class Material:
    """What the search looks at. pixels: uint8 (n, s, s, 3).  suspect: bool (n,), content contradicts the label.

    groups: (label, some of its rows) that other witnesses part from their class.
    """

    pixels: UInt8
    labels: Int64
    classes: int
    suspect: Bool
    vectors: Float32
    device: torch.device
    seed: int
    settings: MiningSettings = field(default_factory=MiningSettings)
    groups: tuple[tuple[int, Int64], ...] = ()

    def sample(self, count: int) -> Int64:
        """Up to `count` labelled rows, the same every time."""
        return self.draw(np.flatnonzero(self.labels >= 0), count)

    def draw(self, rows: Int64, count: int) -> Int64:
        """Up to `count` of `rows` in their order, the same every time."""
        if len(rows) <= count:
            return rows
        # a stream of its own: whoever poisoned the set with the same seed would have drawn the very same rows
        rng = np.random.default_rng([STREAM, self.seed])
        return np.asarray(np.sort(rng.choice(rows, count, replace=False)))

    def inside(self, label: int) -> Bool:
        """Rows of a class; for wrong labels of any class, the label suspects."""
        if label == EVERY:
            return np.asarray((self.labels >= 0) & self.suspect)
        return np.asarray(self.labels == label)

    def outside(self, label: int) -> Bool:
        """Rows that a class is compared with: other labels'; for wrong labels of any class, those that are not suspect."""
        if label == EVERY:
            return np.asarray((self.labels >= 0) & ~self.suspect)
        return np.asarray((self.labels >= 0) & (self.labels != label))

    def content_shares(self, rows: Int64, without: Int64) -> Float32:
        """What `rows` are by content when `without` (and unlabelled rows) may not vote: class shares (m, C).

        Rows with one pattern are each other's neighbours in an embedding that sees it; asking only rows that do not carry
        it tells what lies under the pattern. Shares are of the nearest rows, smoothed by half a vote.
        """
        votes = np.setdiff1d(np.flatnonzero(self.labels >= 0), without)
        if len(votes) == 0 or self.classes == 0:
            return np.full((len(rows), self.classes), 1 / max(self.classes, 1), dtype=np.float32)
        bank, of = self._vectors(votes), torch.from_numpy(self.labels[votes]).to(self.device)
        k, shares = min(self.settings.neighbours, len(votes)), []
        for start in range(0, len(rows), CHUNK):
            part = rows[start : start + CHUNK]
            near = self._vectors(part) @ bank.T
            own = np.minimum(np.searchsorted(votes, part), len(votes) - 1)
            asks = np.flatnonzero(votes[own] == part)
            near[asks, own[asks]] = -torch.inf
            nearest = near.topk(k, dim=1).indices
            counts = torch.zeros(len(part), self.classes, device=self.device)
            counts.scatter_add_(1, of[nearest], torch.ones(nearest.shape, device=self.device))
            shares.append((counts + 0.5 / self.classes) / (k + 0.5))
        return torch.cat(shares).cpu().numpy().astype(np.float32) if shares else np.zeros((0, self.classes), np.float32)

    def contradicted(self, rows: Int64, without: Int64) -> Bool:
        """bool (m,): whether the content of `rows`, when `without` may not vote, is that of another label than their own."""
        return np.asarray(self.content_shares(rows, without).argmax(1) != self.labels[rows])

    def _vectors(self, rows: Int64) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(self.vectors[rows])).float().to(self.device)
