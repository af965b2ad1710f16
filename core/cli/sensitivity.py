"""The command `sensitivity`."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from .common import add_allow_outside, add_common, add_source, show
from .progress_line import ProgressLine


def add(commands: Any) -> None:
    """The parser of `sensitivity`."""
    parser = commands.add_parser("sensitivity", help="plant known patterns in memory: how few images of each kind does the search find?")
    add_source(parser)
    add_allow_outside(parser)
    parser.add_argument("--scan", default=None, metavar="KEY", help="a finished scan of SOURCE (default: the newest)")
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    add_common(parser)
    parser.set_defaults(command=run)


def run(chosen: argparse.Namespace) -> None:
    """Run `sensitivity`."""
    from ..api import sensitivity
    from ..sensitivity import sensitivity_text

    found = sensitivity(
        chosen.source,
        scan=chosen.scan,
        workspace=chosen.workspace,
        progress=ProgressLine(sys.stderr),
        device=chosen.device,
        allow_outside=chosen.allow_outside,
    )
    show(found if chosen.json else sensitivity_text(found))
