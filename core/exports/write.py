"""Everything that Taster writes for others: tables, manifests, the cleansed folder, the report.

Nothing is written into the source and nothing is overwritten. A result is made in a folder named ``.taster-…`` beside
its place and renamed when it is complete, so an interrupted export leaves nothing under the final name.

CSV: ids, file names and labels stand exactly as they are, because programs read them back; in the columns `note` and
`reviewer` a text that a spreadsheet would run as a formula (it begins with = + - @, tab or a line break) gets a
single quote before it. Parquet holds every text as it is.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from ..errors import UserError
from ..types import Decision, Inspection
from .images import linked, needed_files, raw_image, source_files
from .names import has_image_name, image_paths
from .peers import cleanlab_table, fiftyone_document
from .tables import CleansedPlan, cleansed_plan, decisions_table, manifest_table, scores_table, sidecar

__all__ = ["EXPORTS", "LINKS", "CleansedPlan", "Export", "cleansed_plan", "export", "scores_table", "sidecar"]

TEMPORARY_PREFIX = ".taster-"
LINKS = ("copy", "hard")
FORMULA_COLUMNS = ("note", "reviewer")
FOLDER_RECORDS = ("manifest.csv", "decisions.csv", "scores.parquet", "scores.parquet.json")


@dataclass(frozen=True, eq=False)
class Job:
    """One export: what is known and decided (up to line `seq`), where it goes, and where the images come from."""

    inspection: Inspection
    state: Mapping[str, Decision]
    log: Sequence[Decision]
    seq: int
    place: Path
    source: Path | None
    link: str
    records: Mapping[str, bytes]


@dataclass(frozen=True)
class Export:
    """A format: what it is, the name of its file, the suffixes that name the file itself, and its writer.

    write: (job, path of the file, or of the folder where there are no suffixes) -> paths written, the main one first.
    """

    summary: str
    file_name: str
    suffixes: tuple[str, ...]
    write: Callable[[Job, Path], list[Path]]


def export(
    inspection: Inspection,
    state: Mapping[str, Decision],
    log: Sequence[Decision],
    *,
    to: str,
    out: Path,
    source: Path | None = None,
    link: str = "copy",
    seq: int | None = None,
    records: Mapping[str, bytes] | None = None,
) -> list[Path]:
    """Write the format `to` (a name in EXPORTS) to `out`; returns the paths written, the main one first.

    state: the fold of `log` up to line `seq` (default: its newest).  out: the file itself where it ends in the
    format's suffix, else a folder that must not exist or be empty.  source: folder or file of the images.  link: "hard"
    makes hard links for `folder` (a copy where that cannot be); who edits such a file edits the source's.
    records: for `folder`, further files by name, written beside its own.
    Raises UserError, with nothing left behind, for a place that exists, lies in the source or cannot be written, for an
    image that is gone, and where the format needs image files but the source is a container; ValueError where `state`
    reaches past `log` or `seq`.
    """
    if to not in EXPORTS or link not in LINKS:
        known, given, what = (EXPORTS, to, "export") if to not in EXPORTS else (LINKS, link, "link")
        raise UserError(f"{what} '{given}' is not known", f"choose one of: {', '.join(known)}")
    last = max((line.seq for line in log), default=0) if seq is None else seq
    if any(decision.seq > last for decision in state.values()):
        raise ValueError(f"the state holds decisions after line {last}: fold the log up to there")
    place, form = Path(os.path.realpath(out)), EXPORTS[to]
    _refuse_source(place, source)
    is_file = _is_file(place, to, form)
    lines = [line for line in log if line.seq <= last]
    job = Job(inspection, state, lines, last, place.parent if is_file else place, source, link, records or {})
    try:
        return _write(job, form, place, is_file)
    except OSError as error:
        raise UserError(
            f"'{place}' cannot be written: {error.strerror or error}",
            "a path on a disk with room on it that you may write to",
            "free some space or choose another path; nothing was left behind",
        ) from error


def _write(job: Job, form: Export, place: Path, is_file: bool) -> list[Path]:
    place.parent.mkdir(parents=True, exist_ok=True)
    temporary = place.parent / f"{TEMPORARY_PREFIX}{uuid4().hex}"
    try:
        temporary.mkdir()
        inside = temporary / (place.name if is_file else form.file_name)
        written = form.write(job, inside if form.suffixes else temporary)
        finals = [(place.parent if is_file else place) / path.name for path in written]
        _refuse_existing(finals if is_file else [place], is_file)
        if is_file:
            # the main file last: where it is, the rest is too
            for path, final in reversed(list(zip(written, finals, strict=True))):
                path.rename(final)
        else:
            if place.exists():
                place.rmdir()
            temporary.rename(place)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return finals


# ---- where to


def refuse_place(out: Path, source: Path | None) -> None:
    """Raise UserError where a folder cannot be written to `out`: it holds something, or lies in the source."""
    place = Path(os.path.realpath(out))
    _refuse_source(place, source)
    _refuse_existing([place], are_files=False)


def _is_file(place: Path, to: str, form: Export) -> bool:
    """Whether `place` names the file itself; refuses what exists and the suffix of another format."""
    suffix = place.suffix.lower()
    is_file = suffix in form.suffixes
    if not is_file and suffix in {s for other in EXPORTS.values() for s in other.suffixes}:
        allowed = f"a folder, or a name in {' or '.join(form.suffixes)}" if form.suffixes else "a folder"
        raise UserError(f"'{place.name}' is no name for the export '{to}'", allowed)
    _refuse_existing([place], is_file)
    return is_file


def _refuse_existing(places: Sequence[Path], are_files: bool) -> None:
    for place in places:
        is_empty_folder = place.is_dir() and not any(place.iterdir())
        if os.path.lexists(place) and (are_files or not is_empty_folder):
            raise UserError(f"'{place}' exists already", "a new file, or a new or empty folder", "choose another path")


def _refuse_source(place: Path, source: Path | None) -> None:
    if source is None or not source.exists():
        return
    root = Path(os.path.realpath(source))
    if _lies_in(place, root) or _lies_in(root, place):
        raise UserError(
            f"'{place}' lies in the source, or the source in it",
            "a place beside the source: Taster never writes into it",
            "choose another path",
        )


def _lies_in(path: Path, folder: Path) -> bool:
    # by file identity, not by name: a system may ignore case or mount one folder in two places
    if not folder.exists():
        return False
    return any(above.exists() and above.samefile(folder) for above in (path, *path.parents))


# ---- writers


def _write_csv(table: pa.Table, path: Path) -> None:
    for name in set(FORMULA_COLUMNS) & set(table.column_names):
        column = pc.replace_substring_regex(table[name], r"^([=+\-@\t\r\n])", r"'\1")
        table = table.set_column(table.column_names.index(name), name, column)
    pa_csv.write_csv(table, path)


def _write_table(table: pa.Table, path: Path) -> None:
    if path.suffix.lower() == ".parquet":
        pq.write_table(table, path)
    else:
        _write_csv(table, path)


def _write_json(value: Mapping[str, Any], path: Path) -> None:
    path.write_text(json.dumps(value, indent=2, allow_nan=False), encoding="utf-8")


def _with_sidecar(job: Job, table: pa.Table, path: Path, **more: Any) -> list[Path]:
    beside = path.with_name(f"{path.name}.json")
    _write_table(table, path)
    _write_json(sidecar(job.inspection, job.state, job.seq) | more, beside)
    return [path, beside]


def _scores(job: Job, path: Path) -> list[Path]:
    return _with_sidecar(job, scores_table(job.inspection, job.state), path)


def _cleanlab(job: Job, path: Path) -> list[Path]:
    table, meaning = cleanlab_table(job.inspection)
    return _with_sidecar(job, table, path, polarity=meaning)


def _decisions(job: Job, path: Path) -> list[Path]:
    _write_csv(decisions_table(job.log), path)
    return [path]


def _report(job: Job, path: Path) -> list[Path]:
    from .report import report_html  # plotly takes a moment to import

    path.write_text(report_html(job.inspection, job.state, seq=job.seq), encoding="utf-8", errors="backslashreplace")
    return [path]


def _manifest(job: Job, path: Path) -> list[Path]:
    plan = cleansed_plan(job.inspection, job.state)
    files = needed_files(job.inspection.dataset, np.flatnonzero(plan.kept), job.source)
    inside = all(file.is_relative_to(job.place) for file in files)
    # no "../": readers of manifests refuse paths that climb out of the manifest's folder
    names = [file.relative_to(job.place).as_posix() if inside else str(file) for file in files]
    paths = "relative to the manifest's folder" if inside else "absolute: readers must be allowed to leave the folder"
    return _with_sidecar(job, manifest_table(job.inspection, job.state, plan, names), path, paths=paths)


def _fiftyone(job: Job, path: Path) -> list[Path]:
    dataset = job.inspection.dataset
    files = needed_files(dataset, np.arange(len(dataset)), job.source)
    _write_json(fiftyone_document(job.inspection, job.state, [str(file) for file in files], job.seq), path)
    return [path]


def _folder(job: Job, folder: Path) -> list[Path]:
    dataset, plan = job.inspection.dataset, cleansed_plan(job.inspection, job.state)
    rows = np.flatnonzero(plan.kept)
    files = source_files(dataset, rows, job.source) if job.link == "hard" else None
    suffixes = ["" if has_image_name(dataset.ids[row]) else raw_image(dataset, row)[1] for row in rows.tolist()]
    names = image_paths(dataset, plan, suffixes, (*FOLDER_RECORDS, *job.records))
    for parent in {(folder / name).parent for name in names}:
        parent.mkdir(parents=True, exist_ok=True)
    for position, row in enumerate(rows.tolist()):
        if files is None or not linked(files[position], folder / names[position]):
            (folder / names[position]).write_bytes(raw_image(dataset, row)[0])
    records = [folder / name for name in FOLDER_RECORDS]
    _write_csv(manifest_table(job.inspection, job.state, plan, names), records[0])
    _write_csv(decisions_table(job.log), records[1])
    _scores(job, records[2])
    for name, content in job.records.items():
        (folder / name).write_bytes(content)
    return records


EXPORTS: dict[str, Export] = {
    "csv": Export("table of scores and decisions, with a sidecar", "scores.csv", (".csv",), _scores),
    "parquet": Export("the same as Parquet", "scores.parquet", (".parquet",), _scores),
    "manifest-csv": Export("the cleansed set as a list of its files", "manifest.csv", (".csv",), _manifest),
    "manifest-parquet": Export("the same as Parquet", "manifest.parquet", (".parquet",), _manifest),
    "folder": Export("the cleansed set as a folder of class folders, with its records", "", (), _folder),
    "decisions": Export("the log of decisions", "decisions.csv", (".csv",), _decisions),
    "cleanlab": Export("columns as cleanlab names them (low = bad)", "cleanlab.csv", (".csv",), _cleanlab),
    "fiftyone": Export("samples for FiftyOne", "samples.json", (".json",), _fiftyone),
    "report": Export("one HTML file for people", "report.html", (".html", ".htm"), _report),
}
