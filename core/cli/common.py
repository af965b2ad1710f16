"""What several commands share: their common options, the workspace, the scan that they are about, and how results are printed."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from ..workspace import Workspace, default_workspace
from .progress_line import ProgressLine

# how a person starts this very program
PROGRAM = "taster" if __name__.split(".")[0] == "taster" else "python -m core"


def add_common(parser: argparse.ArgumentParser) -> None:
    """--workspace and --json."""
    parser.add_argument(
        "--workspace", type=Path, default=None, metavar="DIR", help="where results are kept (default: $TASTER_HOME or ./workspace)"
    )
    parser.add_argument("--json", action="store_true", help="results as JSON on stdout")


def add_source(parser: argparse.ArgumentParser) -> None:
    """SOURCE."""
    from ..sources import told_by

    parser.add_argument("source", metavar="SOURCE", help=told_by())


def add_allow_outside(parser: argparse.ArgumentParser) -> None:
    """--allow-outside, for commands that take no other option of a scan."""
    parser.add_argument("--allow-outside", action="store_true", help="let a manifest or link reach outside its own folder")


def add_scan_options(parser: argparse.ArgumentParser) -> None:
    """What a person may choose about a scan."""
    from ..scans import ScanOptions

    ScanOptions.add_to(parser)


def workspace_of(chosen: argparse.Namespace) -> Workspace:
    """The workspace that the command names."""
    return Workspace(chosen.workspace if chosen.workspace is not None else default_workspace())


def scanning(chosen: argparse.Namespace) -> dict[str, Any]:
    """The keyword arguments by which a function of the library finds the newest scan, or makes one as the options say."""
    from ..scans import ScanOptions

    return {"workspace": chosen.workspace, "progress": ProgressLine(sys.stderr), **vars(ScanOptions.chosen(chosen))}


def show(result: Any) -> None:
    """A result on stdout: text as it is, anything else as JSON."""
    text = result if isinstance(result, str) else json.dumps(result, ensure_ascii=True, indent=2, allow_nan=False)
    sys.stdout.write(text.rstrip("\n").encode("utf-8", "backslashreplace").decode() + "\n")
