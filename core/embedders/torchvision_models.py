"""Pretrained torchvision backbones: their own weights, their own transforms, their penultimate layer."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from core.embedders.base import Settings, pick_device
from core.embedders.projection_head import unit_rows
from core.errors import UserError
from core.types import Float32

VERSION = 1
LONGEST_SHAPE = 8
# name -> (builder, weights enum member, name of the classifier module that is replaced by the identity)
BACKBONES = {
    "resnet18": ("resnet18", "ResNet18_Weights.IMAGENET1K_V1", "fc"),
    "resnet50": ("resnet50", "ResNet50_Weights.IMAGENET1K_V2", "fc"),
    "convnext_tiny": ("convnext_tiny", "ConvNeXt_Tiny_Weights.IMAGENET1K_V1", "classifier.2"),
}


class TorchvisionModel:
    """One backbone on one device, in channels-last memory, half precision on a GPU."""

    def __init__(self, name: str, settings: Settings) -> None:
        from torchvision.models import get_model, get_weight

        self.device = pick_device(settings.device)
        self.batch_size = 256 if self.device == "cuda" else 32
        builder, weight_name, head = BACKBONES[name]
        weights = get_weight(weight_name)
        self.transform = weights.transforms()
        network = get_model(builder, weights=None)
        state, origin = _weights(name, weights, settings.weights)
        _fill(network, state, settings.weights or weight_name)
        _replace_head(network, head)
        self.network = network.eval().to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.key = f"{name}-{VERSION}-{origin}-{self._precision()}"

    def _precision(self) -> str:
        if self.device == "cpu":
            return "float32"
        return "bfloat16" if torch.cuda.is_bf16_supported() else "float16"

    def pixels(self, image: Image.Image) -> NDArray[np.uint8]:
        """RGB image -> uint8 (crop, crop, 3): resized and centre-cropped as the weights were trained."""
        from torchvision.transforms import functional as T

        t = self.transform
        if max(image.size) > LONGEST_SHAPE * min(image.size):
            # the short side is brought to hundreds of pixels: a strip would grow to gigabytes, and is cut off anyway
            image = T.center_crop(image, min(image.size))
        image = T.resize(image, t.resize_size, interpolation=t.interpolation, antialias=t.antialias)
        return np.asarray(T.center_crop(image, t.crop_size), dtype=np.uint8)

    @torch.inference_mode()
    def features(self, batch: list[NDArray[np.uint8]], rows: NDArray[np.int64]) -> Float32:
        """uint8 (crop, crop, 3) images -> float32 (m, D) of the penultimate layer."""
        stacked = torch.from_numpy(np.stack(batch))
        if self.device == "cuda":
            stacked = stacked.pin_memory()
        # a permuted view of (B, h, w, 3) is channels-last already: no copy
        x = stacked.to(self.device, non_blocking=True).permute(0, 3, 1, 2).float() / 255
        mean, std = (torch.tensor(v, device=self.device)[None, :, None, None] for v in (self.transform.mean, self.transform.std))
        precision = torch.bfloat16 if self._precision() == "bfloat16" else torch.float16
        with torch.autocast(self.device, dtype=precision, enabled=self.device == "cuda"):
            found = self.network(((x - mean) / std).contiguous(memory_format=torch.channels_last))
        return np.asarray(found.flatten(1).float().cpu().numpy(), dtype=np.float32)

    def finish(self, shards: Iterable[NDArray[Any]], count: int) -> Float32:
        """Raw features -> centred unit rows float32 (count, D)."""
        total: NDArray[np.float64] | None = None
        for shard in shards:
            part = np.asarray(shard, dtype=np.float64).sum(0)
            total = part if total is None else total + part
        assert total is not None
        mean = (total / count).astype(np.float32)
        return unit_rows(np.concatenate([np.asarray(shard, dtype=np.float32) - mean for shard in shards]))


def _weights(name: str, weights: Any, file: str | None) -> tuple[dict[str, torch.Tensor], str]:
    """(state dict, what identifies it): from a local file, else torchvision's download at first use."""
    if file is not None:
        path = Path(file)
        if not path.is_file():
            raise UserError(f"weights file '{file}' does not exist", "--weights takes a file saved with torch.save(model.state_dict())")
        try:
            # weights_only: a weights file is foreign, nothing in it may run
            state = torch.load(path, map_location="cpu", weights_only=True)
        except Exception as error:
            raise UserError(
                f"weights file '{path.name}' cannot be read as plain tensors ({type(error).__name__})",
                f"a state dict of torchvision's {name}, saved with torch.save(model.state_dict())",
            ) from error
        return _state_dict(state), "file-" + blake2b(path.read_bytes(), digest_size=8).hexdigest()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return weights.get_state_dict(progress=True, check_hash=True), str(weights)
    except (OSError, RuntimeError) as error:
        raise UserError(
            f"the weights of {name} could not be downloaded ({type(error).__name__})",
            "they are fetched once at first use, then kept",
            f"without a network use --embedder gradients, or --weights FILE with {name}'s weights from another machine",
        ) from error


def _state_dict(state: Any) -> dict[str, torch.Tensor]:
    if isinstance(state, dict) and isinstance(state.get("state_dict"), dict):
        state = state["state_dict"]
    if not isinstance(state, dict) or not all(isinstance(v, torch.Tensor) for v in state.values()):
        raise UserError("the weights file holds no state dict", "a dict of tensors, as torch.save(model.state_dict()) writes")
    return {str(key).removeprefix("module."): value for key, value in state.items()}


def _fill(network: torch.nn.Module, state: dict[str, torch.Tensor], origin: str) -> None:
    """Load `state`; the classifier's own rows may differ in number, nothing else may."""
    own = network.state_dict()
    usable = {k: v for k, v in state.items() if k in own and own[k].shape == v.shape}
    missing = [k for k in own if k not in usable and not k.startswith(("fc.", "classifier.2."))]
    if missing:
        raise UserError(
            f"the weights in '{Path(origin).name}' do not fit: {len(missing)} tensors are missing or of another shape, first '{missing[0]}'",
            "weights of the same backbone",
        )
    network.load_state_dict(usable, strict=False)


def _replace_head(network: torch.nn.Module, head: str) -> None:
    *parents, last = head.split(".")
    module: Any = network
    for part in parents:
        module = getattr(module, part) if not part.isdigit() else module[int(part)]
    if last.isdigit():
        module[int(last)] = torch.nn.Identity()
    else:
        setattr(module, last, torch.nn.Identity())
