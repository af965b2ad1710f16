"""`simclr`: an embedding learned on the suspect set itself, labels never touched.

The idea of Wang et al. (ICASSP 2023, arXiv 2210.10272): contrastive learning sees no labels, so images come to lie by
content and a backdoor is not learned. Loss and views after SimCLR (Chen et al., ICML 2020). The settings are our own.
Two ways to learn: a network from scratch (core/embedders/simclr/contrast_training.py; the default on a GPU), and a small one on
top of hand-made features (core/embedders/simclr/feature_learning.py; the default on a CPU).
Known limit: images that share a trigger over the whole picture may still gather where views leave the trigger alone.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from ...compute import pick_device
from ...errors import UserError
from ...types import Float32, UInt8
from ..base import Agreement, OnProgress, Settings
from ..whitening import centred_unit_rows
from .checkpoints import read_tensors, save_tensors
from .contrast_nets import BACKBONES
from .contrast_training import Plan, Training

VERSION = 2
FEATURES = "features"
CHOICES = ("auto", FEATURES, *BACKBONES)
# enough for the curve to flatten: passes over the set with a network, and with the perceptron on top of features
EPOCHS = {FEATURES: 60}
USUAL_EPOCHS = 200
FEATURES_BATCH = 512
RESULT = "learned.pt"


def resolved(settings: Settings) -> dict[str, str]:
    """What the settings come to on this device: backbone, epochs, minutes, batch, as they name a result.

    Raises UserError for a backbone that is not known and for settings that do not go with it.
    """
    backbone = settings.backbone
    if backbone not in CHOICES:
        raise UserError(f"backbone '{backbone}' is not known", f"choose one of: {', '.join(CHOICES)}")
    on_gpu = pick_device(settings.device) == "cuda"
    if backbone == "auto":
        backbone = "resnet18" if on_gpu else FEATURES
    if backbone == FEATURES and settings.batch:
        raise UserError(
            "--batch does not go with the backbone 'features'", "it has one of its own", "leave it out, or choose another --backbone"
        )
    batch = FEATURES_BATCH if backbone == FEATURES else settings.batch or (1024 if on_gpu else 256)
    epochs = 0 if settings.minutes else settings.epochs or EPOCHS.get(backbone, USUAL_EPOCHS)
    return {"backbone": backbone, "epochs": str(epochs), "minutes": f"{settings.minutes:g}", "batch": str(batch)}


class Simclr:
    """The embedder behind the registry's `simclr`: bind it to a set, let it learn, then embed."""

    def __init__(self, settings: Settings) -> None:
        self.device = pick_device(settings.device)
        chosen = resolved(settings)
        self.batch_size = 1024 if self.device == "cuda" else 256
        self.plan = Plan(chosen["backbone"], 32, settings.seed, int(chosen["epochs"]), float(chosen["minutes"]), int(chosen["batch"]))
        self.key = ""
        self.embed_rows: Callable[[UInt8], Float32] | None = None

    @property
    def side(self) -> int:
        """Of the images that the learning sees, in pixels."""
        return self.plan.side

    def bind(self, image_digests: UInt8, side: int) -> str:
        """Name the embedding of this set: a digest of its images (not of its labels) and of the plan.

        side: of the working pixels; hand-made features are made for 32 and 64 pixels alone.
        """
        if self.plan.backbone == FEATURES:
            side = 32 if side <= 48 else 64
        self.plan = Plan(**{**asdict(self.plan), "side": side})
        named = json.dumps([VERSION, asdict(self.plan), self.device], sort_keys=True).encode()
        digest = blake2b(named + np.ascontiguousarray(image_digests).tobytes(), digest_size=12).hexdigest()
        self.key = f"simclr-{VERSION}-{self.plan.backbone}-{digest}"
        return self.key

    def known(self, folder: Path) -> bool:
        """Take over what was learned before, if `folder` holds it."""
        state = read_tensors(folder / RESULT)
        if state is None or state.get("key") != self.key:
            return False
        self._take(state)
        return True

    def learn(
        self, images: UInt8, folder: Path, on_progress: OnProgress, agreement: Agreement, *, together: bool = False
    ) -> list[dict[str, float]]:
        """Learn from images uint8 (n, s, s, 3), onward from what `folder` holds; returns the curve.

        on_progress: called with how far it is.  agreement: (features of some rows, those rows) -> share that their nearest neighbours
        would label as given; for the curve alone, nothing is learned from it.
        together: this is one process of several, see core/embedders/simclr/contrast_training.py.
        Raises UserError for fewer than 4 images, for several processes with a backbone that knows one, and when memory runs
        out for good.
        """
        if len(images) < 4:
            raise UserError(f"{len(images)} images are too few to learn from", "at least 4", "use --embedder gradients")
        if self.plan.backbone == FEATURES:
            from .feature_learning import FeatureLearner

            if together:
                raise UserError(
                    "the backbone 'features' learns in one process", "small, resnet18 or resnet50", "choose one with --backbone"
                )
            learner = FeatureLearner(self.plan, self.device)
            curve, result = learner.learn(images, folder, on_progress, agreement), learner.state
        else:
            training = Training(self.plan, images, folder, self.device, on_progress, agreement, together=together)
            network = training.run()
            curve, result = training.curve, {"network": network.state_dict()}
            if training.rank != 0:
                return curve
        state = {"key": self.key, "curve": curve, **result}
        save_tensors(folder / RESULT, state)
        (folder / "checkpoint.pt").unlink(missing_ok=True)
        self._take(state)
        return curve

    def _take(self, state: dict[str, Any]) -> None:
        if self.plan.backbone == FEATURES:
            from .feature_learning import FeatureLearner

            learner = FeatureLearner(self.plan, self.device)
            learner.load({name: state[name] for name in ("mean", "matrix", "centre", "head")})
            self.embed_rows = learner.features
            return
        from .contrast_nets import build

        network = build(self.plan.backbone, self.plan.side, self.plan.seed, self.device)
        network.load_state_dict(state["network"])
        network.eval()
        self.embed_rows = _embedding(network.features, self.device)

    def pixels(self, image: Image.Image) -> NDArray[np.uint8]:
        """RGB image -> uint8 (s, s, 3) at the side that the learning saw."""
        side = self.plan.side
        if image.size != (side, side):
            image = image.resize((side, side), Image.Resampling.BOX if min(image.size) >= side else Image.Resampling.BILINEAR)
        return np.asarray(image, dtype=np.uint8)

    def features(self, batch: list[NDArray[np.uint8]], rows: NDArray[np.int64]) -> Float32:
        """uint8 images -> float32 (m, D); the set must have been learned from."""
        if self.embed_rows is None:
            raise ValueError("bind and learn come first")
        return self.embed_rows(np.stack(batch))

    def finish(self, shards: Iterable[NDArray[Any]], count: int) -> Float32:
        """Raw features -> centred unit rows float32 (count, D)."""
        return centred_unit_rows(shards, count)


def _embedding(network: Callable[[torch.Tensor], torch.Tensor], device: str) -> Callable[[UInt8], Float32]:
    """A function from pixels to features. Images are not seen mirrored too: it costs as much again, and learning saw both ways round."""

    @torch.inference_mode()
    def embed(images: UInt8) -> Float32:
        pixels = torch.from_numpy(images)
        if device == "cuda":
            pixels = pixels.pin_memory().to(device, non_blocking=True)
        # a permuted view of (b, h, w, 3) is channels-last already
        x = pixels.permute(0, 3, 1, 2).float() / 255
        with torch.autocast(device, dtype=torch.bfloat16, enabled=device == "cuda"):
            found = network(x)
        return np.asarray(found.float().cpu().numpy(), dtype=np.float32)

    return embed
