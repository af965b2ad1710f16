"""Pretrained torchvision backbones: their own weights, their own transforms, their penultimate layer."""

from __future__ import annotations

import warnings
from typing import Any

import torch

from ...compute import pick_device
from ..base import Settings
from .backbone import Backbone, Preset
from .weights_file import NETWORK_FAULTS, identity, misfit, not_downloaded, read_tensors

VERSION = 1
# name -> (builder, weights enum member, name of the classifier module that is replaced by the identity)
BACKBONES = {
    "resnet18": ("resnet18", "ResNet18_Weights.IMAGENET1K_V1", "fc"),
    "resnet50": ("resnet50", "ResNet50_Weights.IMAGENET1K_V2", "fc"),
    "convnext_tiny": ("convnext_tiny", "ConvNeXt_Tiny_Weights.IMAGENET1K_V1", "classifier.2"),
}


class TorchvisionModel(Backbone):
    """One of BACKBONES with its classifier taken off; the rest is Backbone's."""

    def __init__(self, name: str, settings: Settings) -> None:
        from torchvision.models import get_model, get_weight

        device = pick_device(settings.device)
        builder, weight_name, head = BACKBONES[name]
        weights = get_weight(weight_name)
        t = weights.transforms()
        network = get_model(builder, weights=None)
        state, origin = _weights(name, weights, settings.weights)
        _fill(network, state, settings.weights or weight_name)
        _replace_head(network, head)
        preset = Preset(t.resize_size[0], t.crop_size[0], tuple(t.mean), tuple(t.std), t.interpolation, t.antialias)
        super().__init__(network, preset, device, f"{name}-{VERSION}-{origin}")


def _weights(name: str, weights: Any, file: str | None) -> tuple[dict[str, torch.Tensor], str]:
    """(state dict, what identifies it): from a local file, else torchvision's download at first use."""
    if file is not None:
        return read_tensors(file, f"the state dict of torchvision's {name}"), identity(file)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return weights.get_state_dict(progress=True, check_hash=True), str(weights)
    except NETWORK_FAULTS as error:
        raise not_downloaded(name, error) from error


def _fill(network: torch.nn.Module, state: dict[str, torch.Tensor], origin: str) -> None:
    """Load `state`; the classifier's own rows may differ in number, nothing else may."""
    own = network.state_dict()
    usable = {k: v for k, v in state.items() if k in own and own[k].shape == v.shape}
    missing = [k for k in own if k not in usable and not k.startswith(("fc.", "classifier.2."))]
    if missing:
        raise misfit(origin, missing, "weights of the same backbone")
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
