"""Label-blind vectors. EMBEDDERS is a plain dict: name -> Embedder; heavy imports happen in `load` alone."""

from __future__ import annotations

from ..errors import UserError
from .base import Embedder, Model, Settings

__all__ = ["EMBEDDERS", "Embedder", "Model", "Settings", "find_embedder"]


def _gradients(settings: Settings) -> Model:
    from .gradients.gradients import Gradients

    return Gradients(settings)


def _precomputed(settings: Settings) -> Model:
    from .precomputed import Precomputed

    return Precomputed(settings)


def _simclr(settings: Settings) -> Model:
    from .simclr.simclr import Simclr

    return Simclr(settings)


def _simclr_settings(settings: Settings) -> dict[str, str]:
    from .simclr.simclr import resolved

    return resolved(settings)


def _torchvision(name: str, size: str) -> Embedder:
    def load(settings: Settings) -> Model:
        from .pretrained.torchvision_models import TorchvisionModel

        return TorchvisionModel(name, settings)

    return Embedder(name, f"torchvision {name}, ImageNet weights ({size}, downloaded at first use, or --weights FILE)", load, trained=True)


def _hub(name: str, what: str, size: str) -> Embedder:
    def load(settings: Settings) -> Model:
        from .pretrained.hub_models import HubModel

        return HubModel(name, settings)

    return Embedder(name, f"{what} ({size}, downloaded at first use, or --weights FILE)", load, trained=True)


EMBEDDERS: dict[str, Embedder] = {
    "gradients": Embedder("gradients", "offline default: edges, coarse colour and small patches, whitened; no download", _gradients),
    "simclr": Embedder(
        "simclr",
        "learned on the set itself, without labels; minutes on a CPU, best on a GPU",
        _simclr,
        learns=True,
        resolve=_simclr_settings,
    ),
    "resnet18": _torchvision("resnet18", "45 MB"),
    "resnet50": _torchvision("resnet50", "98 MB"),
    "convnext_tiny": _torchvision("convnext_tiny", "109 MB"),
    "dinov2_vits14": _hub("dinov2_vits14", "DINOv2 ViT-S/14, learnt from images without labels", "88 MB"),
    "dinov2_vitb14": _hub("dinov2_vitb14", "DINOv2 ViT-B/14, learnt from images without labels", "346 MB"),
    "clip_vit_b32": _hub("clip_vit_b32", "CLIP ViT-B/32, LAION-2B weights, learnt from images and captions", "605 MB"),
    "precomputed": Embedder("precomputed", "vectors made elsewhere: --embeddings FILE.npy, one row an image", _precomputed),
}


def find_embedder(name: str) -> Embedder:
    """The registry's entry; raises UserError that names the choices."""
    if name not in EMBEDDERS:
        raise UserError(f"embedder '{name}' is not known", f"choose one of: {', '.join(EMBEDDERS)}")
    return EMBEDDERS[name]
