"""Networks that contrastive learning trains: a backbone whose output is retained, and a projector that is thrown away."""

from __future__ import annotations

import torch
from torch import nn

BACKBONES = ("small", "resnet18", "resnet50")
PROJECTED = 128
SMALL_WIDTHS = (32, 64, 128, 256)


class Contrastive(nn.Module):
    """Images (b, 3, s, s) in 0…1 -> unit projections (b, 128); `backbone` alone gives the features (b, D)."""

    def __init__(self, name: str, side: int) -> None:
        super().__init__()
        self.backbone, width = _backbone(name, side)
        self.projector = nn.Sequential(
            nn.Linear(width, width, bias=False), nn.BatchNorm1d(width), nn.ReLU(inplace=True), nn.Linear(width, PROJECTED)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return nn.functional.normalize(self.projector(self.backbone(2 * x - 1)).float(), dim=1)

    def features(self, x: torch.Tensor) -> torch.Tensor:
        """What is retained of images (b, 3, s, s) in 0…1: (b, D)."""
        found: torch.Tensor = self.backbone(2 * x - 1)
        return found


def _backbone(name: str, side: int) -> tuple[nn.Module, int]:
    if name == "small":
        blocks: list[nn.Module] = []
        for inward, outward in zip((3, *SMALL_WIDTHS), SMALL_WIDTHS, strict=False):
            stride = 1 if inward == 3 and side <= 32 else 2
            blocks += [nn.Conv2d(inward, outward, 3, stride, 1, bias=False), nn.BatchNorm2d(outward), nn.ReLU(inplace=True)]
        return nn.Sequential(*blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten()), SMALL_WIDTHS[-1]
    from torchvision.models import get_model

    network = get_model(name, weights=None)
    width = int(network.fc.in_features)
    network.fc = nn.Identity()
    if side <= 64:
        # the first layers of the published network would leave hardly a pixel of small images (He et al., 2016, section 4.2)
        network.conv1 = nn.Conv2d(3, 64, 3, 1 if side <= 32 else 2, 1, bias=False)
        network.maxpool = nn.Identity()
    return network, width


def build(name: str, side: int, seed: int, device: str) -> Contrastive:
    """A network with weights drawn from `seed`; the global generators are left as they were."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = Contrastive(name, side)
    return network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]
