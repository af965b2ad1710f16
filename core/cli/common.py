"""What several commands share: their common options, the workspace, the scan that they are about, and how results are printed."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..workspace import Workspace, default_workspace
from .progress_line import ProgressLine

if TYPE_CHECKING:
    from ..scans import ScanOptions


def add_common(parser: argparse.ArgumentParser) -> None:
    """--workspace and --json."""
    parser.add_argument(
        "--workspace", type=Path, default=None, metavar="DIR", help="where results are kept (default: $TASTER_HOME or ./workspace)"
    )
    parser.add_argument("--json", action="store_true", help="results as JSON on stdout")


def add_source(parser: argparse.ArgumentParser) -> None:
    """SOURCE and --allow-outside."""
    parser.add_argument("source", metavar="SOURCE", help="folder, .parquet, .csv, .jsonl, .tar, .npz, CIFAR folder, or demo")
    parser.add_argument("--allow-outside", action="store_true", help="let a manifest or link reach outside its own folder")


def add_scan_options(parser: argparse.ArgumentParser) -> None:
    """What a person may choose about a scan."""
    parser.add_argument(
        "--embedder", default=None, metavar="NAME", help="default gradients, or precomputed with --embeddings; see: python -m core info"
    )
    parser.add_argument("--k", type=int, default=50, help="neighbours per image (default 50)")
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--weights", metavar="FILE", help="local weights for an embedder that has trained ones: .safetensors, or a .pth state dict"
    )
    parser.add_argument("--backbone", default="auto", help="simclr: auto, features (CPU default), small, resnet18 (GPU default), resnet50")
    parser.add_argument("--epochs", type=int, default=0, metavar="N", help="simclr: passes over the set (default: the embedder's own)")
    parser.add_argument("--minutes", type=float, default=0.0, metavar="M", help="simclr: learn for this long instead")
    parser.add_argument("--batch", type=int, default=0, metavar="N", help="simclr: images in a batch (default: the embedder's own)")
    parser.add_argument("--embeddings", metavar="FILE.npy", help="vectors for the embedder 'precomputed'")


def workspace_of(chosen: argparse.Namespace) -> Workspace:
    """The workspace that the command names."""
    return Workspace(chosen.workspace if chosen.workspace is not None else default_workspace())


def scan_now(chosen: argparse.Namespace, workspace: Workspace) -> str:
    """Scan SOURCE as the options say; key of the scan."""
    from ..scans import scan

    return scan(chosen.source, scan_options(chosen), workspace, listener=ProgressLine(sys.stderr))


def scan_options(chosen: argparse.Namespace) -> ScanOptions:
    """The options of a scan that the command line gives."""
    from ..scans import ScanOptions

    return ScanOptions(
        embedder=chosen.embedder or ("precomputed" if chosen.embeddings else "gradients"),
        k=chosen.k,
        device=chosen.device,
        seed=chosen.seed,
        weights=chosen.weights,
        embeddings=chosen.embeddings,
        allow_outside=chosen.allow_outside,
        backbone=chosen.backbone,
        epochs=chosen.epochs,
        minutes=chosen.minutes,
        batch=chosen.batch,
    )


def newest_key(chosen: argparse.Namespace, workspace: Workspace) -> str:
    """Key of the newest finished scan, made first if there is none."""
    from ..scans import newest_scan

    return newest_scan(workspace, chosen.source) or scan_now(chosen, workspace)


def show(result: Any) -> None:
    """A result on stdout: text as it is, anything else as JSON."""
    text = result if isinstance(result, str) else json.dumps(result, ensure_ascii=True, indent=2, allow_nan=False)
    sys.stdout.write(text.rstrip("\n").encode("utf-8", "backslashreplace").decode() + "\n")
