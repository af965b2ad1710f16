"""The command `learn`: the learning of an embedder by itself, which several GPUs can share (several machines, where the workspace is on a disk that they share)."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any, cast

from .common import PROGRAM, add_common, add_scan_options, add_source, show, workspace_of
from .progress_line import ProgressLine


def add(commands: Any) -> None:
    """The parser of `learn`."""
    parser = commands.add_parser(
        "learn",
        help="let the embedder simclr learn from a set; a later scan with the same options uses it",
        description="On several GPUs: torchrun --nproc-per-node 4 -m core learn SOURCE [options]",
    )
    add_source(parser)
    add_scan_options(parser)
    add_common(parser)
    parser.set_defaults(command=run, embedder="simclr")


def run(chosen: argparse.Namespace) -> None:
    """Run `learn`."""
    from ..embedders import Learner, embedders_where, find_embedder
    from ..errors import UserError
    from ..files import read_json
    from ..scans import ScanOptions, folder_of, learn, open_dataset, scan_key
    from ..workspace import Progress

    options = ScanOptions.chosen(chosen)
    recipe = options.recipe()
    entry = find_embedder(recipe.embedder)
    if not entry.learns:
        raise UserError(
            f"embedder '{recipe.embedder}' does not learn from a set",
            f"--embedder {' or '.join(embedders_where(lambda entry: entry.learns))}",
            "scan with it as it is",
        )
    workspace = workspace_of(chosen)
    first = int(os.environ.get("RANK", 0)) == 0
    # under torchrun every process learns, one speaks
    progress = Progress(None, ProgressLine(sys.stderr) if first else None)
    progress.stage("read")
    dataset = open_dataset(chosen.source, allow_outside=chosen.allow_outside, workspace=workspace if first else None)
    file = folder_of(workspace, scan_key(dataset, recipe)).learning_file
    model = entry.load(options.settings())
    learn(dataset, cast(Learner, model), workspace, progress, file if first else None, together=int(os.environ.get("WORLD_SIZE", 1)) > 1)
    if first:
        found = read_json(file) or {}
        show({"key": model.key, **found} if chosen.json else _text(found, chosen.source))


def _text(found: dict[str, Any], source: str) -> str:
    if not found.get("curve"):
        return f"this set was learned from before; see it: {PROGRAM} scan {source} --embedder simclr"
    last = found["curve"][-1]
    agree = "" if last["agreement"] is None else f"; neighbours agree with the given labels on {100 * last['agreement']:.1f} %"
    notes = "".join(f"\nnote: {note}" for note in found.get("notes", []))
    return f"learned in {last['seconds']:.0f} s, {last['epoch']:g} epochs, {last['speed']:,.0f} altered images per second{agree}{notes}"
