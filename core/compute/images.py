"""A set's pixels, on the device where they fit there."""

from __future__ import annotations

import torch

from ..types import UInt8

PIECE = 4096
# of the device's free memory; the rest is for activations
SHARE_OF_DEVICE = 0.5


class DeviceImages:
    """Pixels uint8 (n, h, w, 3), held on the device where they fit in half of its free memory, else sent batch by batch."""

    def __init__(self, pixels: UInt8, device: str | torch.device) -> None:
        self.device, self.pixels = torch.device(device), pixels
        self.held: torch.Tensor | None = None
        if self.device.type == "cuda" and pixels.nbytes < SHARE_OF_DEVICE * torch.cuda.mem_get_info(self.device)[0]:
            # piece by piece: the host never holds a second copy of the set
            self.held = torch.empty(pixels.shape, dtype=torch.uint8, device=self.device)
            for start in range(0, len(pixels), PIECE):
                self.held[start : start + PIECE] = torch.from_numpy(pixels[start : start + PIECE].copy())

    def __len__(self) -> int:
        return len(self.pixels)

    def rows(self, rows: torch.Tensor) -> torch.Tensor:
        """Images of `rows` (int64, on the CPU), uint8 (b, h, w, 3) on the device."""
        if self.held is not None:
            return self.held[rows.to(self.device, non_blocking=True)]
        chosen = torch.from_numpy(self.pixels[rows.numpy()])
        return chosen.pin_memory().to(self.device, non_blocking=True) if self.device.type == "cuda" else chosen
