"""What every pretrained network shares: its own resizing, batches that travel well, centred unit rows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torchvision.transforms import InterpolationMode
from torchvision.transforms import functional as T

from ...compute import autocast, half_precision
from ...types import Float32
from ..whitening import centred_unit_rows

LONGEST_SHAPE = 8


@dataclass(frozen=True)
class Preset:
    """How images were prepared when the weights were trained.

    resize: short side in pixels.  crop: side of the centre crop in pixels.  mean, std: per channel, of 0…1.
    """

    resize: int
    crop: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    interpolation: InterpolationMode = InterpolationMode.BICUBIC
    antialias: bool | None = True


class Backbone:
    """A network with its preset on one device, in channels-last memory, half precision on a GPU.

    The network takes float32 (B, 3, crop, crop) and gives one vector an image. `name` says which weights these are:
    together with the precision it is the key of the raw features.
    """

    def __init__(self, network: torch.nn.Module, preset: Preset, device: str, name: str) -> None:
        self.preset, self.device = preset, device
        self.batch_size = 256 if device == "cuda" else 32
        self.network = network.eval().to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.precision = half_precision(device)
        self.key = f"{name}-{str(self.precision or torch.float32).removeprefix('torch.')}"
        self._mean, self._std = (torch.tensor(v, device=device)[None, :, None, None] for v in (preset.mean, preset.std))

    def pixels(self, image: Image.Image) -> NDArray[np.uint8]:
        """RGB image -> uint8 (crop, crop, 3): resized and centre-cropped as the weights were trained."""
        p = self.preset
        if max(image.size) > LONGEST_SHAPE * min(image.size):
            # the short side is brought to hundreds of pixels: a strip would grow to gigabytes, and is cut off anyway
            image = T.center_crop(image, min(image.size))
        image = T.resize(image, [p.resize], interpolation=p.interpolation, antialias=p.antialias)
        return np.asarray(T.center_crop(image, [p.crop]), dtype=np.uint8)

    @torch.inference_mode()
    def features(self, batch: list[NDArray[np.uint8]], rows: NDArray[np.int64]) -> Float32:
        """uint8 (crop, crop, 3) images -> float32 (m, D), the network's own vectors."""
        stacked = torch.from_numpy(np.stack(batch))
        if self.device == "cuda":
            stacked = stacked.pin_memory()
        # a permuted view of (B, h, w, 3) is channels-last already: no copy
        x = stacked.to(self.device, non_blocking=True).permute(0, 3, 1, 2).float() / 255
        with autocast(self.device, self.precision):
            found = self.network(((x - self._mean) / self._std).contiguous(memory_format=torch.channels_last))
        return np.asarray(found.flatten(1).float().cpu().numpy(), dtype=np.float32)

    def finish(self, shards: Iterable[NDArray[Any]], count: int) -> Float32:
        """Raw features -> centred unit rows float32 (count, D)."""
        return centred_unit_rows(shards, count)
