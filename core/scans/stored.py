"""A scan's folder <-> an Inspection: what each step keeps, arrays memory-mapped, images opened when first asked for."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

from ..errors import UnreadableImage, UserError
from ..types import Dataset, Evidence, Finding, Float32, Inspection, Recipe, Skipped, Suggestions, Truth
from .folder import STEPS, ScanFolder, Step

UNVERIFIED = (
    "This scan was made by an earlier version, which kept no digests of its files: they cannot be verified. Scan again to have them."
)

_FINDING_ARRAYS = ("rows", "covers", "row_scores", "pattern", "mask", "z_map", "spectrum", "places")
_FINDING_VALUES = ("trigger_id", "kind", "label", "threshold", "strength", "false_alarm", "contradicted", "usual", "shortcut")
_FUSED = ("suspicion", "verdicts", "content", "artifact")
_SUGGESTED = ("suggested", "confidence")

Reopen = Callable[[dict[str, Any]], Dataset]


# ---- writing


def write_rows(step: Step, dataset: Dataset, *, source_digest: str) -> None:
    """What is known of the rows before any score: ids, labels, splits, digests, skipped files."""
    step.array("labels", dataset.labels)
    step.array("image_digests", dataset.image_digests)
    step.json(
        "rows",
        {
            "name": dataset.name,
            "digest": dataset.digest,
            "source_digest": source_digest,
            "classes": list(dataset.classes),
            "ids": list(dataset.ids),
            "splits": list(dataset.splits) if any(dataset.splits) else [],
            "skipped": [[s.file, s.reason] for s in dataset.skipped],
        },
    )


def write_findings(step: Step, findings: Sequence[Finding]) -> None:
    """The findings' arrays and values."""
    for found in findings:
        for name in _FINDING_ARRAYS:
            step.array(f"finding_{found.trigger_id}_{name}", getattr(found, name))
    step.json("findings", [{name: getattr(found, name) for name in _FINDING_VALUES} for found in findings])


def write_fused(step: Step, *, scores: Mapping[str, Float32], threshold: float, notes: Sequence[str] = (), **arrays: Any) -> None:
    """The scores that this step adds, and the final verdict. arrays: suspicion, verdicts, content, artifact, each (n,), and where
    the patterns changed what is suggested, suggested and confidence."""
    if scores:
        step.array("fused_scores", np.stack(list(scores.values())))
    for name in (*_FUSED, *(name for name in _SUGGESTED if name in arrays)):
        step.array(f"fused_{name}", arrays[name])
    step.json("fused", {"scores": list(scores), "threshold": threshold, "notes": list(notes)})


# ---- reading


def load_inspection(folder: ScanFolder, key: str, reopen: Reopen) -> Inspection | None:
    """The Inspection in `folder` as far as its steps are finished and verify; None before the images have been read.

    reopen: source.json's content -> the source's Dataset, called once, when the first image is asked for.
    Raises UserError where an earlier version's files, of which no digests are kept, contradict each other.
    """
    if not (folder.holds("begun") and folder.holds("rows")):
        return None
    try:
        found: dict[str, Any] = {"dataset": read_dataset(folder, reopen)}
        for step in STEPS[2:]:
            if folder.holds(step):
                _READ[step](folder, found)
        if (choice := folder.json("choice") or {}).get("reason"):
            found["notes"] = (f"Embedder {choice['embedder']}: {choice['reason']}.", *found.get("notes", ()))
        if folder.is_unrecorded:
            found["notes"] = (UNVERIFIED, *found.get("notes", ()))
        return Inspection(recipe=_recipe(folder), key=key, **found)
    except (OSError, ValueError, TypeError, KeyError, AttributeError, IndexError) as error:
        raise UserError(
            f"the scan {key[:8]} is damaged ({type(error).__name__})", "files as Taster wrote them", "scan the source again"
        ) from error


def _read_neighbours(folder: ScanFolder, found: dict[str, Any]) -> None:
    found["evidence"] = read_evidence(folder, found["dataset"])


def _read_scores(folder: ScanFolder, found: dict[str, Any]) -> None:
    known, table = folder.json("scores"), folder.array("scores")
    found["scores"] = {name: table[i] for i, name in enumerate(known["scores"])}
    found["threshold"] = float(known["threshold"])
    found |= {name: folder.array(name) for name in ("suspicion", "verdicts")}
    found["suggestions"] = Suggestions(folder.array("suggested"), folder.array("confidence"))


def _read_patterns(folder: ScanFolder, found: dict[str, Any]) -> None:
    known = folder.json("fused")
    if known["scores"]:
        table = folder.array("fused_scores")
        found["scores"] = found["scores"] | {name: table[i] for i, name in enumerate(known["scores"])}
    if folder.has_array("fused_confidence"):
        found["suggestions"] = Suggestions(*(folder.array(f"fused_{name}") for name in _SUGGESTED))
    found |= {name: folder.array(f"fused_{name}") for name in _FUSED}
    found["threshold"], found["notes"] = float(known["threshold"]), tuple(known.get("notes", ()))
    known = [_finding(folder, values) for values in folder.json("findings") or []]
    found["findings"], found["shortcuts"] = (tuple(f for f in known if f.shortcut is kind) for kind in (False, True))


def _read_map(folder: ScanFolder, found: dict[str, Any]) -> None:
    found["xy"], found["projection"] = folder.array("xy"), str(folder.json("map")["projection"])


_READ = {"neighbours": _read_neighbours, "scores": _read_scores, "patterns": _read_patterns, "map": _read_map}


def read_evidence(folder: ScanFolder, dataset: Dataset) -> Evidence:
    """What scores may look at, of a scan whose neighbours are known."""
    return Evidence(dataset.labels, dataset.classes, *(folder.array(name) for name in ("vectors", "neighbours", "similarity")))


def _finding(folder: ScanFolder, values: dict[str, Any]) -> Finding:
    fields: dict[str, Any] = {name: folder.array(f"finding_{values['trigger_id']}_{name}") for name in _FINDING_ARRAYS}
    return Finding(**values, **fields)


def _recipe(folder: ScanFolder) -> Recipe:
    found = folder.json("recipe")
    found["options"] = tuple((str(a), str(b)) for a, b in found.get("options", ()))
    return Recipe(**found)


def read_dataset(folder: ScanFolder, reopen: Reopen) -> Dataset:
    """The rows that the scan could read, with images that are opened when first asked for."""
    rows = folder.json("rows")
    ids, digests = tuple(rows["ids"]), np.array(folder.array("image_digests"))
    pixels = _Pixels(folder.json("source"), ids, digests, reopen)
    return Dataset(
        name=str(rows["name"]),
        ids=ids,
        labels=np.array(folder.array("labels")),
        classes=tuple(rows["classes"]),
        splits=tuple(rows["splits"]) or ("",) * len(ids),
        image_digests=digests,
        digest=str(rows["digest"]),
        loader=pixels.load,
        encoded=pixels.encoded,
        skipped=tuple(Skipped(file, reason) for file, reason in rows["skipped"]),
    )


class _Pixels:
    """Reaches the source's images for rows of a stored scan; opens the source when the first one is asked for."""

    def __init__(self, source: dict[str, Any], ids: Sequence[str], digests: Any, reopen: Reopen) -> None:
        self._source, self._ids, self._digests, self._reopen = source, ids, digests, reopen
        self._lock = threading.Lock()
        self._opened: Dataset | None = None

    def load(self, row: int) -> Image.Image:
        """RGB image of the scan's `row`; UnreadableImage where it is gone or has changed since the scan."""
        dataset, there = self._find(row)
        return dataset.load(there)

    def encoded(self, row: int) -> tuple[bytes, str]:
        """The stored bytes of the scan's `row`."""
        dataset, there = self._find(row)
        return dataset.raw(there)

    def _find(self, row: int) -> tuple[Dataset, int]:
        with self._lock:
            if self._opened is None:
                self._opened = self._open()
        there = self._opened.row_of(self._ids[row])
        if there is None:
            raise UnreadableImage("the image is no longer in its source")
        if self._opened.image_digests[there].tobytes() != self._digests[row].tobytes():
            raise UnreadableImage("the image has changed since the scan")
        return self._opened, there

    def _open(self) -> Dataset:
        try:
            return self._reopen(self._source)
        except UserError as error:
            raise UnreadableImage(f"the source cannot be opened: {error.what}") from error


def truth_of(dataset: Dataset, source: Dataset) -> Truth | None:
    """The source's truth for the rows of a stored scan, matched by id; None where the source has none.

    Raises UserError where the source has lost an image since the scan.
    """
    if source.truth is None:
        return None
    rows = source.rows_of(dataset.ids)
    gone = [name for name, row in zip(dataset.ids, rows, strict=True) if row < 0]
    if gone:
        raise UserError(
            f"{len(gone):,} images of the scan are no longer in its source, first '{gone[0]}'",
            "a source as it was scanned",
            "scan it again, then evaluate",
        )
    return source.truth.select(rows)
