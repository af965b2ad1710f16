"""Label-blind vectors. EMBEDDERS is a plain dict: name -> Embedder; heavy imports happen in `load` alone.

A new embedder is its file and one line here; what other rooms must know of it, its record says.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any

from ..errors import UserError
from .base import Agreement, Embedder, Learner, LearningProgress, Model, OnProgress, RowModel, Settings

__all__ = [
    "EMBEDDERS",
    "Agreement",
    "Embedder",
    "Learner",
    "LearningProgress",
    "Model",
    "OnProgress",
    "RowModel",
    "Settings",
    "embedders_where",
    "find_embedder",
]


def _later(home: str, *given: str) -> Callable[[Settings], Any]:
    """`file:name` of this room, imported when it is first called with `given` and the settings."""
    return partial(_called, *home.split(":"), *given)


def _called(file: str, name: str, *given: Any) -> Any:
    return getattr(import_module(f".{file}", __name__), name)(*given)


def _torchvision(name: str, size: str) -> Embedder:
    summary = f"torchvision {name}, ImageNet weights ({size}, downloaded at first use, or --weights FILE)"
    return Embedder(name, summary, _later("pretrained.torchvision_models:TorchvisionModel", name), trained=True)


def _hub(name: str, what: str, size: str) -> Embedder:
    summary = f"{what} ({size}, downloaded at first use, or --weights FILE)"
    return Embedder(name, summary, _later("pretrained.hub_models:HubModel", name), trained=True)


def _registry(*entries: Embedder) -> dict[str, Embedder]:
    return {entry.name: entry for entry in entries}


EMBEDDERS = _registry(
    Embedder(
        "gradients",
        "default for small images: edges, coarse colour and small patches, whitened; no download",
        _later("gradients.gradients:Gradients"),
        fast=True,
    ),
    Embedder(
        "simclr",
        "learned on the set itself, without labels; minutes on a CPU, best on a GPU",
        _later("simclr.simclr:Simclr"),
        learns=True,
        resolve=_later("simclr.simclr:resolved"),
    ),
    Embedder(
        "lite0",
        "default for photographs: EfficientNet-Lite0, ImageNet weights that come with the installation; no download",
        _later("pretrained.lite:Lite", "lite0"),
        trained=True,
    ),
    _torchvision("resnet18", "45 MB"),
    _torchvision("resnet50", "98 MB"),
    _torchvision("convnext_tiny", "109 MB"),
    _hub("dinov2_vits14", "DINOv2 ViT-S/14, learnt from images without labels", "88 MB"),
    _hub("dinov2_vitb14", "DINOv2 ViT-B/14, learnt from images without labels", "346 MB"),
    _hub("clip_vit_b32", "CLIP ViT-B/32, LAION-2B weights, learnt from images and captions", "605 MB"),
    Embedder(
        "precomputed",
        "vectors made elsewhere: --embeddings FILE.npy, one row an image",
        _later("precomputed:Precomputed"),
        needs_file=True,
        by_row=True,
    ),
)


def find_embedder(name: str) -> Embedder:
    """The registry's entry; raises UserError that names the choices."""
    if name not in EMBEDDERS:
        raise UserError(f"embedder '{name}' is not known", f"choose one of: {', '.join(EMBEDDERS)}")
    return EMBEDDERS[name]


def embedders_where(wanted: Callable[[Embedder], bool]) -> list[str]:
    """Names of the embedders whose record is `wanted`, in the registry's order."""
    return [name for name, entry in EMBEDDERS.items() if wanted(entry)]
