"""Training one victim: the images on the device, light augmentation in batches, one cycle of the learning rate.

One-cycle learning rate: Smith, Topin, "Super-convergence: very fast training of neural networks using large learning
rates", 2018, arXiv 1708.07120. Everything random is drawn on the CPU from the seed, so that a seed names a run; on a
GPU sums are taken in another order each time, and two runs differ a little.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import blake2b

import numpy as np
import torch
from torch import nn

from ..scores.probe import EVALUATION_ROWS, PIECE, SHARE_OF_DEVICE, blocks, half_precision
from ..types import Bool, Float32, Int64, UInt8
from .networks import build_victim

USUAL_SMALLEST, LARGEST_BATCH, LARGEST_ON_CUDA = 32, 128, 256
BATCHES_AIMED_AT = 40
PEAK_RATE, RATE_OF_BATCH = 0.1, 128
WARM_UP = 0.25
PAD = 4
MOST_IN_CURVE = 2000
COLOURFUL, PHOTOGRAPH_SIDE = 4.0, 32
_SAMPLED = 500


@dataclass(frozen=True, eq=False)
class Lesson:
    """What every victim of a proof shares.

    pixels: uint8 (n, side, side, 3), the set.  test: uint8 (m, side, side, 3), test_labels: int64 (m,).
    triggered: uint8 (p, side, side, 3), images with the trigger; goals: int64 (p,), what the attacker wants them
    called; p = 0 where no trigger is known.  shown: int64 (e,), those of `triggered` that are kept as examples;
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


Tell = Callable[[Trained, int, bool], None]


class Room:
    """The lesson's images on a device, and the training of victims on them."""

    def __init__(self, lesson: Lesson) -> None:
        self.lesson, self.device = lesson, torch.device(lesson.device)
        self.precision = half_precision(lesson.device)
        if self.precision is torch.float16:
            self.precision = None
        self.pixels = _held(lesson.pixels, self.device)
        self.test, self.triggered = _held(lesson.test, self.device), _held(lesson.triggered, self.device)

    def train(self, rows: Int64, labels: Int64, seed: int, tell: Tell) -> Trained:
        """A victim trained on `rows` under `labels` (int64, one each).

        tell: called with (what is known so far, images done since the last call, whether an epoch has just ended).
        """
        lesson, generator = self.lesson, torch.Generator().manual_seed(seed)
        network = build_victim(lesson.victim, lesson.classes, lesson.pixels.shape[1], seed=seed)
        network = network.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        size = batch_size(len(rows), lesson.device)
        steps, peak = max(1, len(rows) // size), PEAK_RATE * max(size, USUAL_SMALLEST) / RATE_OF_BATCH
        optimiser = torch.optim.SGD(network.parameters(), lr=peak, momentum=0.9, nesterov=True, weight_decay=5e-4)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, one_cycle(steps * lesson.epochs))
        where, targets = torch.from_numpy(rows), torch.from_numpy(labels)
        found = Trained()
        for _ in range(lesson.epochs):
            network.train()
            order = torch.randperm(len(rows), generator=generator)
            losses = torch.zeros((), device=self.device)
            for step in range(steps):
                batch = order[step * size : (step + 1) * size] if step < steps - 1 else order[step * size :]
                loss = self._loss(network, where[batch], targets[batch], generator)
                optimiser.zero_grad(set_to_none=True)
                loss.backward()  # type: ignore[no-untyped-call]
                optimiser.step()
                schedule.step()
                losses += loss.detach() * (len(batch) / len(rows))
                tell(found, len(batch), False)
            self._judge(network, found, float(losses))
            tell(found, 0, True)
        return self._examine(network, found)

    def _loss(self, network: nn.Module, rows: torch.Tensor, labels: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        images = _chosen(self.pixels, rows, self.device)
        if self.lesson.augment:
            images = shifted(images, generator)
        with self._autocast():
            logits = network(normal(images))
        return torch.nn.functional.cross_entropy(logits.float(), labels.to(self.device, non_blocking=True))

    def _judge(self, network: nn.Module, found: Trained, loss: float) -> None:
        """One more point of the curves."""
        lesson = self.lesson
        test, triggered = _some(len(lesson.test)), _some(len(lesson.triggered))
        found.loss.append(round(loss, 5))
        found.accuracies.append(_share(self.chances(network, self.test, test).argmax(1) == lesson.test_labels[test]))
        if len(triggered):
            called = self.chances(network, self.triggered, triggered).argmax(1)
            found.successes.append(_share(called == lesson.goals[triggered]))

    def _examine(self, network: nn.Module, found: Trained) -> Trained:
        lesson = self.lesson
        chances = self.chances(network, self.test, np.arange(len(lesson.test)))
        found.accuracy = _share(chances.argmax(1) == lesson.test_labels)
        found.plain = _best(chances[lesson.shown_plain])
        if len(lesson.triggered):
            chances = self.chances(network, self.triggered, np.arange(len(lesson.triggered)))
            found.attack_success = _share(chances.argmax(1) == lesson.goals)
            found.triggered = _best(chances[lesson.shown])
        return found

    def chances(self, network: nn.Module, images: torch.Tensor, rows: Int64) -> Float32:
        """float32 (m, classes): the chance that the victim gives each class, for images of `rows`."""
        network.eval()
        found = [np.zeros((0, self.lesson.classes), np.float32)]
        with torch.inference_mode():
            for block in blocks(rows, EVALUATION_ROWS // 4):
                with self._autocast():
                    logits = network(normal(_chosen(images, block, self.device)))
                found.append(logits.float().softmax(1).cpu().numpy())
        return np.concatenate(found)

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, dtype=self.precision, enabled=self.precision is not None)


def one_cycle(steps: int) -> Callable[[int], float]:
    """Learning rate at a step as a share of its peak: up in a line, then down in a line to nothing."""
    risen = max(1, round(WARM_UP * steps))
    return lambda step: (step + 1) / risen if step < risen else max(steps - step, 0) / max(steps - risen, 1)


def batch_size(rows: int, device: str) -> int:
    """Images a step: 128 on a CPU, 256 on CUDA, fewer where there are few."""
    most = LARGEST_ON_CUDA if device.startswith("cuda") else LARGEST_BATCH
    return min(rows, most, max(USUAL_SMALLEST, rows // BATCHES_AIMED_AT))


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


def _held(pixels: UInt8, device: torch.device) -> torch.Tensor:
    """The images on the device where they fit there, else on the host."""
    if device.type != "cuda":
        # torch wants arrays that it could write to, and ours are shared
        return torch.from_numpy(pixels if pixels.flags.writeable else pixels.copy())
    if pixels.nbytes > SHARE_OF_DEVICE * torch.cuda.mem_get_info(device)[0]:
        return torch.from_numpy(pixels.copy()).pin_memory()
    held = torch.empty(pixels.shape, dtype=torch.uint8, device=device)
    for start in range(0, len(pixels), PIECE):
        held[start : start + PIECE] = torch.from_numpy(pixels[start : start + PIECE].copy())
    return held


def _chosen(images: torch.Tensor, rows: torch.Tensor, device: torch.device) -> torch.Tensor:
    return images[rows.to(images.device, non_blocking=True)].to(device, non_blocking=True)


def _some(n: int) -> Int64:
    return np.unique(np.linspace(0, n - 1, min(n, MOST_IN_CURVE)).astype(np.int64)) if n else np.zeros(0, np.int64)


def _share(right: Bool) -> float:
    return round(float(right.mean()), 6)


def _best(chances: Float32) -> list[tuple[int, float]]:
    return [(int(line.argmax()), round(float(line.max()), 4)) for line in chances]
