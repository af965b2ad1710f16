"""DINOv2 (Oquab et al. 2023) and CLIP's image tower (Radford et al. 2021), from published weights.

The usual ways to load them run foreign code: torch.hub.load imports a repository, and CLIP's archives are programs.
Here the network is timm's and only tensors are fetched, and known by their digest: DINOv2's state dicts, CLIP as LAION
published it in .safetensors (Schuhmann et al. 2022). Known limit: CLIP saw text beside its images, so it is not free of all labels.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ...compute import pick_device
from ...errors import UserError
from ..base import Settings
from .backbone import Backbone, Preset
from .tower_weights import CLIP, CLIP_NAMES, DINOV2, Family, build_tower
from .weights_file import fetched, identity, read_tensors

VERSION = 2
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
WEB_IMAGES = ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))


@dataclass(frozen=True)
class Tower:
    """Where the weights come from.  sha256: of the file.  width: tells the towers apart."""

    family: Family
    width: int
    url: str
    file: str
    sha256: str


def _dinov2(name: str, width: int, sha256: str) -> Tower:
    file = f"{name}_pretrain.pth"
    return Tower(DINOV2, width, f"https://dl.fbaipublicfiles.com/dinov2/{name}/{file}", file, sha256)


TOWERS = {
    "dinov2_vits14": _dinov2("dinov2_vits14", 384, "b938bf1bc15cd2ec0feacfe3a1bb553fe8ea9ca46a7e1d8d00217f29aef60cd9"),
    "dinov2_vitb14": _dinov2("dinov2_vitb14", 768, "0b8b82f85de91b424aded121c7e1dcc2b7bc6d0adeea651bf73a13307fad8c73"),
    "clip_vit_b32": Tower(
        CLIP,
        768,
        "https://huggingface.co/laion/CLIP-ViT-B-32-laion2B-s34B-b79K/resolve/1a25a446712ba5ee05982a381eed697ef9b435cf/open_clip_model.safetensors",
        "CLIP-ViT-B-32-laion2B-s34B-b79K.safetensors",
        "ac4f8c4b88af6d963118cbf40ad93176d092abbedfcb752601ae1866352656e6",
    ),
}


class HubModel(Backbone):
    """One of TOWERS, from --weights FILE or from its published file; the rest is Backbone's."""

    def __init__(self, name: str, settings: Settings) -> None:
        device, wanted = pick_device(settings.device), TOWERS[name]
        file = settings.weights or fetched(wanted.url, wanted.file, wanted.sha256, name)
        state = read_tensors(file, f"{name}'s weights", CLIP_NAMES if wanted.family is CLIP else ("",))
        tower, sizes = build_tower(state, wanted.family, Path(file).name)
        _check_width(sizes.width, name)
        preset = _preset(wanted.family, sizes.grid * sizes.patch)
        super().__init__(tower, preset, device, f"{name}-{VERSION}-{identity(file)}")


def _preset(family: Family, crop: int) -> Preset:
    """As the authors evaluate: DINOv2 resizes to 256 and cuts 224, CLIP resizes to what it cuts."""
    return Preset(256, crop, *IMAGENET) if family is DINOV2 else Preset(crop, crop, *WEB_IMAGES)


def _check_width(width: int, name: str) -> None:
    """A file of another tower that is known by name is a mistake; other sizes are the user's own."""
    for other, tower in TOWERS.items():
        if tower.family is TOWERS[name].family and tower.width == width != TOWERS[name].width:
            raise UserError(f"these are the weights of {other}, not of {name}", f"{name}'s weights", f"--embedder {other} reads this file")
