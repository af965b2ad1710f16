"""From a published checkpoint of DINOv2 or CLIP to a filled tower of timm's: sizes, names and what must fit.

timm builds the networks and knows the published names (facebookresearch/dinov2 for DINOv2, OpenAI's CLIP and OpenCLIP for
CLIP) beside its own. All sizes are read from the tensors' shapes, within bounds, so a small or a larger tower of the same
family loads too. Ours is what timm does not do: to refuse what does not fit in one line, before memory is asked for it, and
to resize positions as DINOv2 was published.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F

from ...errors import UserError
from .weights_file import misfit

# all published towers have heads of this many numbers
HEAD_WIDTH = 64
MOST_WEIGHTS = 1e9
LONGEST_SIDE = 1024
# tensors that OpenAI's own archives carry beside the weights; OpenCLIP's do not
OPENAI_MARKS = ("input_resolution", "context_length", "vocab_size")
# DINOv2 was trained and published with positions resized to this much more than the grid
POSITIONS_OFFSET = 0.1


@dataclass(frozen=True)
class Sizes:
    """width: numbers a token.  hidden: of the perceptron.  patch: pixels.  grid: patches a side.  output: 0 = width."""

    width: int
    depth: int
    hidden: int
    patch: int
    grid: int
    output: int = 0


# far above every published tower: a hostile file shall not ask for the machine's memory
BOUNDS = Sizes(width=2048, depth=64, hidden=16384, patch=64, grid=64, output=4096)


@dataclass(frozen=True)
class Family:
    """architecture: timm's, whose sizes are replaced by the checkpoint's.  quick: the same as OpenAI trained it.

    published: what the published names begin with, "" where they are timm's own.  patches, positions, hidden, block, output:
    published names of tensors that tell the sizes; "" for none.  crop: side in pixels, 0 = as the checkpoint's positions say.
    """

    title: str
    architecture: str
    quick: str = ""
    published: str = ""
    patches: str = "patch_embed.proj.weight"
    positions: str = "pos_embed"
    hidden: str = "blocks.0.mlp.fc1.weight"
    block: str = "blocks.{}.norm1.weight"
    output: str = ""
    crop: int = 0

    @property
    def allowed(self) -> str:
        """What a file should hold, for messages."""
        return f"the weights of a {self.title} image tower, under their published names or timm's"


DINOV2 = Family("DINOv2", "vit_small_patch14_dinov2", crop=224)
CLIP_OF_TIMM = Family("CLIP", "vit_base_patch32_clip_224", output="head.weight")
CLIP = Family(
    "CLIP",
    "vit_base_patch32_clip_224",
    quick="vit_base_patch32_clip_quickgelu_224",
    published="visual.",
    patches="visual.conv1.weight",
    positions="visual.positional_embedding",
    hidden="visual.transformer.resblocks.0.mlp.c_fc.weight",
    block="visual.transformer.resblocks.{}.ln_1.weight",
    output="visual.proj",
)
# beginnings of the names to read: two thirds of a CLIP file are its text tower
CLIP_NAMES = (CLIP.published, *OPENAI_MARKS, "cls_token", "pos_embed", "patch_embed.", "norm_pre.", "blocks.", "norm.", "head.")


def build_tower(state: dict[str, torch.Tensor], family: Family, origin: str) -> tuple[Any, Sizes]:
    """timm's VisionTransformer that `state` holds, filled, with its positions fitted to the crop; and its sizes.

    float (B, 3, s, s), s = grid·patch -> (B, width), or (B, output) where there is a projection.
    Raises UserError where tensors are missing, of another shape, not numbers, or belong to another kind of tower.
    """
    if family is CLIP and CLIP_OF_TIMM.patches in state:
        family = CLIP_OF_TIMM
    # the two activations have no weights, so only OpenAI's own marks can tell them apart
    quick = bool(family.quick) and any(mark in state for mark in OPENAI_MARKS)
    state = {name: tensor for name, tensor in state.items() if name.startswith(family.published) and name != "mask_token"}
    sizes = _sizes(state, family, origin)
    tower = _empty(family.quick if quick else family.architecture, sizes)
    tower.load_state_dict(_matched(tower, state, family, origin), assign=True)
    if family.crop:
        if family.crop % sizes.patch:
            raise UserError(f"patches of {sizes.patch} pixels in '{origin}' do not tile {family.crop} pixels", family.allowed)
        grid = family.crop // sizes.patch
        positions = resized_positions(tower.pos_embed, grid, POSITIONS_OFFSET)
        tower.set_input_size((family.crop, family.crop))
        tower.pos_embed = torch.nn.Parameter(positions)
        sizes = Sizes(**{**vars(sizes), "grid": grid})
    tower.requires_grad_(False)
    return tower, sizes


def _empty(architecture: str, sizes: Sizes) -> Any:
    """The architecture in these sizes, without memory behind its weights; nothing is downloaded."""
    import timm

    with torch.device("meta"):
        return timm.create_model(
            architecture,
            pretrained=False,
            img_size=sizes.grid * sizes.patch,
            patch_size=sizes.patch,
            embed_dim=sizes.width,
            depth=sizes.depth,
            num_heads=sizes.width // HEAD_WIDTH,
            # timm rounds the product down
            mlp_ratio=(sizes.hidden + 0.5) / sizes.width,
            num_classes=sizes.output,
        )


def _sizes(state: dict[str, torch.Tensor], family: Family, origin: str) -> Sizes:
    """Read from the shapes; a tensor that is not there or has another number of axes is a misfit."""

    def shape(name: str, axes: int) -> torch.Size:
        if name not in state or state[name].ndim != axes:
            raise misfit(origin, [name], family.allowed)
        return state[name].shape

    patches, positions = shape(family.patches, 4), shape(family.positions, 2 if family is CLIP else 3)
    grid = round(max(positions[-2] - 1, 0) ** 0.5)
    if positions[-2] != grid * grid + 1:
        raise misfit(origin, [family.positions], family.allowed)
    found = Sizes(
        width=patches[0],
        # the depth is the number of blocks that follow each other from 0 on
        depth=next(i for i in range(len(state) + 1) if family.block.format(i) not in state),
        hidden=shape(family.hidden, 2)[0],
        patch=patches[2],
        grid=grid,
        output=shape(family.output, 2)[1 if family is CLIP else 0] if family.output else 0,
    )
    if not _possible(found):
        described = ", ".join(f"{name} {value}" for name, value in vars(found).items())
        raise UserError(
            f"the weights in '{origin}' describe a tower that cannot be ({described})", f"a {family.title} tower with heads of 64 numbers"
        )
    return found


def _possible(sizes: Sizes) -> bool:
    within = all(value <= getattr(BOUNDS, name) and (value > 0 or name == "output") for name, value in vars(sizes).items())
    weights = sizes.depth * sizes.width * (4 * sizes.width + 2 * sizes.hidden)
    return within and sizes.width % HEAD_WIDTH == 0 and weights <= MOST_WEIGHTS and sizes.grid * sizes.patch <= LONGEST_SIDE


def _matched(tower: Any, state: dict[str, torch.Tensor], family: Family, origin: str) -> dict[str, torch.Tensor]:
    """timm's name -> float32 tensor, every one of them; anything else is refused."""
    from timm.models.vision_transformer import checkpoint_filter_fn

    named, own = checkpoint_filter_fn(dict(state), tower), tower.state_dict()
    wrong = [name for name, parameter in own.items() if name not in named or named[name].shape != parameter.shape]
    if wrong:
        raise misfit(origin, wrong, family.allowed)
    foreign = [name for name in named if name not in own]
    if foreign:
        raise UserError(f"the weights in '{origin}' belong to another kind of tower: '{foreign[0]}' has no place here", family.allowed)
    return {name: _plain(tensor, name, origin) for name, tensor in named.items()}


def _plain(tensor: torch.Tensor, name: str, origin: str) -> torch.Tensor:
    if tensor.layout is torch.strided and tensor.device.type == "cpu" and tensor.is_floating_point():
        single = tensor.float().contiguous()
        if bool(torch.isfinite(single).all()):
            return single
    raise UserError(f"the tensor '{name}' in '{origin}' does not hold finite floating-point numbers", "weights as they were published")


def resized_positions(positions: torch.Tensor, grid: int, offset: float) -> torch.Tensor:
    """(1, 1 + g², W) -> (1, 1 + grid², W): bicubic, not antialiased; the class token's stays; unchanged where g = grid.

    offset: added to `grid` before the scale is taken. timm resizes with antialiasing and without an offset, which moves
    DINOv2's vectors (cosine 0.99995 to the published ones on random weights).
    """
    side = round((positions.shape[1] - 1) ** 0.5)
    if side == grid:
        return positions
    plane = positions[:, 1:].float().reshape(1, side, side, -1).permute(0, 3, 1, 2)
    scale = (grid + offset) / side
    plane = F.interpolate(plane, scale_factor=(scale, scale), mode="bicubic", align_corners=False)
    return torch.cat([positions[:, :1].float(), plane.permute(0, 2, 3, 1).flatten(1, 2)], 1)
