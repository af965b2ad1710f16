"""A short probe: what a small network learns of the suspect labels, and how soon.

A network trained on poisoned labels binds a trigger before and more surely than content. The probe is trained on
high-passed images, because there content is hard to learn and a trigger is not: measured on CIFAR-10, on plain images
the chance it gives to a label ranks poison below chance. Ideas: *CLIP-guided backdoor defense via entropy-based data
separation* (CGD, arXiv 2507.05113: a short out-of-fold network is asked for the given label) and Li et al.,
*Anti-backdoor learning* (ABL, NeurIPS 2021: poison is learnt early). The network, the high pass and the settings are
ours. Blind to triggers that a high pass removes, and to those too rare to be learnt in a few epochs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ...compute import DeviceImages, autocast, batch_size, evaluated, half_precision, train
from ...types import UNLABELLED, Float32, Int64, UInt8, read_only
from .network import FEATURES, HighPass, Network, build

Progress = Callable[[int, int], None]

# a set of a few hundred images would otherwise be learnt from only a handful of times
FEWEST_STEPS = 100
PEAK_RATE = 0.1
WARM_UP = 0.15
# sums over fewer images than this are no batch statistics
SMALLEST_BATCH = 2
EVALUATION_ROWS = 1024


@dataclass(frozen=True, eq=False)
class Probe:
    """What the probe says of each row; NaN for unlabelled rows and where no network could be trained.

    given: float32 (n,) in 0…1, chance of the given label by the network that did not train on the row.
    rank: float32 (n,) in 0…1, place of the given label among the classes by that chance: 0 = likeliest, 1 = least.
    early_loss: float32 (n,), cross entropy (nats) of the given label after the first epoch, by the network that trains
    on all rows.
    features: float32 (n, d), penultimate activations of that same network: one for all rows, so that they share their
    axes, and on all rows, since the statistics on them want a network that has learnt the trigger, and half of a
    rare trigger's images may be too few for that.
    half: int8 (n,), 0 or 1: the half that the row is in, and so which of the two other networks judges it: the one
    that trained on the other half. −1 for unlabelled rows.
    """

    given: Float32
    rank: Float32
    early_loss: Float32
    features: Float32
    half: NDArray[np.int8]

    def __post_init__(self) -> None:
        columns = (self.given, self.rank, self.early_loss, self.half)
        if len({c.shape for c in columns}) != 1 or self.features.ndim != 2 or len(self.features) != len(self.given):
            raise ValueError("probe columns differ in length")
        for array in (*columns, self.features):
            read_only(array)


def train_probe(
    pixels: UInt8,
    labels: Int64,
    classes: int,
    *,
    seed: int,
    device: str = "cpu",
    epochs: int = 3,
    progress: Progress | None = None,
) -> Probe:
    """One network trained on all labelled rows, and two on a half each that judge the other half.

    pixels: uint8 (n, h, w, 3), all of one size, small (reduce large images first).  labels: int64 (n,), −1 for none.
    An epoch is every row of a network's share once, but never fewer than 100 steps; sets too small for that go round again.
    progress: called with (steps done, steps in all).  The same seed gives the same probe on a CPU.
    Raises ValueError where shapes or labels do not fit.
    """
    _check(pixels, labels, classes, epochs)
    generator = torch.Generator().manual_seed(seed)
    half = halves(labels, generator)
    n = len(labels)
    given, rank, early = (np.full(n, np.nan, dtype=np.float32) for _ in range(3))
    features = np.full((n, FEATURES), np.nan, dtype=np.float32)
    run = _Run(DeviceImages(pixels, device), labels, classes, device, progress)
    whole, members = np.flatnonzero(half >= 0), [np.flatnonzero(half == h) for h in (0, 1)]
    run.total = sum(_steps(len(rows), epochs) for rows in (whole, *members))
    if len(whole) >= SMALLEST_BATCH:
        network = build(classes, generator, device)
        run.train(network, whole, epochs, generator, early)
        features[whole] = run.features(network, whole)
    for own, other in (members, members[::-1]):
        if len(own) >= SMALLEST_BATCH:
            network = build(classes, generator, device)
            run.train(network, own, epochs, generator)
            given[other], rank[other] = run.judge(network, other)
    return Probe(given, rank, early, features, half)


def _check(pixels: UInt8, labels: Int64, classes: int, epochs: int) -> None:
    if pixels.ndim != 4 or pixels.shape[3] != 3 or pixels.dtype != np.uint8:
        raise ValueError(f"pixels are {pixels.dtype} {pixels.shape}; they must be uint8 (n, h, w, 3)")
    if labels.shape != (len(pixels),):
        raise ValueError(f"{len(labels)} labels do not fit {len(pixels)} images")
    if len(labels) and not UNLABELLED <= int(labels.min()) <= int(labels.max()) < classes:
        raise ValueError(f"a label lies outside −1…{classes - 1}")
    if epochs < 1:
        raise ValueError(f"epochs is {epochs}; it must be 1 or more")


def halves(labels: Int64, generator: torch.Generator) -> NDArray[np.int8]:
    """int8 (n,): a random half, 0 or 1, of every class (classes of odd size take turns); −1 for unlabelled rows."""
    half = np.full(len(labels), -1, dtype=np.int8)
    rows = np.flatnonzero(labels != UNLABELLED)
    order = np.lexsort((torch.rand(len(rows), generator=generator).numpy(), labels[rows]))
    half[rows[order]] = np.arange(len(rows)) % 2
    return half


def _steps(rows: int, epochs: int) -> int:
    """Steps that a share of this size takes, all epochs together."""
    return 0 if rows < SMALLEST_BATCH else epochs * max(FEWEST_STEPS, -(-rows // batch_size(rows)))


@dataclass(eq=False)
class _Run:
    """What the networks share: the images, the labels, the device, and how far the work has come."""

    images: DeviceImages
    labels: Int64
    classes: int
    device: str
    progress: Progress | None
    done: int = 0
    total: int = 0

    def __post_init__(self) -> None:
        self.targets = torch.from_numpy(np.maximum(self.labels, 0)).to(self.device)
        self.precision = half_precision(self.device)
        height, width = self.images.pixels.shape[1:3]
        self.high_pass = HighPass(height, width, torch.device(self.device))

    def train(self, network: Network, rows: Int64, epochs: int, generator: torch.Generator, early: Float32 | None = None) -> None:
        """Trains on `rows`; their loss after the first epoch goes into `early` (n,), where it is asked for."""
        steps = _steps(len(rows), epochs) // epochs

        def loss_of(batch: torch.Tensor) -> torch.Tensor:
            with autocast(self.device, self.precision):
                logits = network(self._inputs(batch))
            return torch.nn.functional.cross_entropy(logits.float(), self._targets(batch))

        def after_epoch(epoch: int) -> None:
            if epoch == 0 and early is not None:
                early[rows] = self._losses(network, rows)

        train(
            network,
            lambda: _shuffled(rows, steps, generator),
            loss_of,
            epochs=epochs,
            steps=steps,
            peak=PEAK_RATE,
            warm_up=WARM_UP,
            device=self.device,
            precision=self.precision,
            after_step=lambda batch, loss: self._count(),
            after_epoch=after_epoch,
        )

    def judge(self, network: Network, rows: Int64) -> tuple[Float32, Float32]:
        """(chance, rank) of the given label of `rows`, float32 (m,) each."""
        chance, places = np.empty(len(rows), np.float32), np.empty(len(rows), np.float32)
        done = 0
        for batch, logits in self._evaluated(network, rows):
            chances = logits.softmax(1)
            own = chances.gather(1, self._targets(batch)[:, None])
            # ties share a place
            above = (chances > own).sum(1) + 0.5 * ((chances == own).sum(1) - 1)
            part = slice(done, done + len(batch))
            chance[part] = own[:, 0].cpu().numpy()
            places[part] = (above / max(self.classes - 1, 1)).cpu().numpy()
            done += len(batch)
        return chance, places

    def features(self, network: Network, rows: Int64) -> Float32:
        """Penultimate activations of `rows`, float32 (m, d)."""
        found = self._evaluated(network, rows, network.features)
        return np.concatenate([np.empty((0, FEATURES), np.float32), *(features.cpu().numpy() for _, features in found)])

    def _losses(self, network: Network, rows: Int64) -> Float32:
        found = [
            torch.nn.functional.cross_entropy(logits, self._targets(batch), reduction="none")
            for batch, logits in self._evaluated(network, rows)
        ]
        return torch.cat(found).cpu().numpy()

    def _evaluated(self, network: Network, rows: Int64, asked: Any = None) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """(batch, logits) of `rows` in order, or what `asked` gives of the network's inputs."""
        asked = asked or network
        return evaluated(network, lambda batch: asked(self._inputs(batch)), rows, EVALUATION_ROWS, self.device, self.precision)

    def _inputs(self, rows: torch.Tensor) -> torch.Tensor:
        return self.high_pass(self.images.rows(rows))

    def _targets(self, batch: torch.Tensor) -> torch.Tensor:
        return self.targets[batch.to(self.targets.device, non_blocking=True)]

    def _count(self) -> None:
        self.done += 1
        if self.progress is not None:
            self.progress(self.done, self.total)


def _shuffled(rows: Int64, steps: int, generator: torch.Generator) -> Iterator[torch.Tensor]:
    """`steps` batches of `rows` in random order; goes round again, newly shuffled, when the rows run out."""
    size = batch_size(len(rows))
    everyone = torch.from_numpy(rows)
    order = everyone[torch.randperm(len(rows), generator=generator)]
    for _ in range(steps):
        if len(order) < SMALLEST_BATCH:
            order = torch.cat([order, everyone[torch.randperm(len(rows), generator=generator)]])
        yield order[:size]
        order = order[size:]
