"""The command line: results on stdout, progress and errors on stderr.

Exit codes: 0 done, 1 internal fault, 2 something the user can mend (one line that says how).
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn

from core.errors import Cancelled, TasterError, UserError
from core.progress_line import ProgressLine
from core.store import Workspace, default_workspace

if TYPE_CHECKING:
    from core.pipeline import ScanOptions

DONE, FAULT, USER = 0, 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    signal.signal(signal.SIGTERM, _cancel)
    try:
        chosen = _parser().parse_args(arguments)
        command: Callable[[argparse.Namespace], None] = chosen.command
        command(chosen)
        sys.stdout.flush()
        return DONE
    except (Cancelled, KeyboardInterrupt):
        return _say("cancelled; what is finished is kept, the same command goes on from there", USER)
    except TasterError as error:
        return _say(str(error), USER)
    except BrokenPipeError:
        # the reader of stdout has gone; python would complain again when it closes it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except (MemoryError, OSError) as error:
        return _say(f"{type(error).__name__}: {error}", FAULT)
    except Exception as error:  # noqa: BLE001 - the last resort: whatever it was, the user gets one line
        if os.environ.get("TASTER_DEBUG"):
            traceback.print_exc()
        return _say(f"internal fault: {type(error).__name__}: {error} – set TASTER_DEBUG=1 for the traceback", FAULT)


def _say(text: str, code: int) -> int:
    sys.stderr.write(f"\rtaster: {' '.join(text.split())}\n")
    return code


def _cancel(number: int, frame: FrameType | None) -> NoReturn:
    raise Cancelled


class _Parser(argparse.ArgumentParser):
    """Errors as one line: what is wrong – the way out."""

    def error(self, message: str) -> NoReturn:
        raise UserError(message, f"see: python -m {self.prog} --help")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="core", description="Find, see and mend poisoned images in a training set.")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    from core.cli_learn import add_learn
    from core.cli_mend import add_cleanse, add_prove

    for add in (_add_scan, add_learn, _add_poison, _add_evaluate, add_cleanse, add_prove, _add_export):
        add(commands)
    info = commands.add_parser("info", help="versions, devices, embedders, scores, attacks, workspaces")
    _add_common(info)
    info.set_defaults(command=_info)
    return parser


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--workspace", type=Path, default=None, metavar="DIR", help="where results are kept (default: $TASTER_HOME or ./workspace)")
    parser.add_argument("--json", action="store_true", help="results as JSON on stdout")


def _add_source(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", metavar="SOURCE", help="folder, .parquet, .csv, .jsonl, .tar, .npz, CIFAR folder, or demo")
    parser.add_argument("--allow-outside", action="store_true", help="let a manifest or link reach outside its own folder")


def _add_scan_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--embedder", default=None, metavar="NAME", help="default gradients, or precomputed with --embeddings; see: python -m core info")
    parser.add_argument("--k", type=int, default=50, help="neighbours per image (default 50)")
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--weights", metavar="FILE", help="local weights for an embedder that has trained ones: .safetensors, or a .pth state dict")
    parser.add_argument("--backbone", default="auto", help="simclr: auto, features (CPU default), small, resnet18 (GPU default), resnet50")
    parser.add_argument("--epochs", type=int, default=0, metavar="N", help="simclr: passes over the set (default: the embedder's own)")
    parser.add_argument("--minutes", type=float, default=0.0, metavar="M", help="simclr: learn for this long instead")
    parser.add_argument("--batch", type=int, default=0, metavar="N", help="simclr: images in a batch (default: the embedder's own)")
    parser.add_argument("--embeddings", metavar="FILE.npy", help="vectors for the embedder 'precomputed'")


def _add_scan(commands: Any) -> None:
    parser = commands.add_parser("scan", help="embed, score and map a labelled image set")
    _add_source(parser)
    _add_scan_options(parser)
    _add_common(parser)
    parser.set_defaults(command=_scan)


def _add_poison(commands: Any) -> None:
    parser = commands.add_parser("poison", help="make a poisoned copy of a set, with its truth")
    _add_source(parser)
    parser.add_argument("--attack", required=True, metavar="NAME", help="see: python -m core info")
    parser.add_argument("--rate", type=float, default=0.01, help="share of the whole set that is changed (default 0.01)")
    parser.add_argument("--target", default=None, metavar="CLASS", help="class name or number (default: the first)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--labels", type=Path, metavar="FILE", help="labels for the attack label_file (.csv, .parquet, .npy)")
    parser.add_argument("--labels-column", metavar="NAME", help="the column of --labels to take")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a parameter of the attack")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    _add_common(parser)
    parser.set_defaults(command=_poison)


def _add_evaluate(commands: Any) -> None:
    parser = commands.add_parser("evaluate", help="compare the newest scan's scores with the truth")
    _add_source(parser)
    parser.add_argument("--truth", type=Path, metavar="FILE", help="id, is_poisoned, original_label (default: the source's own)")
    _add_scan_options(parser)
    _add_common(parser)
    parser.set_defaults(command=_evaluate)


def _add_export(commands: Any) -> None:
    parser = commands.add_parser("export", help="write scores, decisions or the cleansed set")
    _add_source(parser)
    parser.add_argument("--to", required=True, metavar="FORMAT", help="csv, parquet, folder, manifest-csv, manifest-parquet, decisions, cleanlab, fiftyone, report")
    parser.add_argument("--out", type=Path, required=True, metavar="PATH")
    parser.add_argument("--link", default="copy", choices=("copy", "hard"), help="for folder: copy images or hard-link them")
    parser.add_argument("--seq", type=int, default=None, metavar="N", help="the state after decision N (default: now)")
    _add_scan_options(parser)
    _add_common(parser)
    parser.set_defaults(command=_export)


# ---- the commands ----------------------------------------------------------------------------------


def _workspace(chosen: argparse.Namespace) -> Workspace:
    return Workspace(chosen.workspace if chosen.workspace is not None else default_workspace())


def _scan_now(chosen: argparse.Namespace, workspace: Workspace) -> str:
    from core.pipeline import scan

    return scan(chosen.source, _scan_options(chosen), workspace, listener=ProgressLine(sys.stderr))


def _scan_options(chosen: argparse.Namespace) -> ScanOptions:
    from core.pipeline import ScanOptions

    return ScanOptions(
        embedder=chosen.embedder or ("precomputed" if chosen.embeddings else "gradients"),
        k=chosen.k,
        device=chosen.device,
        seed=chosen.seed,
        weights=chosen.weights,
        embeddings=chosen.embeddings,
        allow_outside=chosen.allow_outside,
        backbone=chosen.backbone,
        epochs=chosen.epochs,
        minutes=chosen.minutes,
        batch=chosen.batch,
    )


def _scan(chosen: argparse.Namespace) -> None:
    from core.summary import summary, summary_text

    workspace = _workspace(chosen)
    found = summary(workspace, _scan_now(chosen, workspace))
    _print(found if chosen.json else summary_text(found, chosen.source))


def _newest(chosen: argparse.Namespace, workspace: Workspace) -> str:
    """Key of the newest finished scan, made first if there is none."""
    from core.pipeline import newest_scan

    return newest_scan(workspace, chosen.source) or _scan_now(chosen, workspace)


def _poison(chosen: argparse.Namespace) -> None:
    from core.attacks import apply_attack, changed_by, find_attack, settings_for, write_poisoned
    from core.pipeline import open_dataset
    from core.sources import source_identity

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
        **given,
    )
    recipe = {"attack": attack.name, "rate": chosen.rate, "target": chosen.target, "seed": chosen.seed, "settings": settings, "source_digest": dataset.digest}
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
    changed, others = int(mine.sum()), 0 if earlier is None else int(earlier.sum())
    result = {"out": str(out), "images": len(poisoned), "changed": changed, **({"poisoned_earlier": others} if others else {}), "truth": str(out / "truth.parquet")}
    before = f" (and {others:,} that were poisoned before)" if others else ""
    _print(result if chosen.json else f"{changed:,} of {len(poisoned):,} images changed by {attack.name}{before}; set and truth.parquet are in {out}")


def _setting(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not separator or not name:
        raise UserError(f"--set {text} cannot be read", "--set NAME=VALUE")
    return name, value


def _evaluate(chosen: argparse.Namespace) -> None:
    from core.evaluate import evaluate, read_truth, to_table
    from core.inspections import truth_of
    from core.pipeline import inspection_of, open_dataset

    workspace = _workspace(chosen)
    inspection = inspection_of(workspace, _newest(chosen, workspace))
    assert inspection is not None and inspection.suspicion is not None
    if chosen.truth is not None:
        truth = read_truth(chosen.truth, inspection.dataset)
    else:
        source = open_dataset(chosen.source, allow_outside=chosen.allow_outside, workspace=workspace)
        known = truth_of(inspection.dataset, source)
        if known is None:
            raise UserError("the truth of this source is not known", "a table with id, is_poisoned, original_label", "give it with --truth FILE")
        truth = known
    scores = {"suspicion": inspection.suspicion, **inspection.scores}
    result = evaluate(truth, inspection.dataset.labels, scores, inspection.is_suspicious, inspection.suggestions)
    _print(result if chosen.json else to_table(result))


def _export(chosen: argparse.Namespace) -> None:
    from core.export import export
    from core.pipeline import inspection_of, lineage, source_path
    from core.reviews import Reviews, fold

    workspace = _workspace(chosen)
    key = _newest(chosen, workspace)
    inspection = inspection_of(workspace, key)
    assert inspection is not None
    reviews, digests = Reviews(workspace.reviews_path), lineage(workspace, key)
    newest = reviews.head(digests)
    if chosen.seq is not None and not 0 <= chosen.seq <= newest:
        raise UserError(f"--seq {chosen.seq}: there is no such decision on this set", f"0 (none) to {newest} (the newest)", "leave it out for the state of now")
    log = reviews.log(digests, upto=chosen.seq)
    written = export(
        inspection, fold(log), log, to=chosen.to, out=chosen.out, source=source_path(workspace, key), link=chosen.link, seq=chosen.seq
    )
    _print({"written": [str(path) for path in written]} if chosen.json else "\n".join(str(path) for path in written))


def _info(chosen: argparse.Namespace) -> None:
    from core.summary import info, info_text

    found = info(chosen.workspace if chosen.workspace is not None else default_workspace())
    _print(found if chosen.json else info_text(found))


def _print(result: Any) -> None:
    text = result if isinstance(result, str) else json.dumps(result, ensure_ascii=True, indent=2, allow_nan=False)
    sys.stdout.write(text.rstrip("\n").encode("utf-8", "backslashreplace").decode() + "\n")
