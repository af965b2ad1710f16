"""The command `cleanse`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from .common import add_common, add_scan_options, add_source, newest_key, show, workspace_of


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
    from ..cleansing import cleanse_text, cleansing, write_cleansed
    from ..exports import refuse_place
    from ..reviews import Reviews, fold
    from ..scans import inspection_of, lineage, source_path

    workspace = workspace_of(chosen)
    # a place that cannot be is told before a scan of minutes, not after
    refuse_place(chosen.out, Path(chosen.source).expanduser())
    key = newest_key(chosen, workspace)
    inspection = inspection_of(workspace, key)
    assert inspection is not None
    log = Reviews(workspace.reviews_path).log(lineage(workspace, key))
    found = cleansing(inspection, fold(log), auto=chosen.auto)
    result = write_cleansed(inspection, found, log, chosen.out, source=source_path(workspace, key), link=chosen.link)
    show(result if chosen.json else cleanse_text(result))
