"""Tensors on disk and generators by number: what lets a stopped learning go on as if it had not stopped."""

from __future__ import annotations

import os
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ...errors import TasterError, UserError


def generator_of(seed: int, stream: int, number: int) -> torch.Generator:
    """A generator of its own for each step and purpose."""
    mixed = int(np.random.SeedSequence([seed, stream, number]).generate_state(1, np.uint64)[0])
    return torch.Generator().manual_seed(mixed & (2**63 - 1))


def save_tensors(path: Path, state: dict[str, Any]) -> None:
    """Write `state` (tensors, numbers, texts) beside its place, flushed, and rename it; UserError where it cannot be."""
    content = BytesIO()
    torch.save(state, content)
    partial = path.with_name(f".taster-{os.getpid()}-{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
            file.write(content.getbuffer())
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except OSError as error:
        raise UserError(
            f"'{path}' cannot be written ({error.strerror})",
            "a disk with room that you may write to",
            "run the same command again: it goes on from the last checkpoint",
        ) from error
    finally:
        partial.unlink(missing_ok=True)


def read_tensors(path: Path) -> dict[str, Any] | None:
    """What `save_tensors` wrote, or None where it is missing or damaged; nothing in the file is run."""
    if not path.exists():
        return None
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except TasterError:
        raise  # cancelled while it was read
    except Exception:  # noqa: BLE001 - a damaged checkpoint is none: the work begins anew
        return None
    return found if isinstance(found, dict) else None
