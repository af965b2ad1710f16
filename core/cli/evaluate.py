"""The command `evaluate`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ..errors import UserError
from .common import add_common, add_scan_options, add_source, newest_key, show, workspace_of


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
    from ..evaluation import evaluate, read_truth, to_table
    from ..scans import inspection_of, open_dataset, truth_of

    workspace = workspace_of(chosen)
    inspection = inspection_of(workspace, newest_key(chosen, workspace))
    assert inspection is not None and inspection.suspicion is not None
    if chosen.truth is not None:
        truth = read_truth(chosen.truth, inspection.dataset)
    else:
        source = open_dataset(chosen.source, allow_outside=chosen.allow_outside, workspace=workspace)
        known = truth_of(inspection.dataset, source)
        if known is None:
            raise UserError(
                "the truth of this source is not known", "a table with id, is_poisoned, original_label", "give it with --truth FILE"
            )
        truth = known
    scores = {"suspicion": inspection.suspicion, **inspection.scores}
    result = evaluate(truth, inspection.dataset.labels, scores, inspection.is_suspicious, inspection.suggestions)
    show(result if chosen.json else to_table(result))
