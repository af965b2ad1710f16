"""The command `poison`."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from ..errors import UserError
from .common import PROGRAM, add_allow_outside, add_common, add_source, show
from .progress_line import ProgressLine


def add(commands: Any) -> None:
    """The parser of `poison`."""
    parser = commands.add_parser("poison", help="make a poisoned copy of a set, with its truth")
    add_source(parser)
    add_allow_outside(parser)
    parser.add_argument("--attack", required=True, metavar="NAME", help=f"see: {PROGRAM} info")
    parser.add_argument("--rate", type=float, default=0.01, help="share of the whole set that is changed (default 0.01)")
    parser.add_argument("--target", default=None, metavar="CLASS", help="class name or number (default: the first)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--labels", type=Path, metavar="FILE", help="labels for the attack label_file (.csv, .parquet, .npy)")
    parser.add_argument("--labels-column", metavar="NAME", help="the column of --labels to take")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a parameter of the attack")
    parser.add_argument(
        "--encode",
        default="source",
        metavar="{source,lossless}",
        help=f"how triggered images are stored: source (default), as their originals are, or lossless, as PNG; see: {PROGRAM} info",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    add_common(parser)
    parser.set_defaults(command=run)


def run(chosen: argparse.Namespace) -> None:
    """Run `poison`."""
    from ..attacks import apply_attack, changed_by, find_attack, settings_for, write_poisoned
    from ..scans import open_dataset
    from ..sources import source_identity

    given: dict[str, Any] = dict(_setting(text) for text in chosen.set)
    attack = find_attack(chosen.attack)
    settings = settings_for(attack, given)
    dataset = open_dataset(chosen.source, allow_outside=chosen.allow_outside)
    poisoned = apply_attack(
        dataset,
        attack.name,
        rate=chosen.rate,
        target=chosen.target,
        seed=chosen.seed,
        labels_file=chosen.labels,
        labels_column=chosen.labels_column,
        encode=chosen.encode,
        **given,
    )
    recipe = {
        "attack": attack.name,
        "rate": chosen.rate,
        "target": chosen.target,
        "seed": chosen.seed,
        "encode": chosen.encode,
        "settings": settings,
        "source_digest": dataset.digest,
    }
    identity = source_identity(chosen.source)
    mine = changed_by(dataset, poisoned)
    earlier = poisoned.truth.is_poisoned & ~mine if poisoned.truth is not None else None
    out = write_poisoned(
        poisoned,
        chosen.out,
        recipe=recipe,
        source=None if identity == "demo" else Path(identity),
        earlier=earlier,
        progress=ProgressLine(sys.stderr).counter("writing"),
    )
    formats = json.loads((out / "recipe.json").read_text(encoding="ascii"))["formats"]
    changed, others = int(mine.sum()), 0 if earlier is None else int(earlier.sum())
    result = {
        "out": str(out),
        "images": len(poisoned),
        "changed": changed,
        **({"poisoned_earlier": others} if others else {}),
        "truth": str(out / "truth.parquet"),
        "encode": chosen.encode,
        "formats": formats,
    }
    before = f" (and {others:,} that were poisoned before)" if others else ""
    show(
        result
        if chosen.json
        else f"{changed:,} of {len(poisoned):,} images changed by {attack.name}{before}; set and truth.parquet are in {out}\n"
        f"stored as: poisoned images {_counted(formats['poisoned'])}, others {_counted(formats['others'])}"
    )


def _counted(suffixes: dict[str, int]) -> str:
    return " and ".join(f"{count:,} {suffix}" for suffix, count in suffixes.items()) or "none"


def _setting(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not separator or not name:
        raise UserError(f"--set {text} cannot be read", "--set NAME=VALUE")
    return name, value
