"""The command `prove`."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from .common import add_allow_outside, add_common, add_source, show
from .progress_line import ProgressLine


def add(commands: Any) -> None:
    """The parser of `prove`."""
    from ..proofs import TRIGGERS, VICTIM_NAMES

    parser = commands.add_parser("prove", help="train a victim before and after cleansing: accuracy and attack success")
    add_source(parser)
    add_allow_outside(parser)
    parser.add_argument(
        "--test",
        default=None,
        metavar="SOURCE2",
        help="images to test on, of the same classes (default: the split 'test', else a part held out)",
    )
    parser.add_argument("--seeds", type=int, default=3, help="victims trained for each set (default 3)")
    parser.add_argument(
        "--epochs", type=int, default=None, metavar="N", help="epochs that a victim trains (default: by the size of the set)"
    )
    parser.add_argument("--minutes", type=float, default=None, metavar="M", help="about how long the training may take in all")
    parser.add_argument("--victim", default=None, choices=VICTIM_NAMES, help="default small; resnet18 on CUDA")
    parser.add_argument("--trigger", default="auto", metavar="auto|truth|tID", help=f"what is put on test images: {TRIGGERS}")
    parser.add_argument("--scan", default=None, metavar="KEY", help="a finished scan of SOURCE (default: the newest)")
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    add_common(parser)
    parser.set_defaults(command=run)


def run(chosen: argparse.Namespace) -> None:
    """Run `prove`."""
    from dataclasses import fields

    from ..api import prove
    from ..proofs import ProveOptions, proof_line, proof_text

    line = ProgressLine(sys.stderr)
    options = {entry.name: getattr(chosen, entry.name) for entry in fields(ProveOptions)}
    result = prove(chosen.source, scan=chosen.scan, workspace=chosen.workspace, progress=proof_line(line), scanning=line, **options)
    show(result if chosen.json else proof_text(result))
