"""From a published checkpoint of DINOv2 or CLIP to a filled VisionTransformer: names, sizes and what must fit.

All sizes are read from the tensors' shapes, within bounds, so a small or a larger tower of the same family loads too.
Names as published: facebookresearch/dinov2 (hub) for DINOv2, OpenAI's CLIP and OpenCLIP (`visual.…`) for CLIP.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from ...errors import UserError
from .vision_transformer import HEAD_WIDTH, Sizes, Style, VisionTransformer, resized_positions
from .weights_file import misfit

# far above every published tower: a hostile file shall not ask for the machine's memory
BOUNDS = Sizes(width=2048, depth=64, hidden=16384, patch=64, grid=64, output=4096)
MOST_WEIGHTS = 1e9
LONGEST_SIDE = 1024
# tensors that OpenAI's own archives carry beside the weights; OpenCLIP's do not
OPENAI_MARKS = ("input_resolution", "context_length", "vocab_size")


@dataclass(frozen=True)
class Family:
    """How one family names its tensors and what it is built like.

    prefix: of all names that belong to the tower.  renamed: (our piece of a name, theirs), applied in order.
    ignored: names under the prefix that embedding has no use for.  offset: of the resized positions.
    crop: side of the images in pixels, 0 = as the checkpoint's positions say.
    """

    title: str
    style: Style
    prefix: str = ""
    renamed: tuple[tuple[str, str], ...] = ()
    ignored: tuple[str, ...] = ()
    offset: float = 0.0
    crop: int = 0

    def published(self, own: str) -> str:
        """Our name of a tensor -> the family's."""
        for ours, theirs in self.renamed:
            own = own.replace(ours, theirs)
        return self.prefix + own


DINOV2 = Family("DINOv2", Style(1e-6, patch_bias=True, layer_scale=True, norm_before=False), ignored=("mask_token",), offset=0.1, crop=224)
CLIP = Family(
    "CLIP",
    Style(1e-5, patch_bias=False, layer_scale=False, norm_before=True),
    prefix="visual.",
    renamed=(
        ("cls_token", "class_embedding"),
        ("pos_embed", "positional_embedding"),
        ("patch_embed.proj", "conv1"),
        ("norm_pre", "ln_pre"),
        ("norm.", "ln_post."),
        (".norm1", ".ln_1"),
        (".norm2", ".ln_2"),
        (".attn.qkv.", ".attn.in_proj_"),
        (".attn.proj", ".attn.out_proj"),
        (".mlp.fc1", ".mlp.c_fc"),
        (".mlp.fc2", ".mlp.c_proj"),
        ("blocks.", "transformer.resblocks."),
    ),
)


def build_tower(state: dict[str, torch.Tensor], family: Family, origin: str) -> tuple[VisionTransformer, Sizes]:
    """The tower that `state` holds, filled, with its positions fitted to the crop; and its sizes.

    Raises UserError where tensors are missing, of another shape, not numbers, or belong to another kind of tower.
    """
    style = family.style
    if family is CLIP:
        # the two activations have no weights, so only OpenAI's own marks can tell them apart
        style = replace(style, quick=any(mark in state for mark in OPENAI_MARKS))
    state = {name: tensor for name, tensor in state.items() if name.startswith(family.prefix)}
    sizes = _sizes(state, family, origin)
    with torch.device("meta"):
        tower = VisionTransformer(sizes, style)
    tower.load_state_dict(_matched(tower, state, family, origin), assign=True)
    tower.requires_grad_(False)
    return _fitted(tower, sizes, family)


def _fitted(tower: VisionTransformer, sizes: Sizes, family: Family) -> tuple[VisionTransformer, Sizes]:
    if family.crop and family.crop % sizes.patch:
        raise UserError(
            f"patches of {sizes.patch} pixels do not tile {family.crop} pixels", f"a {family.title} tower with patches of 14 pixels"
        )
    grid = family.crop // sizes.patch if family.crop else sizes.grid
    positions = resized_positions(tower.pos_embed, grid, family.offset)
    tower.pos_embed = torch.nn.Parameter(positions, requires_grad=False)
    return tower, replace(sizes, grid=grid)


def _sizes(state: dict[str, torch.Tensor], family: Family, origin: str) -> Sizes:
    """Read from the shapes; a tensor that is not there or has another number of axes is a misfit."""

    def shape(own: str, axes: int) -> torch.Size:
        name = family.published(own)
        if name not in state or state[name].ndim != axes:
            raise misfit(origin, [name], f"the weights of a {family.title} image tower, under their published names")
        return state[name].shape

    patches, positions = shape("patch_embed.proj.weight", 4), shape("pos_embed", 3 if family is DINOV2 else 2)
    # the depth is the number of blocks that follow each other from 0 on
    depth = next(i for i in range(len(state) + 1) if family.published(f"blocks.{i}.norm1.weight") not in state)
    found = Sizes(
        width=patches[0],
        depth=depth,
        hidden=shape("blocks.0.mlp.fc1.weight", 2)[0],
        patch=patches[2],
        grid=round(max(positions[-2] - 1, 0) ** 0.5),
        output=shape("proj", 2)[1] if family is CLIP else 0,
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


def _matched(tower: VisionTransformer, state: dict[str, torch.Tensor], family: Family, origin: str) -> dict[str, torch.Tensor]:
    """Our name -> float32 tensor, every one of them; anything else under the prefix is refused."""
    found, wrong, known = {}, [], set(family.ignored)
    for own, parameter in tower.state_dict().items():
        name = family.published(own)
        known.add(name)
        if name not in state or _published_shape(parameter, own, family) != state[name].shape:
            wrong.append(name)
        else:
            found[own] = _plain(state[name], name, origin).reshape(parameter.shape)
    allowed = f"the weights of a {family.title} image tower, under their published names"
    if wrong:
        raise misfit(origin, wrong, allowed)
    foreign = [name for name in state if name not in known]
    if foreign:
        raise UserError(f"the weights in '{origin}' belong to another kind of tower: '{foreign[0]}' has no place here", allowed)
    return found


def _published_shape(parameter: torch.Tensor, own: str, family: Family) -> torch.Size:
    """DINOv2 keeps axes of length 1 in front of the class token and the positions, CLIP does not."""
    leading = {"cls_token": 2, "pos_embed": 1}.get(own, 0) if family is CLIP else 0
    return parameter.shape[leading:]


def _plain(tensor: torch.Tensor, name: str, origin: str) -> torch.Tensor:
    if tensor.layout is torch.strided and tensor.device.type == "cpu" and tensor.is_floating_point():
        single = tensor.float().contiguous()
        if bool(torch.isfinite(single).all()):
            return single
    raise UserError(f"the tensor '{name}' in '{origin}' does not hold finite floating-point numbers", "weights as they were published")
