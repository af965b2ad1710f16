"""A poisoned data set as a folder of class folders, with its truth and its recipe beside the images."""

from __future__ import annotations

import json
import os
import re
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from ..errors import UnreadableImage, UserError
from ..files import free_folder, unique_names, written_folder
from ..types import Bool, Dataset

Progress = Callable[[int, int], None]

TRUTH_FILE, RECIPE_FILE = "truth.parquet", "recipe.json"


def write_poisoned(
    dataset: Dataset,
    out: Path,
    *,
    recipe: Mapping[str, object],
    source: Path | None = None,
    earlier: Bool | None = None,
    progress: Progress | None = None,
) -> Path:
    """Write the set to the new folder `out`: out/<class>/<number>.<suffix>, truth.parquet and recipe.json.

    Images whose pixels no attack changed are copied byte for byte; unlabelled ones lie at the root of `out`. The numbers
    are drawn without regard to the source's names and order, which would tell what came from another class, and all
    files carry the same time. Class names that are no safe folder names are replaced (recipe.json holds the list);
    truth.parquet speaks of classes by their folder names: `id` (path inside `out`), `is_poisoned`, `original_label`,
    `attack`, `source_id`. recipe.json counts the formats of poisoned and of other images. The same set and recipe give
    the same bytes. Everything is written to a folder beside `out` and renamed at the end.

    recipe: attack, rate, target, seed, encode, settings, source digest; goes into recipe.json as it is.
    earlier: bool (n,), poisoned rows that were so before this recipe's attack; their `attack` is "earlier".
    source: the folder that the images come from, which is never written into.
    progress: called with (images written, images in all).
    Raises UserError where `out` is taken, touches the source, cannot be written, or an image cannot be read.
    """
    if dataset.truth is None:
        raise ValueError("the data set has no truth; apply an attack first")
    final = free_folder(out, source)
    with written_folder(final) as content:
        _fill(content, dataset, recipe, earlier, progress)
    return final


def _fill(folder: Path, dataset: Dataset, recipe: Mapping[str, object], earlier: Bool | None, progress: Progress | None) -> None:
    assert dataset.truth is not None
    n, poisoned = len(dataset), dataset.truth.is_poisoned.tolist()
    folders = unique_names([(name, "") for name in dataset.classes], taken=(TRUTH_FILE, RECIPE_FILE))
    for name in folders:
        (folder / name).mkdir()  # empty ones too: the class belongs to the set
    paths, formats = [""] * n, {True: Counter[str](), False: Counter[str]()}
    # also written in the order of their numbers, so that no time and no place on the disk tells the source's order
    for number, row in enumerate(np.random.default_rng(int(dataset.digest[:16], 16)).permutation(n).tolist()):
        label = int(dataset.labels[row])
        data, suffix = _bytes(dataset, row)
        name = f"{number:0{max(5, len(str(n)))}d}{suffix}"
        paths[row] = f"{folders[label]}/{name}" if label >= 0 else _loose(folder, name)
        (folder / paths[row]).write_bytes(data)
        formats[poisoned[row]][suffix] += 1
        if progress is not None:
            progress(number + 1, n)
    now = time.time()
    for path in sorted(paths):
        os.utime(folder / path, (now, now))  # encoding takes longer than copying
    name, was = str(recipe.get("attack", "")), np.zeros(n, dtype=bool) if earlier is None else earlier
    attacks = [("earlier" if was[row] else name) if flag else "" for row, flag in enumerate(poisoned)]
    _write_truth(folder / TRUTH_FILE, dataset, paths, folders, attacks)
    counted = {"poisoned": dict(sorted(formats[True].items())), "others": dict(sorted(formats[False].items()))}
    _write_recipe(folder / RECIPE_FILE, dataset, {**recipe, "formats": counted}, folders)


def _loose(folder: Path, name: str) -> str:
    """Name of an unlabelled image at the root, where a class folder may have been given the very same name."""
    while (folder / name).exists():
        name = "_" + name
    return name


def _bytes(dataset: Dataset, row: int) -> tuple[bytes, str]:
    try:
        data, suffix = dataset.raw(row)
    except (UnreadableImage, OSError) as error:
        raise UserError(
            f"image {dataset.ids[row]!r} cannot be read: {error}",
            "every image must be readable to be written",
            "repair or remove it in the source",
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
        "source_id": pa.array(dataset.ids, pa.string()),
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
