"""The command `cleanse`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from .common import add_common, add_scan_options, add_source, scanning, show


def add(commands: Any) -> None:
    """The parser of `cleanse`."""
    parser = commands.add_parser("cleanse", help="write the cleansed set beside its source")
    add_source(parser)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="a new or empty folder outside the source")
    parser.add_argument("--auto", action="store_true", help="rows that nobody has decided follow the automatic rule")
    parser.add_argument("--link", default="copy", choices=("copy", "hard"), help="copy images or hard-link them")
    add_scan_options(parser)
    add_common(parser)
    parser.set_defaults(command=run)


def run(chosen: argparse.Namespace) -> None:
    """Run `cleanse`."""
    from ..api import cleanse
    from ..cleansing import cleanse_text

    result = cleanse(chosen.source, chosen.out, auto=chosen.auto, link=chosen.link, **scanning(chosen))
    show(result if chosen.json else cleanse_text(result))
