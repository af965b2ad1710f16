"""The command `evaluate`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from .common import add_common, add_scan_options, add_source, scanning, show


def add(commands: Any) -> None:
    """The parser of `evaluate`."""
    parser = commands.add_parser("evaluate", help="compare the newest scan's scores with the truth")
    add_source(parser)
    parser.add_argument("--truth", type=Path, metavar="FILE", help="id, is_poisoned, original_label (default: the source's own)")
    add_scan_options(parser)
    add_common(parser)
    parser.set_defaults(command=run)


def run(chosen: argparse.Namespace) -> None:
    """Run `evaluate`."""
    from ..api import evaluate
    from ..evaluation import to_table

    result = evaluate(chosen.source, truth=chosen.truth, **scanning(chosen))
    show(result if chosen.json else to_table(result))
