"""The command `scan`."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from .common import add_common, add_scan_options, add_source, show, workspace_of
from .progress_line import ProgressLine


def add(commands: Any) -> None:
    """The parser of `scan`."""
    parser = commands.add_parser("scan", help="embed, score and map a labelled image set")
    add_source(parser)
    add_scan_options(parser)
    add_common(parser)
    parser.set_defaults(command=run)


def run(chosen: argparse.Namespace) -> None:
    """Run `scan`."""
    from ..scans import ScanOptions, scan, summary, summary_text

    workspace = workspace_of(chosen)
    found = summary(workspace, scan(chosen.source, ScanOptions.chosen(chosen), workspace, listener=ProgressLine(sys.stderr)))
    show(found if chosen.json else summary_text(found, chosen.source))
