"""Label-blind vectors. EMBEDDERS is a plain dict: name -> Embedder; heavy imports happen in `load` alone."""

from __future__ import annotations

from core.embedders.base import Embedder, Model, Settings
from core.errors import UserError


def _gradients(settings: Settings) -> Model:
    from core.embedders.gradients import Gradients

    return Gradients(settings)


def _precomputed(settings: Settings) -> Model:
    from core.embedders.precomputed import Precomputed

    return Precomputed(settings)


def _torchvision(name: str, size: str) -> Embedder:
    def load(settings: Settings) -> Model:
        from core.embedders.torchvision_models import TorchvisionModel

        return TorchvisionModel(name, settings)

    return Embedder(name, f"torchvision {name}, ImageNet weights ({size}, downloaded at first use, or --weights FILE)", load)


EMBEDDERS: dict[str, Embedder] = {
    "gradients": Embedder("gradients", "offline default: edges, coarse colour and small patches, whitened; no download", _gradients),
    "resnet18": _torchvision("resnet18", "45 MB"),
    "resnet50": _torchvision("resnet50", "98 MB"),
    "convnext_tiny": _torchvision("convnext_tiny", "109 MB"),
    "precomputed": Embedder("precomputed", "vectors made elsewhere: --embeddings FILE.npy, one row an image", _precomputed),
}


def find_embedder(name: str) -> Embedder:
    """The registry's entry; raises UserError that names the choices."""
    if name not in EMBEDDERS:
        raise UserError(f"embedder '{name}' is not known", f"choose one of: {', '.join(EMBEDDERS)}")
    return EMBEDDERS[name]
