"""Contrastive training on the set's own images: budget, checkpoints, several processes, and memory that runs out.

Every batch and every view is drawn from the seed and the step's number, so that a run that was killed goes on from its
last checkpoint as if it had not stopped (on the CPU to the last bit, on a GPU as far as its kernels are deterministic).
Labels are not known here. With `torchrun` every process takes its share of each batch; the first one writes.
"""

from __future__ import annotations

import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
from torch import nn

from ...compute import DeviceImages, blocks, out_of_memory
from ...errors import TasterError, UserError
from ...types import Float32, Int64, UInt8
from ..base import Agreement, LearningProgress, OnProgress
from .augment import random_views
from .checkpoints import generator_of, read_tensors, save_tensors
from .contrast_loss import backward_in_pieces
from .contrast_nets import Contrastive, build

WARM_UP = 0.05
MOMENTUM = 0.9
MONITORED = 5_000
CURVE_POINTS = 20
CHECKPOINT_SECONDS = 60.0
LEAST_PIECE = 32
LONG_MINUTES = 4.0
LONG_STEPS = 4000
EVALUATION_ROWS = 1024


@dataclass(frozen=True)
class Plan:
    """What names the result of a training.

    minutes: a budget of time, 0 for `epochs` epochs.  rate: peak learning rate per 128 images of a batch.
    """

    backbone: str
    side: int
    seed: int = 0
    epochs: int = 200
    minutes: float = 0.0
    batch: int = 512
    temperature: float = 0.2
    rate: float = 0.06
    decay: float = 5e-4


class Training:
    """One run, or one process's part of it."""

    def __init__(
        self, plan: Plan, images: UInt8, folder: Path, device: str, on_progress: OnProgress, agreement: Agreement, *, together: bool = False
    ) -> None:
        self.plan, self.folder, self.on_progress, self.agreement = plan, folder, on_progress, agreement
        self.rank, self.world = (int(os.environ[name]) for name in ("RANK", "WORLD_SIZE")) if together else (0, 1)
        self.device = torch.device(device)
        if self.world > 1:
            self._join(device)
        self.images = DeviceImages(images, self.device)
        self.batch = max(2, min(plan.batch, len(images)) // self.world)
        self.steps_an_epoch = max(1, len(images) // (self.batch * self.world))
        self.network = build(plan.backbone, plan.side, plan.seed, str(self.device))
        self.step, self.spent, self.piece = 0, 0.0, 2 * self.batch
        self.curve: list[dict[str, float]] = []
        self.order: tuple[int, torch.Tensor] | None = None
        self.optimiser = torch.optim.SGD(
            self.network.parameters(), lr=1.0, momentum=MOMENTUM, nesterov=True, weight_decay=plan.decay, fused=self.device.type == "cuda"
        )

    def _join(self, device: str) -> None:
        if self.device.type == "cuda":
            self.device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0)))
            torch.cuda.set_device(self.device)
        if not dist.is_initialized():
            dist.init_process_group("nccl" if self.device.type == "cuda" else "gloo")

    # ---- the run

    def run(self) -> Contrastive:
        """Train to the end of the plan (from the last checkpoint, if there is one) and return the network."""
        self._resume()
        self.note = ""
        forward = self._wrapped()
        began, before, seen, reported = time.monotonic(), self.spent, 0, time.monotonic()
        saved = began
        self.network.train()
        share = self._share()
        while share < 1.0:
            loss = self._one_step(forward, share)
            seen += 2 * self.batch * self.world
            self.step += 1
            now = time.monotonic()
            self.spent = before + now - began
            share = self._share()
            if share >= min(1.0, (len(self.curve) + 1) / CURVE_POINTS):
                self._note(float(loss), seen / max(now - began, 1e-6))
                began += time.monotonic() - now
            elif now - reported > 0.5:
                reported = now
                self._report(float(loss), seen / max(now - began, 1e-6))
            if now - saved > CHECKPOINT_SECONDS:
                saved = now
                self.save()
        self.save()
        if self.world > 1:
            dist.destroy_process_group()
        return self.network

    def _wrapped(self) -> nn.Module:
        forward: nn.Module = self.network
        if self.world > 1:
            if self.device.type == "cuda":
                forward = nn.SyncBatchNorm.convert_sync_batchnorm(forward)  # type: ignore[no-untyped-call]
            ids = [self.device.index] if self.device.type == "cuda" else None
            return nn.parallel.DistributedDataParallel(forward, device_ids=ids)
        return self._compiled(forward) if self.device.type == "cuda" and self._is_long() else forward

    def _is_long(self) -> bool:
        """Whether the run is worth the minute that compiling takes."""
        return self.plan.minutes >= LONG_MINUTES if self.plan.minutes else self.plan.epochs * self.steps_an_epoch >= LONG_STEPS

    def _compiled(self, plain: nn.Module) -> nn.Module:
        """The network compiled, and tried before the clock runs; as it was where this machine cannot compile."""
        before = {name: value.clone() for name, value in plain.state_dict().items()}
        compiled: nn.Module = torch.compile(plain)  # type: ignore[assignment]
        try:
            backward_in_pieces(compiled, self._views(), self.plan.temperature, self.piece, self._autocast)
        except TasterError:
            raise  # cancelled
        except Exception as error:  # noqa: BLE001 - compilers fail in many ways
            # none of them matters; memory is seen to later, step by step
            if not out_of_memory(error):
                compiled, self.note = (
                    plain,
                    f"the network could not be compiled ({type(error).__name__}); it runs slower, with the same result",
                )
            torch.cuda.empty_cache()
        plain.load_state_dict(before)
        plain.zero_grad(set_to_none=True)
        return compiled

    def _share(self) -> float:
        """How much of the plan is done, 0…1; the same in all processes."""
        if not self.plan.minutes:
            return self.step / max(self.plan.epochs * self.steps_an_epoch, 1)
        share = self.spent / (60 * self.plan.minutes)
        if self.world > 1:
            agreed = torch.tensor([share], device=self.device)
            dist.broadcast(agreed, 0)
            share = float(agreed)
        return share

    def _one_step(self, forward: nn.Module, share: float) -> torch.Tensor:
        """One step of the optimiser; in smaller pieces from now on where memory runs out."""
        try:
            views = self._views()
            loss = self._loss(forward, views, share)
            self.optimiser.step()
            return loss
        except (RuntimeError, MemoryError) as error:
            if not out_of_memory(error):
                raise
            raise UserError(
                f"memory runs out at {self.batch} images a batch",
                "a batch that fits this machine",
                f"--batch {max(8, self.batch * self.world // 2)}",
            ) from error

    def _loss(self, forward: nn.Module, views: torch.Tensor, share: float) -> torch.Tensor:
        warm = min(1.0, share / WARM_UP) if self.plan.minutes else min(1.0, (share + 1e-9) / WARM_UP + 1 / self.steps_an_epoch)
        peak = self.plan.rate * self.batch * self.world / 128
        for group in self.optimiser.param_groups:
            group["lr"] = float(peak * max(warm, 0.01) * 0.5 * (1 + np.cos(np.pi * share)))
        while True:
            self.optimiser.zero_grad(set_to_none=True)
            try:
                return backward_in_pieces(forward, views, self.plan.temperature, self.piece, self._autocast)
            except (RuntimeError, MemoryError) as error:
                # processes of one learning have to do the same at the same time: they cannot halve each for itself
                if not out_of_memory(error) or self.piece <= LEAST_PIECE or self.world > 1:
                    raise
                self.piece = max(LEAST_PIECE, self.piece // 2)
                if self.device.type == "cuda":
                    torch.cuda.empty_cache()
                self.note = f"memory ran out: a batch now passes in pieces of {self.piece} images, which changes the result a little"

    def _views(self) -> torch.Tensor:
        """Two views of each image of this step's batch, (2b, 3, s, s), channels last."""
        epoch, at = divmod(self.step, self.steps_an_epoch)
        if self.order is None or self.order[0] != epoch:
            self.order = (epoch, torch.randperm(len(self.images), generator=generator_of(self.plan.seed, 0, epoch)))
        first = (at * self.world + self.rank) * self.batch
        chosen = self.images.rows(self.order[1][first : first + self.batch])
        draws = generator_of(self.plan.seed, 1 + self.rank, self.step)
        return random_views(torch.cat([chosen, chosen]), draws).contiguous(memory_format=torch.channels_last)

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.device.type == "cuda")

    # ---- what is reported and stored

    def _report(self, loss: float, speed: float) -> None:
        if self.rank == 0:
            known = self.curve[-1]["agreement"] if self.curve else float("nan")
            self.on_progress(
                LearningProgress(
                    min(self._share_local(), 1.0), self.step // self.steps_an_epoch, loss, speed, self._left_local(), known, self.note
                )
            )

    def _share_local(self) -> float:
        # a report must not wait for other processes
        whole = 60 * self.plan.minutes
        return self.spent / whole if whole else self.step / max(self.plan.epochs * self.steps_an_epoch, 1)

    def _left_local(self) -> float:
        share = max(self._share_local(), 1e-6)
        return self.spent / share * max(1 - share, 0.0)

    def _note(self, loss: float, speed: float) -> None:
        """A point of the curve, with the neighbours' agreement; the time that this takes is not charged to the plan."""
        agreement = float("nan")
        if self.rank == 0:
            rows = np.unique(np.linspace(0, len(self.images) - 1, min(MONITORED, len(self.images))).astype(np.int64))
            agreement = self.agreement(self.embed(rows), rows)
        epoch = self.step / self.steps_an_epoch
        self.curve.append({"epoch": round(epoch, 2), "loss": loss, "speed": speed, "seconds": self.spent, "agreement": agreement})
        self._report(loss, speed)

    def embed(self, rows: Int64) -> Float32:
        """Features of images as they are, float32 (m, D)."""
        self.network.eval()
        parts = []
        with torch.inference_mode(), self._autocast():
            for block in blocks(rows, EVALUATION_ROWS):
                x = self.images.rows(block).permute(0, 3, 1, 2).float() / 255
                parts.append(self.network.features(x.contiguous(memory_format=torch.channels_last)).float().cpu())
        self.network.train()
        return np.asarray(torch.cat(parts).numpy(), dtype=np.float32)

    def save(self) -> None:
        """A checkpoint, whole or not at all; only the first process writes."""
        if self.rank != 0:
            return
        state = {
            "plan": asdict(self.plan),
            "network": self.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
            "spent": self.spent,
            "piece": self.piece,
            "curve": self.curve,
        }
        save_tensors(self.folder / "checkpoint.pt", state)

    def _resume(self) -> None:
        state = read_tensors(self.folder / "checkpoint.pt")
        if state is None or state["plan"] != asdict(self.plan):
            return
        self.network.load_state_dict(state["network"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.step, self.spent, self.curve = int(state["step"]), float(state["spent"]), list(state["curve"])
        self.piece = min(self.piece, int(state["piece"]))
