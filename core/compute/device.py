"""The device: which one, what to compute in on it, and what to do when its memory runs out."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from ..errors import UserError
from ..types import Float32, Int64, UInt8

if TYPE_CHECKING:
    import torch


def pick_device(wanted: str) -> str:
    """Either "cuda" or "cpu" for the wish "auto", "cpu" or "cuda".

    Raises UserError where CUDA is asked for and there is none.
    """
    if wanted not in ("auto", "cpu", "cuda"):
        raise UserError(f"device '{wanted}' is not known", "choose one of: auto, cpu, cuda")
    import torch

    if wanted == "cuda" and not torch.cuda.is_available():
        raise UserError("no CUDA device answers on this machine", "--device auto or cpu works here")
    return "cpu" if wanted == "cpu" or not torch.cuda.is_available() else "cuda"


def half_precision(device: str | torch.device) -> torch.dtype | None:
    """What to compute in on this device: bfloat16 or float16 on CUDA, None (float32) on the CPU."""
    import torch

    if torch.device(device).type != "cuda":
        return None
    return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16


def autocast(device: str | torch.device, precision: torch.dtype | None) -> torch.autocast:
    """A context that computes in `precision`, or in float32 where it is None."""
    import torch

    return torch.autocast(torch.device(device).type, dtype=precision, enabled=precision is not None)


def halving(
    features: Callable[[list[UInt8], Int64], Float32],
    batch: list[UInt8],
    rows: Int64,
    on_halved: Callable[[int], None] | None = None,
) -> Float32:
    """`features(batch, rows)`, in halves (and their halves) when memory runs out.

    Raises the error itself once a single image does not fit.
    """
    try:
        return features(batch, rows)
    except (RuntimeError, MemoryError) as error:
        if len(batch) == 1 or not out_of_memory(error):
            raise
    _release_cuda()
    middle = len(batch) // 2
    if on_halved is not None:
        on_halved(middle)
    first = halving(features, batch[:middle], rows[:middle], on_halved)
    return np.concatenate([first, halving(features, batch[middle:], rows[middle:], on_halved)])


def out_of_memory(error: BaseException) -> bool:
    """True where `error` says that memory ran out, on whichever device."""
    text = str(error).lower()
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"
        or "out of memory" in text
        or "can't allocate memory" in text
    )


def _release_cuda() -> None:
    import torch

    if torch.cuda.is_available():
        torch.cuda.empty_cache()
