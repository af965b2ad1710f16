"""Weights as plain tensors: from a file of the user, or fetched once. Nothing in a weights file ever runs."""

from __future__ import annotations

import hashlib
import os
import warnings
from http.client import HTTPException
from pathlib import Path
from typing import Any

import torch

from ...errors import UserError
from ...files import check_regular, open_regular

BLOCK = 1 << 22
MOST_WEIGHT_BYTES, MOST_SHOWN = 16 << 30, 200
NETWORK_FAULTS = (OSError, RuntimeError, HTTPException)


def read_tensors(file: str | Path, wanted: str, prefixes: tuple[str, ...] = ("",)) -> dict[str, torch.Tensor]:
    """Name -> tensor on the CPU, from a .safetensors file or one that torch.save wrote with tensors alone.

    wanted: what the file should hold, for messages.  prefixes: of a .safetensors file, only names that begin so are read.
    Raises UserError where the file is not there, is damaged, holds no tensors, or holds anything that would have to run.
    """
    path = Path(file)
    if not os.path.isfile(file):
        raise UserError(
            f"weights file '{str(file)[:MOST_SHOWN]}' does not exist, or is no regular file", f"--weights takes a file with {wanted}"
        )
    check_regular(path, "--weights", most=MOST_WEIGHT_BYTES)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # a weights file is foreign: .safetensors holds no code, and weights_only refuses pickles that do
            state = _safe(path, prefixes) if _is_safetensors(path) else torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise UserError(
            f"weights file '{path.name}' cannot be read as plain tensors ({type(error).__name__})",
            f"{wanted}, as .safetensors or saved with torch.save(model.state_dict())",
        ) from error
    return _state_dict(state)


def _is_safetensors(path: Path) -> bool:
    """By its first bytes too: a length of eight bytes, then the opening brace of a JSON header."""
    with path.open("rb") as opened:
        head = opened.read(9)
    return path.suffix == ".safetensors" or (head[8:] == b"{" and not head.startswith((b"PK", b"\x80")))


def _safe(path: Path, prefixes: tuple[str, ...]) -> dict[str, torch.Tensor]:
    from safetensors import safe_open

    with safe_open(path, framework="pt", device="cpu") as opened:
        return {name: opened.get_tensor(name) for name in opened.keys() if name.startswith(prefixes)}  # noqa: SIM118


def _state_dict(state: Any) -> dict[str, torch.Tensor]:
    if isinstance(state, dict) and isinstance(state.get("state_dict"), dict):
        state = state["state_dict"]
    if not isinstance(state, dict) or not all(isinstance(v, torch.Tensor) for v in state.values()):
        raise UserError("the weights file holds no state dict", "a dict of tensors, as torch.save(model.state_dict()) writes")
    return {str(key).removeprefix("module."): value for key, value in state.items()}


def identity(file: str | Path) -> str:
    """What names a weights file by its content, never by its name."""
    return "file-" + _hexdigest(Path(file), hashlib.blake2b(digest_size=8))


def fetched(url: str, name: str, sha256: str, embedder: str) -> Path:
    """Path of the published file in torch.hub's cache, downloaded at first use.

    sha256: of the whole file, checked on every call.
    Raises UserError without a network, and where the bytes are not the published ones.
    """
    path = Path(torch.hub.get_dir()) / "checkpoints" / name
    if not path.is_file():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            torch.hub.download_url_to_file(url, str(path), hash_prefix=sha256)
        except NETWORK_FAULTS as error:
            raise not_downloaded(embedder, error) from error
    elif _hexdigest(path, hashlib.sha256()) != sha256:
        raise UserError(
            f"the stored weights '{path}' are not the published ones (SHA-256 differs)",
            f"the file that {embedder}'s authors published",
            "delete it to fetch it again; weights of your own go to --weights FILE",
        )
    return path


def not_downloaded(embedder: str, error: BaseException) -> UserError:
    """The one line for a download that failed, with both ways out."""
    return UserError(
        f"the weights of {embedder} could not be downloaded ({type(error).__name__})",
        "they are fetched once at first use, then kept",
        f"without a network use --embedder gradients, or --weights FILE with {embedder}'s weights from another machine",
    )


def _hexdigest(path: Path, digest: Any) -> str:
    with open_regular(path, "the weights", most=MOST_WEIGHT_BYTES) as opened:
        while block := opened.read(BLOCK):
            digest.update(block)
    return str(digest.hexdigest())


def misfit(origin: str, tensors: list[str], allowed: str) -> UserError:
    """The one line for weights some of whose tensors are missing or of another shape."""
    many = f"{len(tensors)} tensors are" if len(tensors) > 1 else "1 tensor is"
    return UserError(f"the weights in '{Path(origin).name}' do not fit: {many} missing or of another shape, first '{tensors[0]}'", allowed)
