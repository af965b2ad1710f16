"""The pre-norm vision transformer, in the two forms that DINOv2 and CLIP publish weights for.

Dosovitskiy et al., *An image is worth 16×16 words* (ICLR 2021), eqs. 1–4: patches and a class token, learnt positions,
then blocks of attention and a two-layer perceptron, each behind a layer norm and added to what was there.
DINOv2 (Oquab et al. 2023) scales each branch by learnt factors (LayerScale). CLIP (Radford et al. 2021, §2.4) adds a
layer norm in front of the blocks, has no bias on patches, and projects the class token by a matrix.
Known limit: images are square and of one size; register tokens and gated perceptrons are not built.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

HEAD_WIDTH = 64


@dataclass(frozen=True)
class Sizes:
    """width: numbers a token.  hidden: of the perceptron.  patch: pixels.  grid: patches a side.  output: 0 = width."""

    width: int
    depth: int
    hidden: int
    patch: int
    grid: int
    output: int = 0


@dataclass(frozen=True)
class Style:
    """What sets one family of towers apart from another.

    epsilon: of all layer norms.  quick: x·σ(1.702 x) in place of GELU, as OpenAI trained CLIP.
    """

    epsilon: float
    patch_bias: bool
    layer_scale: bool
    norm_before: bool
    quick: bool = False


class VisionTransformer(nn.Module):
    """Float (B, 3, s, s), s = grid·patch, -> (B, width), or (B, output) where there is a projection.

    Parameters carry DINOv2's names, and `norm_pre` and `proj` for CLIP's additions.
    """

    def __init__(self, sizes: Sizes, style: Style) -> None:
        super().__init__()
        width = sizes.width
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + sizes.grid**2, width))
        patches = nn.Conv2d(3, width, sizes.patch, sizes.patch, bias=style.patch_bias)
        self.patch_embed = nn.Sequential(OrderedDict(proj=patches))
        self.norm_pre = nn.LayerNorm(width, style.epsilon) if style.norm_before else None
        self.blocks = nn.ModuleList(Block(sizes, style) for _ in range(sizes.depth))
        self.norm = nn.LayerNorm(width, style.epsilon)
        self.proj = nn.Parameter(torch.zeros(width, sizes.output)) if sizes.output else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, 3, s, s) -> (B, D)."""
        x = self.patch_embed(x).flatten(2).transpose(1, 2)  # (B, grid², W)
        # what blocks add to stays in single precision on every device; the products inside them may be half
        x = torch.cat([self.cls_token.expand(len(x), -1, -1), x.float()], 1) + self.pos_embed
        if self.norm_pre is not None:
            x = self.norm_pre(x)
        for block in self.blocks:
            x = block(x)
        # a layer norm looks at one token at a time, so the class token alone is enough
        token: torch.Tensor = self.norm(x[:, 0])
        return token if self.proj is None else token @ self.proj


class Block(nn.Module):
    """One layer: (B, N, W) -> (B, N, W)."""

    def __init__(self, sizes: Sizes, style: Style) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(sizes.width, style.epsilon)
        self.attn = Attention(sizes.width)
        self.ls1 = LayerScale(sizes.width) if style.layer_scale else nn.Identity()
        self.norm2 = nn.LayerNorm(sizes.width, style.epsilon)
        self.mlp = Perceptron(sizes, style.quick)
        self.ls2 = LayerScale(sizes.width) if style.layer_scale else nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, N, W) -> (B, N, W)."""
        x = x + self.ls1(self.attn(self.norm1(x)))
        return x + self.ls2(self.mlp(self.norm2(x)))  # type: ignore[no-any-return]


class Attention(nn.Module):
    """Multi-head self-attention; all published towers have heads of 64 numbers."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.heads = width // HEAD_WIDTH
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, N, W) -> (B, N, W)."""
        b, n, w = x.shape
        q, k, v = self.qkv(x).reshape(b, n, 3, self.heads, HEAD_WIDTH).permute(2, 0, 3, 1, 4)  # each (B, heads, N, 64)
        found = F.scaled_dot_product_attention(q, k, v)
        return self.proj(found.transpose(1, 2).reshape(b, n, w))  # type: ignore[no-any-return]


class LayerScale(nn.Module):
    """One learnt factor a column (Touvron et al. 2021)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(…, W) -> (…, W)."""
        return x * self.gamma


class Perceptron(nn.Module):
    """Two layers with GELU, or its quick form, between them."""

    def __init__(self, sizes: Sizes, quick: bool) -> None:
        super().__init__()
        self.quick = quick
        self.fc1 = nn.Linear(sizes.width, sizes.hidden)
        self.fc2 = nn.Linear(sizes.hidden, sizes.width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(…, W) -> (…, W)."""
        x = self.fc1(x)
        return self.fc2(x * torch.sigmoid(1.702 * x) if self.quick else F.gelu(x))  # type: ignore[no-any-return]


def resized_positions(positions: torch.Tensor, grid: int, offset: float) -> torch.Tensor:
    """(1, 1 + g², W) -> (1, 1 + grid², W): bicubic, not antialiased; the class token's stays; unchanged where g = grid.

    offset: added to `grid` before the scale is taken. DINOv2 was trained and published with 0.1, so its samples do
    not lie where a plain resize would put them.
    """
    side = round((positions.shape[1] - 1) ** 0.5)
    if side == grid:
        return positions
    plane = positions[:, 1:].float().reshape(1, side, side, -1).permute(0, 3, 1, 2)
    scale = (grid + offset) / side
    plane = F.interpolate(plane, scale_factor=(scale, scale), mode="bicubic", align_corners=False)
    return torch.cat([positions[:, :1].float(), plane.permute(0, 2, 3, 1).flatten(1, 2)], 1)
