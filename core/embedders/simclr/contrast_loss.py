"""The contrastive loss, over one or many processes, in one pass or in pieces that fit the memory."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import torch
import torch.distributed as dist

Tensor = torch.Tensor


class _Everyone(torch.autograd.Function):
    """Rows of all processes, (processes · m, d); the gradient of a row is the sum of what every process has for it."""

    @staticmethod
    def forward(ctx: Any, own: Tensor) -> Tensor:
        parts = [torch.empty_like(own) for _ in range(dist.get_world_size())]
        dist.all_gather(parts, own.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:  # type: ignore[override]
        total = gradient.clone()
        dist.all_reduce(total)
        return total.chunk(dist.get_world_size())[dist.get_rank()]


def nt_xent(projections: Tensor, temperature: float) -> Tensor:
    """Normalised temperature-scaled cross entropy (Chen et al., ICML 2020, equation 1), mean over this process's rows.

    projections: (2b, d) unit rows; rows i and i + b are two views of one image. Negatives are all other rows of all
    processes.
    """
    b, rank = len(projections) // 2, 0
    everyone = projections
    if dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1:
        everyone, rank = _Everyone.apply(projections), dist.get_rank()  # type: ignore[no-untyped-call]
    rows = torch.arange(2 * b, device=projections.device)
    own, other = rows + rank * 2 * b, (rows + b) % (2 * b) + rank * 2 * b
    logits = projections @ everyone.T / temperature
    logits = logits.scatter(1, own[:, None], float("-inf"))
    return torch.nn.functional.cross_entropy(logits, other)


def backward_in_pieces(
    network: Callable[[Tensor], Tensor],
    views: Tensor,
    temperature: float,
    piece: int,
    autocast: Callable[[], AbstractContextManager[object]],
) -> Tensor:
    """Gradients of the loss over `views` (2b, …) into the network's parameters; returns the loss, detached.

    With piece ≥ 2b in one pass. Else gradient caching (Gao et al., RepL4NLP 2021): projections of all pieces without a
    graph, the loss's gradient at the projections, then each piece once more with its share of it; the same gradient
    but for batch normalisation, which then sees a piece at a time.
    """
    if piece >= len(views):
        with autocast():
            projections = network(views)
        loss = nt_xent(projections.float(), temperature)
        loss.backward()  # type: ignore[no-untyped-call]
        return loss.detach()
    pieces = views.split(piece)  # type: ignore[no-untyped-call]
    with torch.no_grad(), autocast():
        held = torch.cat([network(part).float() for part in pieces])
    held.requires_grad_()
    loss = nt_xent(held, temperature)
    loss.backward()  # type: ignore[no-untyped-call]
    assert held.grad is not None
    for part, gradient in zip(pieces, held.grad.split(piece), strict=True):  # type: ignore[no-untyped-call]
        with autocast():
            projections = network(part)
        projections.float().backward(gradient)  # type: ignore[no-untyped-call]
    return loss.detach()
