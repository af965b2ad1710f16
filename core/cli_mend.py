"""The commands that mend a set and prove that it is mended: `cleanse` and `prove`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from core import cli
from core.errors import UserError
from core.progress_line import ProgressLine


def add_cleanse(commands: Any) -> None:
    """The parser of `cleanse`."""
    parser = commands.add_parser("cleanse", help="write the cleansed set beside its source")
    cli._add_source(parser)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="a new or empty folder outside the source")
    parser.add_argument("--auto", action="store_true", help="rows that nobody has decided follow the automatic rule")
    parser.add_argument("--link", default="copy", choices=("copy", "hard"), help="copy images or hard-link them")
    cli._add_scan_options(parser)
    cli._add_common(parser)
    parser.set_defaults(command=_cleanse)


def add_prove(commands: Any) -> None:
    """The parser of `prove`."""
    from core.prove_options import TRIGGERS, VICTIM_NAMES

    parser = commands.add_parser("prove", help="train a victim before and after cleansing: accuracy and attack success")
    cli._add_source(parser)
    parser.add_argument("--test", default=None, metavar="SOURCE2", help="images to test on, of the same classes (default: the split 'test', else a part held out)")
    parser.add_argument("--seeds", type=int, default=3, help="victims trained for each set (default 3)")
    parser.add_argument("--epochs", type=int, default=None, metavar="N", help="epochs that a victim trains (default: by the size of the set)")
    parser.add_argument("--minutes", type=float, default=None, metavar="M", help="about how long the training may take in all")
    parser.add_argument("--victim", default=None, choices=VICTIM_NAMES, help="default small; resnet18 on CUDA")
    parser.add_argument("--trigger", default="auto", metavar="auto|truth|tID", help=f"what is put on test images: {TRIGGERS}")
    parser.add_argument("--scan", default=None, metavar="KEY", help="a finished scan of SOURCE (default: the newest)")
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    cli._add_common(parser)
    parser.set_defaults(command=_prove)


def _prove(chosen: argparse.Namespace) -> None:
    from core.pipeline import newest_scan, source_of
    from core.prove import prove
    from core.prove_options import ProveOptions
    from core.prove_words import proof_line, proof_text
    from core.sources import source_identity

    workspace = cli._workspace(chosen)
    options = ProveOptions(chosen.test, chosen.seeds, chosen.epochs, chosen.minutes, chosen.victim, chosen.trigger, chosen.device, chosen.allow_outside)
    options.check()
    key = chosen.scan or newest_scan(workspace, chosen.source)
    if chosen.scan and source_of(workspace, chosen.scan).identity != source_identity(chosen.source):
        raise UserError(f"scan {chosen.scan} is of another source", "a scan of SOURCE", "leave --scan out to use the newest")
    if key is None:
        # --epochs and --minutes of a scan mean another thing than those of a victim
        plain = ["--allow-outside"] if chosen.allow_outside else []
        scan = cli._parser().parse_args(["scan", "--device", chosen.device, *plain, "--", chosen.source])
        key = cli._scan_now(scan, workspace)
    result = prove(key, options, workspace, listener=proof_line(ProgressLine(sys.stderr)))
    cli._print(result if chosen.json else proof_text(result))


def _cleanse(chosen: argparse.Namespace) -> None:
    from core.cleanse import cleanse_text, cleansing, write_cleansed
    from core.export import refuse_place
    from core.pipeline import inspection_of, lineage, source_path
    from core.reviews import Reviews, fold

    workspace = cli._workspace(chosen)
    # a place that cannot be is told before a scan of minutes, not after
    refuse_place(chosen.out, Path(chosen.source).expanduser())
    key = cli._newest(chosen, workspace)
    inspection = inspection_of(workspace, key)
    assert inspection is not None
    log = Reviews(workspace.reviews_path).log(lineage(workspace, key))
    found = cleansing(inspection, fold(log), auto=chosen.auto)
    result = write_cleansed(inspection, found, log, chosen.out, source=source_path(workspace, key), link=chosen.link)
    cli._print(result if chosen.json else cleanse_text(result))
