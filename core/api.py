"""Taster as a library: what the commands of the same names do, with values instead of text.

    import taster
    found = taster.scan("/data/my_images")            # an Inspection: scores, verdicts, findings, suggestions, map
    print(found.is_suspicious.sum(), [f.kind for f in found.findings])
    taster.cleanse("/data/my_images", "/data/cleansed")

Every function takes `workspace` (default: $TASTER_HOME or ./workspace), and raises UserError, whose text is one line, for what
the caller can fix. `progress` is called with a State while the work goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .workspace import State, Workspace, default_workspace

if TYPE_CHECKING:
    from .attacks import ATTACKS
    from .embedders import EMBEDDERS
    from .exports import EXPORTS
    from .scores import SCORES
    from .sources import SOURCES
    from .types import Dataset, Inspection, Truth

Progress = Callable[[State], None]
_REGISTRIES = {"ATTACKS": "attacks", "EMBEDDERS": "embedders", "EXPORTS": "exports", "SCORES": "scores", "SOURCES": "sources"}

__all__ = [
    "ATTACKS",
    "EMBEDDERS",
    "EXPORTS",
    "SCORES",
    "SOURCES",
    "cleanse",
    "evaluate",
    "export",
    "load",
    "open_dataset",
    "prove",
    "scan",
    "sensitivity",
]


def __getattr__(name: str) -> Any:
    if name not in _REGISTRIES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f".{_REGISTRIES[name]}", __package__), name)


def open_dataset(source: str | Path, *, allow_outside: bool = False) -> Dataset:
    """The labelled images that `source` names (see the README's table), read as they are needed; "demo" is the built-in set."""
    from .scans import open_dataset as opened

    return opened(str(source), allow_outside=allow_outside)


def scan(source: str | Path, *, workspace: str | Path | None = None, progress: Progress | None = None, **options: Any) -> Inspection:
    """Embed, score, search and map `source`; what the workspace holds already is not computed again.

    options: fields of ScanOptions, such as embedder="simclr", k=50, device="auto", seed=0.
    """
    from .scans import ScanOptions
    from .scans import scan as scanned

    home = _home(workspace)
    return _inspection(home, scanned(str(source), ScanOptions(**options), home, listener=progress))


def load(source: str | Path, *, workspace: str | Path | None = None) -> Inspection | None:
    """The newest finished scan of `source` in the workspace; None where there is none."""
    from .scans import usable_scan

    home = _home(workspace)
    key = usable_scan(home, str(source))
    return None if key is None else _inspection(home, key)


def evaluate(
    source: str | Path,
    *,
    truth: str | Path | None = None,
    workspace: str | Path | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> dict[str, object]:
    """The newest scan (made first where there is none) against the truth: AUROC, average precision, TPR at fixed FPR, suggestion accuracy.

    truth: a table with id, is_poisoned, original_label; default: the source's own.
    """
    from .evaluation import evaluate as measured

    home = _home(workspace)
    found = _inspection(home, _newest(home, source, progress, options))
    assert found.suspicion is not None
    known = _truth(found, source, truth, home, bool(options.get("allow_outside")))
    return measured(known, found.dataset.labels, {"suspicion": found.suspicion, **found.scores}, found.is_suspicious, found.suggestions)


def export(
    source: str | Path,
    out: str | Path,
    *,
    to: str,
    link: str = "copy",
    seq: int | None = None,
    workspace: str | Path | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> list[Path]:
    """Write the newest scan (made first where there is none) as the format `to` (a name in EXPORTS); the paths written, the main one first.

    seq: the state of the decisions after that line of the log (default: now).  link: "hard" links images instead of copying them.
    """
    from .errors import UserError
    from .exports import export as written
    from .files import checked_place
    from .reviews import Reviews, review_state
    from .scans import lineage, source_path

    home = _home(workspace)
    # a place that cannot be is told before a scan of minutes, not after
    checked_place(Path(out), Path(source).expanduser())
    key = _newest(home, source, progress, options)
    reviews, digests = Reviews(home.reviews_path), lineage(home, key)
    newest = reviews.head(digests)
    if seq is not None and not 0 <= seq <= newest:
        raise UserError(
            f"--seq {seq}: there is no such decision on this set", f"0 (none) to {newest} (the newest)", "leave it out for the state of now"
        )
    found = _inspection(home, key)
    state = review_state(found.dataset, reviews.log(digests, upto=seq), upto=seq)
    return written(found, state, to=to, out=Path(out), source=source_path(home, key), link=link)


def cleanse(
    source: str | Path,
    out: str | Path,
    *,
    auto: bool = True,
    link: str = "copy",
    workspace: str | Path | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> dict[str, Any]:
    """Write the cleansed set beside its source: what people decided, and where `auto`, what the rule makes of the rest. Counts, and where it is."""
    from .cleansing import cleansing, write_cleansed
    from .files import free_folder
    from .reviews import Reviews, review_state
    from .scans import lineage, source_path

    home = _home(workspace)
    # a place that cannot be is told before a scan of minutes, not after
    free_folder(Path(out), Path(source).expanduser())
    key = _newest(home, source, progress, options)
    found = _inspection(home, key)
    people = review_state(found.dataset, Reviews(home.reviews_path).log(lineage(home, key)))
    return write_cleansed(cleansing(found, people, auto=auto), Path(out), source=source_path(home, key), link=link)


def prove(
    source: str | Path,
    *,
    scan: str | None = None,
    workspace: str | Path | None = None,
    progress: Progress | None = None,
    scanning: Progress | None = None,
    **options: Any,
) -> dict[str, Any]:
    """Train the same network on the set as given, cleansed, as people decided, and without what the truth calls wrong.

    scan: key of a finished scan of `source` (default: the newest, made first where there is none).  scanning: told of that scan.
    options: fields of ProveOptions, such as seeds=3, epochs=None, minutes=None, test=None, trigger="auto", device="auto".
    Returns accuracy and attack success of each, with 95 % intervals over the seeds.
    """
    from .proofs import ProveOptions
    from .proofs import prove as proven

    chosen, home = ProveOptions(**options), _home(workspace)
    chosen.check()
    _check_scan(home, scan, source)
    # --epochs and --minutes of a scan mean another thing than those of a victim
    plain = {"device": chosen.device, "allow_outside": chosen.allow_outside}
    return proven(scan or _newest(home, source, scanning, plain), chosen, home, listener=progress)


def sensitivity(
    source: str | Path,
    *,
    scan: str | None = None,
    workspace: str | Path | None = None,
    progress: Progress | None = None,
    device: str = "auto",
    allow_outside: bool = False,
) -> dict[str, Any]:
    """Plant known patterns into copies of the set in memory and search them as a scan does: how few images of each kind are found?

    scan: key of a finished scan of `source` (default: the newest, made first where there is none).
    """
    from .sensitivity import measure

    home = _home(workspace)
    _check_scan(home, scan, source)
    plain = {"device": device, "allow_outside": allow_outside}
    return measure(home, scan or _newest(home, source, progress, plain), device=device, listener=progress)


# ---- what several of them need


def _check_scan(home: Workspace, scan: str | None, source: str | Path) -> None:
    """Raises UserError where `scan` is given and is of another source."""
    from .errors import UserError
    from .scans import source_of
    from .sources import source_identity

    if scan and source_of(home, scan).identity != source_identity(str(source)):
        raise UserError(f"scan {scan} is of another source", "a scan of SOURCE", "leave --scan out to use the newest")


def _home(workspace: str | Path | None) -> Workspace:
    return Workspace(default_workspace() if workspace is None else Path(workspace))


def _newest(home: Workspace, source: str | Path, progress: Progress | None, options: dict[str, Any]) -> str:
    """Key of the newest finished scan, made first where there is none."""
    from .scans import ScanOptions, scan, usable_scan

    found = usable_scan(home, str(source), listener=progress)
    return found or scan(str(source), ScanOptions(**options), home, listener=progress)


def _inspection(home: Workspace, key: str) -> Inspection:
    from .scans import inspection_of

    found = inspection_of(home, key)
    assert found is not None, "a scan that has just been finished"
    return found


def _truth(found: Inspection, source: str | Path, table: str | Path | None, home: Workspace, allow_outside: bool) -> Truth:
    from .errors import UserError
    from .scans import open_dataset as opened
    from .scans import truth_of
    from .sources import read_truth

    if table is not None:
        return read_truth(Path(table), found.dataset)
    known = truth_of(found.dataset, opened(str(source), allow_outside=allow_outside, workspace=home))
    if known is None:
        raise UserError(
            "the truth of this source is not known", "a table with id, is_poisoned, original_label", "give it with --truth FILE"
        )
    return known
