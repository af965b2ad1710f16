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

import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from core.embedders.augment import random_views
from core.embedders.base import Settings
from core.embedders.contrast_loss import nt_xent
from core.embedders.contrast_training import Agreement, Hear, Plan, Told, generator_of, read_tensors, save_tensors
from core.embedders.gradients import GRIDS, ORIENTATIONS, WEIGHTS, WORDS, Gradients
from core.types import Float32, UInt8

VIEWS = 12
LEARNING_ROWS = 20_000
AXES = 800
KEPT = 512
LINEAR = 256
HIDDEN = 1024
OUT = 256
RIDGE = 0.03
POWER = 0.25
BATCH = 512
TEMPERATURE = 0.1
PEAK_RATE = 2e-3
DECAY = 1e-2
# share of inputs left out of each view, against learning the few views by heart
HOLES = 0.1
PIECE = 256
# of the whole time, seen on two cores: drawing views and embedding them
VIEWS_SHARE = 0.6

Tensor = torch.Tensor


class FeatureLearner:
    """Learns from images uint8 (n, s, s, 3) and then embeds such images; everything is drawn from the plan's seed."""

    def __init__(self, plan: Plan, device: str) -> None:
        self.plan, self.device = plan, torch.device(device)
        self.gradients = Gradients(Settings(device))
        self.state: dict[str, Any] = {}

    # ---- learning

    def learn(self, images: UInt8, folder: Path, hear: Hear, agreement: Agreement) -> list[dict[str, float]]:
        """Learn, from what `folder` holds already onward; returns the curve. Writes views, and the result's tensors."""
        began = time.monotonic()
        rows = np.unique(np.linspace(0, len(images) - 1, min(LEARNING_ROWS, len(images))).astype(np.int64))
        raw = self._raw(images[rows])
        mean, matrix = _axes(raw)
        self.state = {"mean": mean, "matrix": matrix}
        own = (raw - mean) @ matrix
        views = torch.stack([self._view(images[rows], v, folder, began, hear) for v in range(VIEWS)])
        steady = _steady_axes(own, views)
        self.state["matrix"] = matrix @ steady
        # what follows sees the steady directions only
        own, views = own @ steady, torch.stack([view.float() @ steady for view in views])
        curve = self._descend(own, views, rows, folder, began, hear, agreement)
        for left in folder.glob("views-*.pt"):
            left.unlink()
        return curve

    def _raw(self, images: UInt8) -> Tensor:
        parts = [
            self.gradients.features(list(images[s : s + PIECE]), np.arange(len(images[s : s + PIECE]))) for s in range(0, len(images), PIECE)
        ]
        return torch.from_numpy(np.concatenate(parts))

    def _view(self, images: UInt8, number: int, folder: Path, began: float, hear: Hear) -> Tensor:
        """One random view of every image, along the axes, float16 (m, AXES'); kept until the learning is done."""
        place = folder / f"views-{number}.pt"
        known = read_tensors(place)
        if known is not None and known.get("seed") == self.plan.seed and len(known["views"]) == len(images):
            return torch.as_tensor(known["views"])
        parts = []
        for start in range(0, len(images), PIECE):
            chosen = torch.from_numpy(images[start : start + PIECE]).to(self.device)
            seen = random_views(chosen, generator_of(self.plan.seed, 2 + number, start))
            as_pixels = (seen * 255).round().byte().permute(0, 2, 3, 1).cpu().numpy()
            parts.append(((self._raw(as_pixels) - self.state["mean"]) @ self.state["matrix"]).half())
            done = (number + (start + len(chosen)) / len(images)) / VIEWS
            spent = time.monotonic() - began
            left = spent / max(done * VIEWS_SHARE, 1e-3) - spent
            hear(Told(done * VIEWS_SHARE, 0, float("nan"), done * VIEWS * len(images) / spent, left, float("nan")))
        views = torch.cat(parts)
        save_tensors(place, {"seed": self.plan.seed, "views": views})
        return views

    def _descend(
        self, own: Tensor, views: Tensor, rows: Any, folder: Path, began: float, hear: Hear, agreement: Agreement
    ) -> list[dict[str, float]]:
        head = self.head = _head(own.shape[1], self.plan.seed).to(self.device)
        batch = min(BATCH, len(own))
        steps_an_epoch = max(1, len(own) // batch)
        steps = self.plan.epochs * steps_an_epoch
        optimiser = torch.optim.AdamW(head.parameters(), lr=PEAK_RATE, weight_decay=DECAY)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, PEAK_RATE, total_steps=steps, pct_start=0.1)
        curve: list[dict[str, float]] = []
        views, start = views.to(self.device), time.monotonic()
        for step in range(steps):
            draws = generator_of(self.plan.seed, 1, step)
            which = torch.randperm(len(own), generator=draws)[:batch]
            first = torch.randint(0, VIEWS, (batch,), generator=draws)
            second = (first + torch.randint(1, VIEWS, (batch,), generator=draws)) % VIEWS
            head.train()
            shown = torch.cat([views[first, which], views[second, which]])
            holes = torch.rand(shown.shape, generator=draws).to(self.device) < HOLES
            projected = head(shown.masked_fill(holes, 0.0))
            loss = nt_xent(nn.functional.normalize(projected, dim=1), TEMPERATURE)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()
            if (step + 1) % (steps_an_epoch * max(1, self.plan.epochs // 10)) == 0 or step + 1 == steps:
                self.state["centre"] = self._bent(own).mean(0)
                found = agreement(self._embedded(own), rows)
                spent, speed = time.monotonic() - began, 2 * batch * (step + 1) / (time.monotonic() - start)
                epoch = (step + 1) // steps_an_epoch
                curve.append({"epoch": epoch, "loss": float(loss.detach()), "speed": speed, "seconds": spent, "agreement": found})
                left = (time.monotonic() - start) * (steps - step - 1) / (step + 1)
                hear(Told(VIEWS_SHARE + (1 - VIEWS_SHARE) * (step + 1) / steps, epoch, float(loss.detach()), speed, left, found))
        self.state["head"] = head.state_dict()
        return curve

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
    """(a, KEPT'): directions by falling ratio of variance between images to variance between views, scaled by the ratio.

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
    kept = min(KEPT, width)
    axes = (inverse.T @ turned.flip(1))[:, :kept]
    ratio = ratio.flip(0)[:kept].clamp_min(1e-6)
    # variance along each axis is its ratio; this leaves ratio^(1 − 2·POWER), relative to the steadiest
    scaled: Tensor = axes * (ratio / ratio[0]) ** -POWER / ratio[0].sqrt()
    return scaled.float()

