"""The command `prove`."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from ..errors import UserError
from .common import add_allow_outside, add_common, add_source, show, workspace_of
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
    from ..proofs import ProveOptions, proof_line, proof_text, prove
    from ..scans import ScanOptions, scan, source_of, usable_scan
    from ..sources import source_identity

    workspace = workspace_of(chosen)
    options = ProveOptions(
        chosen.test, chosen.seeds, chosen.epochs, chosen.minutes, chosen.victim, chosen.trigger, chosen.device, chosen.allow_outside
    )
    options.check()
    key = chosen.scan or usable_scan(workspace, chosen.source, listener=ProgressLine(sys.stderr))
    if chosen.scan and source_of(workspace, chosen.scan).identity != source_identity(chosen.source):
        raise UserError(f"scan {chosen.scan} is of another source", "a scan of SOURCE", "leave --scan out to use the newest")
    if key is None:
        # --epochs and --minutes of a scan mean another thing than those of a victim
        plain = ScanOptions(device=chosen.device, allow_outside=chosen.allow_outside)
        key = scan(chosen.source, plain, workspace, listener=ProgressLine(sys.stderr))
    result = prove(key, options, workspace, listener=proof_line(ProgressLine(sys.stderr)))
    show(result if chosen.json else proof_text(result))
