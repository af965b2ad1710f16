"""Networks that stand for what a user would train: a small one for CPUs, and ResNet-18 as it is used on CIFAR.

ResNet: He, Zhang, Ren, Sun, "Deep residual learning for image recognition", CVPR 2016; a 3×3 first convolution and no
pooling after it is the usual form on images of 32 pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import nn

from ..errors import UserError

WIDTHS = (16, 32, 64)
# larger images are halved at once, as they would be on any other data
STRIDE_FROM = 64


def build_victim(name: str, classes: int, side: int, *, seed: int = 0) -> nn.Module:
    """A new network: float32 images (b, 3, side, side) -> logits (b, classes); its weights depend on `seed` alone.

    name: "small" or "resnet18".  side: pixels.  The global random state is left as it was. Raises UserError for
    another name.
    """
    if name not in VICTIMS:
        raise UserError(f"victim '{name}' is not known", f"choose one of: {', '.join(VICTIMS)}")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return VICTIMS[name](classes, side)


def _small(classes: int, side: int) -> nn.Module:
    """Three steps of two convolutions at most, each followed by halving; 60,000 weights."""
    stride = 2 if side >= STRIDE_FROM else 1
    layers: list[nn.Module] = [*_convolution(3, WIDTHS[0], stride)]
    for inward, outward in pairwise(WIDTHS):
        layers += [nn.MaxPool2d(2), *_convolution(inward, outward, 1)]
    layers += [nn.MaxPool2d(2), *_convolution(WIDTHS[-1], WIDTHS[-1], 1), nn.AdaptiveMaxPool2d(2), nn.Flatten()]
    return nn.Sequential(*layers, nn.Linear(4 * WIDTHS[-1], classes))


def _convolution(inward: int, outward: int, stride: int) -> list[nn.Module]:
    return [
        nn.Conv2d(inward, outward, 3, stride, padding=1, bias=False),
        nn.BatchNorm2d(outward),
        nn.ReLU(inplace=True),
    ]


def _resnet18(classes: int, side: int) -> nn.Module:
    from torchvision.models import resnet18

    network: nn.Module = resnet18(weights=None, num_classes=classes)
    network.conv1 = nn.Conv2d(3, 64, 3, 2 if side >= STRIDE_FROM else 1, padding=1, bias=False)
    network.maxpool = nn.Identity()
    return network


VICTIMS: dict[str, Callable[[int, int], nn.Module]] = {"small": _small, "resnet18": _resnet18}
