"""Training one victim: the images on the device, light augmentation in batches, one cycle of the learning rate.

Everything random is drawn on the CPU from the seed, so that a seed names a run; on a
GPU sums are taken in another order each time, and two runs differ a little.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from hashlib import blake2b

import numpy as np
import torch
from torch import nn

from ..compute import DeviceImages, autocast, batch_size, evaluated, half_precision, train
from ..types import Bool, Float32, Int64, UInt8
from .networks import build_victim

LARGEST_BATCH, LARGEST_ON_CUDA = 128, 256
PEAK_RATE, RATE_OF_BATCH, LEAST_RATED = 0.1, 128, 32
WARM_UP = 0.25
PAD = 4
MOST_IN_CURVE = 2000
EVALUATION_ROWS = 256
COLOURFUL, PHOTOGRAPH_SIDE = 4.0, 32
_SAMPLED = 500


@dataclass(frozen=True, eq=False)
class TrainingSpec:
    """What every victim of a proof shares.

    pixels: uint8 (n, side, side, 3), the set.  test: uint8 (m, side, side, 3), test_labels: int64 (m,).
    triggered: uint8 (p, side, side, 3), images with the trigger; goals: int64 (p,), what the attacker wants them
    called; p = 0 where no trigger is known.  shown: int64 (e,), those of `triggered` that are shown as examples;
    shown_plain: int64 (e,), the same images in `test`, or (0,).
    """

    pixels: UInt8
    test: UInt8
    test_labels: Int64
    triggered: UInt8
    goals: Int64
    shown: Int64
    shown_plain: Int64
    classes: int
    victim: str
    epochs: int
    device: str
    augment: bool

    @property
    def digest(self) -> str:
        """Hexadecimal; under equal digests, a victim of the same rows, labels and seed is the same victim."""
        h = blake2b(repr((self.classes, self.victim, self.epochs, self.device, self.augment)).encode(), digest_size=16)
        for array in (self.test, self.test_labels, self.triggered, self.goals, self.shown, self.shown_plain):
            h.update(np.ascontiguousarray(array).tobytes())
        return h.hexdigest()


@dataclass(eq=False)
class Trained:
    """What one victim has come to.

    accuracy, attack_success: shares of `test` and `triggered`, None where there are none.
    loss, accuracies, successes: after each epoch; the last two on at most 2,000 images.
    plain, triggered: (class, chance) that it gives the examples without and with the trigger.
    """

    accuracy: float | None = None
    attack_success: float | None = None
    loss: list[float] = field(default_factory=list)
    accuracies: list[float] = field(default_factory=list)
    successes: list[float] = field(default_factory=list)
    plain: list[tuple[int, float]] = field(default_factory=list)
    triggered: list[tuple[int, float]] = field(default_factory=list)


# what is known so far, images done since the last call, whether an epoch has just ended
OnProgress = Callable[[Trained, int, bool], None]


class VictimTrainer:
    """The images of a spec on a device, and the training of victims on them."""

    def __init__(self, spec: TrainingSpec) -> None:
        self.spec, self.device = spec, torch.device(spec.device)
        self.precision = half_precision(spec.device)
        if self.precision is torch.float16:
            self.precision = None
        self.pixels, self.test, self.triggered = (DeviceImages(p, self.device) for p in (spec.pixels, spec.test, spec.triggered))

    def train(self, rows: Int64, labels: Int64, seed: int, on_progress: OnProgress) -> Trained:
        """A victim trained on `rows` under `labels` (int64, one each)."""
        spec, generator = self.spec, torch.Generator().manual_seed(seed)
        network = build_victim(spec.victim, spec.classes, spec.pixels.shape[1], seed=seed)
        network = network.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        size = batch_size(len(rows), LARGEST_ON_CUDA if spec.device.startswith("cuda") else LARGEST_BATCH)
        steps, found = max(1, len(rows) // size), Trained()
        where, targets, total = torch.from_numpy(rows), torch.from_numpy(labels), torch.zeros((), device=self.device)

        def loss_of(batch: torch.Tensor) -> torch.Tensor:
            logits = self._logits(network, self.pixels, where[batch], generator)
            return torch.nn.functional.cross_entropy(logits.float(), targets[batch].to(self.device, non_blocking=True))

        def after_step(batch: torch.Tensor, loss: torch.Tensor) -> None:
            total.add_(loss.detach() * (len(batch) / len(rows)))
            on_progress(found, len(batch), False)

        def after_epoch(epoch: int) -> None:
            self._judge(network, found, float(total))
            total.zero_()
            on_progress(found, 0, True)

        train(
            network,
            lambda: _shuffled(len(rows), size, steps, generator),
            loss_of,
            epochs=spec.epochs,
            steps=steps,
            peak=PEAK_RATE * max(size, LEAST_RATED) / RATE_OF_BATCH,
            warm_up=WARM_UP,
            device=self.device,
            precision=self.precision,
            after_step=after_step,
            after_epoch=after_epoch,
        )
        return self._examine(network, found)

    def _logits(
        self, network: nn.Module, images: DeviceImages, rows: torch.Tensor, generator: torch.Generator | None = None
    ) -> torch.Tensor:
        """generator: moves the images a little, where the spec wants it."""
        pixels = images.rows(rows)
        if generator is not None and self.spec.augment:
            pixels = shifted(pixels, generator)
        with autocast(self.device, self.precision):
            logits: torch.Tensor = network(normal(pixels))
        return logits

    def _judge(self, network: nn.Module, found: Trained, loss: float) -> None:
        """One more point of the curves."""
        spec = self.spec
        test, triggered = _some(len(spec.test)), _some(len(spec.triggered))
        found.loss.append(round(loss, 5))
        found.accuracies.append(_share(self.chances(network, self.test, test).argmax(1) == spec.test_labels[test]))
        if len(triggered):
            called = self.chances(network, self.triggered, triggered).argmax(1)
            found.successes.append(_share(called == spec.goals[triggered]))

    def _examine(self, network: nn.Module, found: Trained) -> Trained:
        spec = self.spec
        chances = self.chances(network, self.test, np.arange(len(spec.test)))
        found.accuracy = _share(chances.argmax(1) == spec.test_labels)
        found.plain = _best(chances[spec.shown_plain])
        if len(spec.triggered):
            chances = self.chances(network, self.triggered, np.arange(len(spec.triggered)))
            found.attack_success = _share(chances.argmax(1) == spec.goals)
            found.triggered = _best(chances[spec.shown])
        return found

    def chances(self, network: nn.Module, images: DeviceImages, rows: Int64) -> Float32:
        """float32 (m, classes): the chance that the victim gives each class, for images of `rows`."""
        answers = evaluated(network, lambda batch: self._logits(network, images, batch), rows, EVALUATION_ROWS, self.device, self.precision)
        return np.concatenate([np.zeros((0, self.spec.classes), np.float32), *(logits.softmax(1).cpu().numpy() for _, logits in answers)])


def usual_epochs(rows: int, device: str) -> int:
    """Epochs where nobody names a number: small sets are gone through more often; fewer on a CPU, where they are slow."""
    fewest, most = (12, 40) if device.startswith("cuda") else (3, 40)
    return int(np.clip(round(400 / max(rows, 1) ** 0.5), fewest, most))


def look_like_photographs(pixels: UInt8) -> bool:
    """Whether images may be shifted and mirrored: 32 px or more, and most of them in colour.

    Known limit: coloured pictures of signs or digits, which a mirror changes, look like photographs too.
    """
    if pixels.shape[1] < PHOTOGRAPH_SIDE or not len(pixels):
        return False
    some = pixels[np.unique(np.linspace(0, len(pixels) - 1, _SAMPLED).astype(int))].astype(np.int16)
    colour = (some.max(3) - some.min(3)).mean((1, 2))
    return bool((colour > COLOURFUL).mean() > 0.5)


def shifted(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Images uint8 (b, h, w, 3), each moved by up to 4 px (edges mirrored) and, half of them, mirrored."""
    b, h, w, _ = images.shape
    down, across = torch.randint(-PAD, PAD + 1, (2, b, 1), generator=generator)
    rows = _mirrored(torch.arange(h) + down, h)
    columns = _mirrored(torch.arange(w) + across, w)
    flip = torch.rand(b, 1, generator=generator) < 0.5
    columns = torch.where(flip, columns.flip(1), columns)
    at = torch.arange(b)[:, None, None].to(images.device)
    return images[at, rows[:, :, None].to(images.device), columns[:, None, :].to(images.device)]


def _mirrored(places: torch.Tensor, length: int) -> torch.Tensor:
    places = places.abs()
    return torch.where(places >= length, 2 * (length - 1) - places, places)


def normal(images: torch.Tensor) -> torch.Tensor:
    """uint8 (b, h, w, 3) -> float32 (b, 3, h, w) in −2…2, channels last in memory."""
    return images.float().div_(63.75).sub_(2.0).permute(0, 3, 1, 2)


def _shuffled(count: int, size: int, steps: int, generator: torch.Generator) -> Iterator[torch.Tensor]:
    """0…count−1 in random order, `size` at a time; the last of the `steps` batches takes what is left too."""
    order = torch.randperm(count, generator=generator)
    for step in range(steps):
        yield order[step * size : (step + 1) * size] if step < steps - 1 else order[step * size :]


def _some(n: int) -> Int64:
    return np.unique(np.linspace(0, n - 1, min(n, MOST_IN_CURVE)).astype(np.int64)) if n else np.zeros(0, np.int64)


def _share(right: Bool) -> float:
    return round(float(right.mean()), 6)


def _best(chances: Float32) -> list[tuple[int, float]]:
    return [(int(line.argmax()), round(float(line.max()), 4)) for line in chances]
