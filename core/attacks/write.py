"""A poisoned data set as a folder of class folders, with its truth and its recipe beside the images."""

from __future__ import annotations

import json
import re
import secrets
import shutil
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from ..errors import UnreadableImage, UserError
from ..types import Bool, Dataset

Progress = Callable[[int, int], None]

TRUTH_FILE, RECIPE_FILE = "truth.parquet", "recipe.json"
# names that Windows keeps for devices, whatever follows a dot
DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{i}" for port in ("com", "lpt") for i in range(1, 10))}
LONGEST_NAME = 100  # bytes; file systems allow 255, archives and Windows less


def write_poisoned(
    dataset: Dataset,
    out: Path,
    *,
    recipe: Mapping[str, object],
    source: Path | None = None,
    earlier: Bool | None = None,
    progress: Progress | None = None,
) -> Path:
    """Write the set to the new folder `out`: out/<class>/<row>_<name>.<suffix>, truth.parquet and recipe.json.

    Images whose pixels no attack changed are copied byte for byte; unlabelled ones lie at the root of `out`. Class
    names that are no safe folder names are replaced (recipe.json holds the list); truth.parquet speaks of classes by
    their folder names: `id` (path inside `out`), `is_poisoned`, `original_label`, `attack`. The same set and recipe
    give the same bytes. Everything is written to a folder beside `out` and renamed at the end.

    recipe: attack, rate, target, seed, settings, source digest; goes into recipe.json as it is.
    earlier: bool (n,), poisoned rows that were so before this recipe's attack; their `attack` is "earlier".
    source: the folder that the images come from, which is never written into.
    progress: called with (images written, images in all).
    Raises UserError where `out` is taken, touches the source, cannot be written, or an image cannot be read.
    """
    if dataset.truth is None:
        raise ValueError("the data set has no truth; apply an attack first")
    final = _free_folder(out, source)
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        partial = final.with_name(f".taster-{secrets.token_hex(8)}.partial")
        partial.mkdir()
    except OSError as error:
        raise _cannot_write(out, error) from error
    try:
        _fill(partial, dataset, recipe, earlier, progress)
        if final.exists():
            final.rmdir()  # empty, and a rename onto it works on POSIX only
        partial.rename(final)
    except OSError as error:
        raise _cannot_write(out, error) from error
    finally:
        # also after Cancelled and Ctrl-C; after the rename there is nothing left here
        shutil.rmtree(partial, ignore_errors=True)
    return final


def safe_names(names: Sequence[str]) -> tuple[str, ...]:
    """A folder name for each of `names`: itself where that is safe, else a like one; unique, also without case."""
    used = {_folded(TRUTH_FILE), _folded(RECIPE_FILE)}
    copies: dict[str, int] = {}
    result: dict[int, str] = {}
    # names that are safe already go first, so that they keep themselves
    for index in sorted(range(len(names)), key=lambda i: (_safe(names[i]) != names[i], i)):
        stem = candidate = _safe(names[index])
        while _folded(candidate) in used:
            copies[stem] = copies.get(stem, 1) + 1
            candidate = f"{stem}_{copies[stem]}"
        used.add(_folded(candidate))
        result[index] = candidate
    return tuple(result[index] for index in range(len(names)))


def _folded(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold()


def _safe(name: str) -> str:
    kept = "".join(c if unicodedata.category(c)[0] in "LMN" or c in " _-.,+()" else "_" for c in name)
    kept = kept.encode("utf-8", "ignore")[:LONGEST_NAME].decode("utf-8", "ignore").rstrip(". ")
    if not kept or kept[0] in ". ":
        kept = "_" + kept[1:]
    return kept + "_" if kept.split(".")[0].strip().lower() in DEVICES else kept


def _free_folder(out: Path, source: Path | None) -> Path:
    final = out.expanduser().resolve()
    if source is not None:
        origin = source.expanduser().resolve()
        if final == origin or origin in final.parents or final in origin.parents:
            raise UserError(
                f"{out} lies within or around the source {source}",
                "a poisoned set is written beside its source, never into it",
                "choose another folder",
            )
    if final.exists() and not final.is_dir():
        raise UserError(f"{out} is a file", "the set is written to a new or empty folder", "choose another folder")
    try:
        occupied = final.is_dir() and any(final.iterdir())
    except OSError as error:
        raise _cannot_write(out, error) from error
    if occupied:
        raise UserError(f"{out} is not empty", "the set is written to a new or empty folder", "choose another folder")
    return final


def _cannot_write(out: Path, error: OSError) -> UserError:
    reason = error.strerror or type(error).__name__
    return UserError(f"{out} cannot be written: {reason}", "the set needs a folder with room and permission")


def _fill(folder: Path, dataset: Dataset, recipe: Mapping[str, object], earlier: Bool | None, progress: Progress | None) -> None:
    n = len(dataset)
    width = max(5, len(str(n)))
    stems = [f"{row:0{width}d}_{_stem(dataset.ids[row])}" for row in range(n)]
    folders = safe_names(dataset.classes)
    for name in folders:
        (folder / name).mkdir()  # empty ones too: the class belongs to the set
    paths = []
    for row in range(n):
        label = int(dataset.labels[row])
        data, suffix = _bytes(dataset, row)
        path = f"{folders[label]}/{stems[row]}{suffix}" if label >= 0 else _loose(folder, stems[row] + suffix)
        (folder / path).write_bytes(data)
        paths.append(path)
        if progress is not None:
            progress(row + 1, n)
    assert dataset.truth is not None
    name, was = str(recipe.get("attack", "")), np.zeros(n, dtype=bool) if earlier is None else earlier
    attacks = [("earlier" if was[row] else name) if flag else "" for row, flag in enumerate(dataset.truth.is_poisoned.tolist())]
    _write_truth(folder / TRUTH_FILE, dataset, paths, folders, attacks)
    _write_recipe(folder / RECIPE_FILE, dataset, recipe, folders)


def _loose(folder: Path, name: str) -> str:
    """Name of an unlabelled image at the root, where a class folder may have been given the very same name."""
    while (folder / name).exists():
        name = "_" + name
    return name


def _stem(image_id: str) -> str:
    """The last part of an id without its suffix, ASCII, short: a reminder for people, made unique by the row."""
    last = re.split(r"[/\\]", image_id)[-1]
    stem = last.rsplit(".", 1)[0] or last
    return re.sub(r"[^A-Za-z0-9_-]+", "_", stem)[:40]


def _bytes(dataset: Dataset, row: int) -> tuple[bytes, str]:
    try:
        data, suffix = dataset.raw(row)
    except (UnreadableImage, OSError) as error:
        raise UserError(
            f"image {dataset.ids[row]!r} cannot be read: {error}",
            "every image must be readable to be written",
            "mend or remove it in the source",
        ) from error
    return data, suffix if re.fullmatch(r"\.[A-Za-z0-9]{1,8}", suffix) else ".img"


def _write_truth(path: Path, dataset: Dataset, paths: list[str], folders: Sequence[str], attacks: list[str]) -> None:
    # imported here: reading attacks' cards should not load arrow
    import pyarrow as pa
    import pyarrow.parquet as pq

    truth = dataset.truth
    assert truth is not None
    originals = [folders[label] if label >= 0 else None for label in truth.original_labels.tolist()]
    poisoned = truth.is_poisoned.tolist()
    columns = {
        "id": pa.array(paths, pa.string()),
        "is_poisoned": pa.array(poisoned, pa.bool_()),
        "original_label": pa.array(originals, pa.string()),
        "attack": pa.array(attacks, pa.string()),
    }
    pq.write_table(pa.table(columns), path)


def _write_recipe(path: Path, dataset: Dataset, recipe: Mapping[str, object], folders: Sequence[str]) -> None:
    assert dataset.truth is not None
    about = {
        **recipe,
        "digest": dataset.digest,
        "rows": len(dataset),
        "poisoned": int(dataset.truth.is_poisoned.sum()),
        "folders": dict(zip(folders, dataset.classes, strict=True)),
    }
    # ensure_ascii: class names may hold halves of characters that UTF-8 cannot carry
    path.write_text(json.dumps(about, indent=2, sort_keys=True, default=str) + "\n", encoding="ascii")
