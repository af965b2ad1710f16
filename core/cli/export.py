"""The command `export`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ..errors import UserError
from .common import add_common, add_scan_options, add_source, newest_key, show, workspace_of


def add(commands: Any) -> None:
    """The parser of `export`."""
    parser = commands.add_parser("export", help="write scores, decisions or the cleansed set")
    add_source(parser)
    parser.add_argument(
        "--to",
        required=True,
        metavar="FORMAT",
        help="csv, parquet, folder, manifest-csv, manifest-parquet, decisions, cleanlab, fiftyone, report",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="PATH")
    parser.add_argument("--link", default="copy", choices=("copy", "hard"), help="for folder: copy images or hard-link them")
    parser.add_argument("--seq", type=int, default=None, metavar="N", help="the state after decision N (default: now)")
    add_scan_options(parser)
    add_common(parser)
    parser.set_defaults(command=run)


def run(chosen: argparse.Namespace) -> None:
    """Run `export`."""
    from ..exports import export
    from ..reviews import Reviews, fold
    from ..scans import inspection_of, lineage, source_path

    workspace = workspace_of(chosen)
    key = newest_key(chosen, workspace)
    inspection = inspection_of(workspace, key)
    assert inspection is not None
    reviews, digests = Reviews(workspace.reviews_path), lineage(workspace, key)
    newest = reviews.head(digests)
    if chosen.seq is not None and not 0 <= chosen.seq <= newest:
        raise UserError(
            f"--seq {chosen.seq}: there is no such decision on this set",
            f"0 (none) to {newest} (the newest)",
            "leave it out for the state of now",
        )
    log = reviews.log(digests, upto=chosen.seq)
    written = export(
        inspection, fold(log), log, to=chosen.to, out=chosen.out, source=source_path(workspace, key), link=chosen.link, seq=chosen.seq
    )
    show({"written": [str(path) for path in written]} if chosen.json else "\n".join(str(path) for path in written))
