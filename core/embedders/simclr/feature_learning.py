"""Contrastive learning on top of hand-made features: what two cores can do in minutes.

A convolutional network needs hours of a CPU to catch up with hand-made edges and colours. So the backbone here is the
embedder `gradients`, fixed, and what is learned without labels is which of its directions the random views of an image
leave alone:
1. in closed form: directions by falling ratio of variance between images to variance between views of one image (the
   linear case of contrastive and covariance losses: Balestriero & LeCun, NeurIPS 2022; as Fisher's discriminant with
   every image its own class);
2. by gradient descent: a perceptron with one hidden layer under the NT-Xent loss (Chen et al., ICML 2020).
Both outputs side by side are the embedding. Known limit: what `gradients` cannot see stays unseen.
"""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from ...types import Float32, UInt8
from ..base import Agreement, LearningProgress, OnProgress, Settings
from ..gradients.gradients import GRIDS, ORIENTATIONS, WEIGHTS, WORDS, Gradients
from .augment import Strength, random_views
from .checkpoints import generator_of, read_tensors, save_tensors
from .contrast_loss import nt_xent
from .contrast_training import Plan

VIEWS = 20
LEARNING_ROWS = 20_000
AXES = 800
RETAINED = 512
LINEAR = 256
HIDDEN = 1024
OUT = 256
RIDGE = 0.03
POWER = 0.25
TEMPERATURE = 0.1
PEAK_RATE = 2e-3
DECAY = 1e-2
# share of inputs left out of each view, against learning the few views by heart
HOLES = 0.1
PIECE = 256
# of the whole time, seen on two cores: drawing views and embedding them; of a budget, the most
VIEWS_SHARE = 0.6
FEWEST_VIEWS = 4
WARM_UP = 0.1
CURVE_POINTS = 10
# hand-made features see through much already: stronger views, which networks need, taught less
STRENGTH = Strength(least_area=0.4, colour=0.3, hue=0.03, jittered=1.0, grey=0.15, blurred=0.2)

Tensor = torch.Tensor


class FeatureLearner:
    """Learns from images uint8 (n, s, s, 3) and then embeds such images; everything is drawn from the plan's seed."""

    def __init__(self, plan: Plan, device: str) -> None:
        self.plan, self.device = plan, torch.device(device)
        self.gradients = Gradients(Settings(device))
        self.state: dict[str, Any] = {}

    # ---- learning

    def learn(self, images: UInt8, folder: Path, on_progress: OnProgress, agreement: Agreement) -> list[dict[str, float]]:
        """Learn, from what `folder` holds already onward; returns the curve. Writes views, and the result's tensors."""
        rows = np.unique(np.linspace(0, len(images) - 1, min(LEARNING_ROWS, len(images))).astype(np.int64))
        self.clock = _Clock(self.plan.minutes)
        raw = self._raw(images[rows])
        mean, matrix = _axes(raw)
        self.state = {"mean": mean, "matrix": matrix}
        own = (raw - mean) @ matrix
        views = self._views(images[rows], folder, on_progress)
        steady = _steady_axes(own, views)
        self.state["matrix"] = matrix @ steady
        # what follows sees the steady directions only
        own, views = own @ steady, torch.stack([view.float() @ steady for view in views])
        curve = self._descend(own, views, rows, on_progress, agreement)
        for left in folder.glob("views-*.pt"):
            left.unlink(missing_ok=True)
        return curve

    def _raw(self, images: UInt8) -> Tensor:
        parts = [
            self.gradients.features(list(images[s : s + PIECE]), np.arange(len(images[s : s + PIECE])))
            for s in range(0, len(images), PIECE)
        ]
        return torch.from_numpy(np.concatenate(parts))

    def _views(self, images: UInt8, folder: Path, on_progress: OnProgress) -> Tensor:
        """VIEWS random views of every image, along the axes, float16 (v, m, a); fewer where the budget of time asks for it."""
        found: list[Tensor] = []
        while len(found) < VIEWS and not (len(found) >= FEWEST_VIEWS and self.clock.share() >= VIEWS_SHARE):
            place = folder / f"views-{len(found)}.pt"
            known = read_tensors(place)
            if known is not None and known.get("seed") == self.plan.seed and len(known["views"]) == len(images):
                self.clock.add(float(known["seconds"]))
                found.append(torch.as_tensor(known["views"]))
                continue
            began = self.clock.spent()
            found.append(self._view(images, len(found), on_progress))
            save_tensors(place, {"seed": self.plan.seed, "views": found[-1], "seconds": self.clock.spent() - began})
        return torch.stack(found)

    def _view(self, images: UInt8, number: int, on_progress: OnProgress) -> Tensor:
        parts = []
        for start in range(0, len(images), PIECE):
            chosen = torch.from_numpy(images[start : start + PIECE]).to(self.device)
            seen = random_views(chosen, generator_of(self.plan.seed, 2 + number, start), STRENGTH)
            as_pixels = (seen * 255).round().byte().permute(0, 2, 3, 1).cpu().numpy()
            parts.append(((self._raw(as_pixels) - self.state["mean"]) @ self.state["matrix"]).half())
            done, spent = (number + (start + len(chosen)) / len(images)) / VIEWS, self.clock.spent()
            share = max(done * VIEWS_SHARE, self.clock.share())
            on_progress(
                LearningProgress(min(share, 1.0), 0, float("nan"), done * VIEWS * len(images) / spent, spent / share - spent, float("nan"))
            )
        return torch.cat(parts)

    def _descend(self, own: Tensor, views: Tensor, rows: Any, on_progress: OnProgress, agreement: Agreement) -> list[dict[str, float]]:
        head = self.head = _head(own.shape[1], self.plan.seed).to(self.device)
        batch = min(self.plan.batch, len(own))
        steps_an_epoch = max(1, len(own) // batch)
        optimiser = torch.optim.AdamW(head.parameters(), lr=PEAK_RATE, weight_decay=DECAY)
        curve: list[dict[str, float]] = []
        views, step = views.to(self.device), 0
        # a budget that the views have used up still leaves a tenth of itself
        began, gone, loss = self.clock.spent(), min(self.clock.share(), 0.9), torch.zeros(())
        while True:
            share = (self.clock.share() - gone) / (1 - gone) if self.plan.minutes else step / (self.plan.epochs * steps_an_epoch)
            share = share if step else 0.0
            for group in optimiser.param_groups:
                group["lr"] = PEAK_RATE * min(1.0, share / WARM_UP + 0.01) * 0.5 * (1 + math.cos(math.pi * min(share, 1.0)))
            if share >= min(1.0, (len(curve) + 1) / CURVE_POINTS):
                self.state["centre"] = self._bent(own).mean(0)
                spent = self.clock.spent()
                point = {"epoch": step / steps_an_epoch, "loss": float(loss.detach()), "speed": 2 * batch * step / (spent - began)}
                curve.append({**point, "seconds": spent, "agreement": agreement(self._embedded(own), rows)})
                whole, left = VIEWS_SHARE + (1 - VIEWS_SHARE) * min(share, 1.0), (spent - began) * (1 / share - 1)
                on_progress(
                    LearningProgress(whole, step // steps_an_epoch, point["loss"], point["speed"], max(left, 0.0), curve[-1]["agreement"])
                )
            if share >= 1.0:
                break
            loss = self._loss(head, views, batch, step)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            step += 1
        self.state["head"] = head.state_dict()
        return curve

    def _loss(self, head: nn.Module, views: Tensor, batch: int, step: int) -> Tensor:
        """The loss of one batch: two views of each of its images, with holes."""
        draws, count = generator_of(self.plan.seed, 1, step), len(views)
        which = torch.randperm(views.shape[1], generator=draws)[:batch]
        first = torch.randint(0, count, (batch,), generator=draws)
        second = (first + torch.randint(1, count, (batch,), generator=draws)) % count
        head.train()
        shown = torch.cat([views[first, which], views[second, which]])
        holes = torch.rand(shown.shape, generator=draws).to(self.device) < HOLES
        return nt_xent(nn.functional.normalize(head(shown.masked_fill(holes, 0.0)), dim=1), TEMPERATURE)

    def load(self, state: dict[str, Any]) -> None:
        """Take over what an earlier learning found."""
        self.state = state
        self.head = _head(state["matrix"].shape[1], self.plan.seed).to(self.device)
        self.head.load_state_dict(state["head"])

    # ---- embedding

    @torch.inference_mode()
    def features(self, images: UInt8) -> Float32:
        """uint8 (m, s, s, 3) -> float32 (m, LINEAR + OUT); photographs are seen mirrored too, which steadies them."""
        along = (self._raw(images) - self.state["mean"]) @ self.state["matrix"]
        found = self._embedded(along)
        if images.shape[1] >= 32:
            mirrored = (self._raw(np.ascontiguousarray(images[:, :, ::-1])) - self.state["mean"]) @ self.state["matrix"]
            found = np.asarray((found + self._embedded(mirrored)) / 2, dtype=np.float32)
        return found

    @torch.inference_mode()
    def _bent(self, along: Tensor) -> Tensor:
        self.head.eval()
        parts = along.split(4096)  # type: ignore[no-untyped-call]
        return torch.cat([self.head(part.to(self.device)).float().cpu() for part in parts])

    @torch.inference_mode()
    def _embedded(self, along: Tensor) -> Float32:
        """The two blocks side by side, each of unit length."""
        blocks = (along[:, :LINEAR], self._bent(along) - self.state["centre"])
        return np.asarray(torch.cat([nn.functional.normalize(block, dim=1) for block in blocks], 1).numpy(), dtype=np.float32)


class _Clock:
    """Seconds that the learning has taken, those of an earlier attempt included, and their share of the budget."""

    def __init__(self, minutes: float) -> None:
        self.budget, self.began, self.before = 60 * minutes, time.monotonic(), 0.0

    def add(self, seconds: float) -> None:
        self.before += seconds

    def spent(self) -> float:
        return max(time.monotonic() - self.began + self.before, 1e-6)

    def share(self) -> float:
        """0…1 and more; 0 without a budget."""
        return self.spent() / self.budget if self.budget else 0.0


def _head(width: int, seed: int) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.Linear(width, HIDDEN), nn.BatchNorm1d(HIDDEN), nn.ReLU(),
            nn.Linear(HIDDEN, HIDDEN), nn.BatchNorm1d(HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, OUT),
        )  # fmt: skip


def _axes(raw: Tensor) -> tuple[Tensor, Tensor]:
    """(mean (D,), matrix (D, a)): the blocks of `gradients` brought to their weights, then principal axes, not whitened."""
    mean = raw.mean(0)
    scale, start = torch.ones(raw.shape[1]), 0
    for columns, weight in zip([3 * ORIENTATIONS * g * g for g in GRIDS] + [48, 4 * WORDS], WEIGHTS, strict=True):
        block = raw[:, start : start + columns] - mean[start : start + columns]
        scale[start : start + columns] = weight / block.pow(2).sum(1).mean().sqrt().clamp_min(1e-9)
        start += columns
    centred = (raw - mean) * scale
    _, axes = torch.linalg.eigh((centred.T @ centred / max(len(centred), 1)).double())
    return mean, scale[:, None] * axes.flip(1)[:, : min(AXES, len(raw))].float()


def _steady_axes(own: Tensor, views: Tensor) -> Tensor:
    """(a, RETAINED'): directions by falling ratio of variance between images to variance between views, scaled by the ratio.

    own (m, a), views (v, m, a).
    """
    width = own.shape[1]
    middle = sum((view.float() for view in views), torch.zeros_like(own)) / len(views)
    within = torch.zeros(width, width)
    for view in views:
        away = view.float() - middle
        within += away.T @ away / (len(views) * len(own))
    within += RIDGE * within.diagonal().mean().clamp_min(1e-9) * torch.eye(width)
    between = torch.cov(own.T)
    inverse = torch.linalg.inv(torch.linalg.cholesky(within.double()))
    ratio, turned = torch.linalg.eigh(inverse @ between.double() @ inverse.T)
    retained = min(RETAINED, width)
    axes = (inverse.T @ turned.flip(1))[:, :retained]
    ratio = ratio.flip(0)[:retained].clamp_min(1e-6)
    # variance along each axis is its ratio; this leaves ratio^(1 − 2·POWER), relative to the steadiest
    scaled: Tensor = axes * (ratio / ratio[0]) ** -POWER / ratio[0].sqrt()
    return scaled.float()
