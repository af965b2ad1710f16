"""Small DINOv2 and CLIP towers of random weights, under the names that the real checkpoints use."""

from __future__ import annotations

import numpy as np
import torch

State = dict[str, torch.Tensor]
Shapes = dict[str, tuple[int, ...]]


def dinov2_shapes(width: int = 64, depth: int = 2, hidden: int = 96, patch: int = 56, grid: int = 5) -> Shapes:
    """Every tensor of a DINOv2 checkpoint, as facebookresearch/dinov2 publishes them."""
    shapes: Shapes = {
        "cls_token": (1, 1, width),
        "pos_embed": (1, 1 + grid * grid, width),
        "mask_token": (1, width),
        "patch_embed.proj.weight": (width, 3, patch, patch),
        "patch_embed.proj.bias": (width,),
    }
    for i in range(depth):
        block: Shapes = {
            "norm1.weight": (width,),
            "norm1.bias": (width,),
            "attn.qkv.weight": (3 * width, width),
            "attn.qkv.bias": (3 * width,),
            "attn.proj.weight": (width, width),
            "attn.proj.bias": (width,),
            "ls1.gamma": (width,),
            "norm2.weight": (width,),
            "norm2.bias": (width,),
            "mlp.fc1.weight": (hidden, width),
            "mlp.fc1.bias": (hidden,),
            "mlp.fc2.weight": (width, hidden),
            "mlp.fc2.bias": (width,),
            "ls2.gamma": (width,),
        }
        shapes |= {f"blocks.{i}.{name}": shape for name, shape in block.items()}
    return shapes | {"norm.weight": (width,), "norm.bias": (width,)}


def clip_shapes(width: int = 64, depth: int = 2, hidden: int = 96, patch: int = 16, grid: int = 3, output: int = 24) -> Shapes:
    """Every tensor of the image tower in an OpenCLIP checkpoint."""
    shapes: Shapes = {
        "visual.class_embedding": (width,),
        "visual.positional_embedding": (1 + grid * grid, width),
        "visual.proj": (width, output),
        "visual.conv1.weight": (width, 3, patch, patch),
        "visual.ln_pre.weight": (width,),
        "visual.ln_pre.bias": (width,),
    }
    for i in range(depth):
        block: Shapes = {
            "ln_1.weight": (width,),
            "ln_1.bias": (width,),
            "attn.in_proj_weight": (3 * width, width),
            "attn.in_proj_bias": (3 * width,),
            "attn.out_proj.weight": (width, width),
            "attn.out_proj.bias": (width,),
            "ln_2.weight": (width,),
            "ln_2.bias": (width,),
            "mlp.c_fc.weight": (hidden, width),
            "mlp.c_fc.bias": (hidden,),
            "mlp.c_proj.weight": (width, hidden),
            "mlp.c_proj.bias": (width,),
        }
        shapes |= {f"visual.transformer.resblocks.{i}.{name}": shape for name, shape in block.items()}
    return shapes | {"visual.ln_post.weight": (width,), "visual.ln_post.bias": (width,)}


def random_state(shapes: Shapes, seed: int = 0) -> State:
    """Random tensors whose sizes keep every part of the network awake."""
    rng = np.random.default_rng(seed)
    state: State = {}
    for name, shape in shapes.items():
        # matrices keep the length of a row about as it is; everything else is of the order of one
        scale = np.prod(shape[1:]) ** -0.5 if len(shape) in (2, 4) and name.endswith("weight") else 0.7
        state[name] = torch.tensor(rng.normal(0, scale, shape), dtype=torch.float32)
    return state


def dinov2_state(seed: int = 0, **sizes: int) -> State:
    """A whole DINOv2 checkpoint."""
    return random_state(dinov2_shapes(**sizes), seed)


def clip_state(seed: int = 0, **sizes: int) -> State:
    """An OpenCLIP checkpoint, with a piece of its text tower."""
    state = random_state(clip_shapes(**sizes), seed)
    text = {"logit_scale": (), "token_embedding.weight": (9, 8), "transformer.resblocks.0.ln_1.weight": (8,)}
    return state | {name: torch.ones(shape) for name, shape in text.items()}
