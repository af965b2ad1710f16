"""The command `export`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from .common import PROGRAM, add_common, add_scan_options, add_source, scanning, show


def add(commands: Any) -> None:
    """The parser of `export`."""
    parser = commands.add_parser("export", help="write scores, decisions or the cleansed set")
    add_source(parser)
    parser.add_argument("--to", required=True, metavar="FORMAT", help=f"see: {PROGRAM} info")
    parser.add_argument("--out", type=Path, required=True, metavar="PATH")
    parser.add_argument("--link", default="copy", choices=("copy", "hard"), help="for folder: copy images or hard-link them")
    parser.add_argument("--seq", type=int, default=None, metavar="N", help="the state after decision N (default: now)")
    add_scan_options(parser)
    add_common(parser)
    parser.set_defaults(command=run)


def run(chosen: argparse.Namespace) -> None:
    """Run `export`."""
    from ..api import export

    written = export(chosen.source, chosen.out, to=chosen.to, link=chosen.link, seq=chosen.seq, **scanning(chosen))
    show({"written": [str(path) for path in written]} if chosen.json else "\n".join(str(path) for path in written))
