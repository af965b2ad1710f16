"""What bench/detection.py measures of one analysed set: ranks, verdicts, suggestions and the likeness of the pattern."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from peers import Opinion

from core.evaluation.measures import evaluate
from core.types import VERDICTS, Dataset, Finding

POISON = [VERDICTS.index("dirty_label_poison"), VERDICTS.index("clean_label_poison")]
# the trigger depends on the image, so there is no one pattern to be found
NO_PATTERN = ("wanet", "noise_specific")
MOVING = ("moving_patch",)

Float = NDArray[np.floating[Any]]


def measure(
    dataset: Dataset,
    analysis: Any,
    opinions: Mapping[str, Opinion],
    clean_pixels: NDArray[np.uint8],
    pixels: NDArray[np.uint8],
    attack: str,
) -> dict[str, Any]:
    """The figures of one case; those that need truth are missing for a clean set.

    analysis: what core.scans.analysis.analyse returns.  opinions: of peers.  pixels: uint8 (n, h, w, 3), before and after.
    """
    suspicious, poison = np.asarray(analysis.suspicion >= analysis.threshold), np.isin(analysis.verdicts, POISON)
    in_finding = _carriers(analysis.findings, len(dataset))
    found: dict[str, Any] = {
        "rows": len(dataset),
        "flagged": float(suspicious.mean()),
        "flagged_poison": float(poison.mean()),
        "flagged_findings": float(in_finding.mean()),
        "findings": [_about(finding) for finding in analysis.findings],
        "verdicts": {name: int((analysis.verdicts == i).sum()) for i, name in enumerate(VERDICTS)},
    }
    if dataset.truth is None:
        return found | {"peers_flagged": {name: float(opinion.flagged.mean()) for name, opinion in opinions.items()}}
    scores = _scores(analysis, len(dataset)) | {name: opinion.suspicion for name, opinion in opinions.items()}
    flags = {"suspicious": suspicious, "poison": poison, "findings": in_finding} | {n: o.flagged for n, o in opinions.items()}
    whole = evaluate(dataset.truth, dataset.labels, scores, suspicious, analysis.suggestions)
    verdicts = {name: evaluate(dataset.truth, dataset.labels, {}, flag, None)["verdict"] for name, flag in flags.items()}
    covers, moving = dataset.truth.is_cover, attack in MOVING
    true = true_pattern(clean_pixels, pixels, dataset.truth.is_poisoned, moving=moving)
    return found | {
        "positives": whole["positives"],
        "scores": whole["scores"],
        "decided": verdicts,
        "suggestion_accuracy": whole["suggestion_accuracy"],
        "covers_flagged": None if covers is None else float(suspicious[covers].mean()),
        "pattern_correlation": None
        if true is None or attack in NO_PATTERN
        else max((likeness(f.pattern, true, moving=moving) for f in analysis.findings), default=0.0),
    }


def _scores(analysis: Any, n: int) -> dict[str, Float]:
    """The fusion first, then findings, the two axes where they are known, and every single score."""
    scores = {"suspicion": analysis.suspicion, "findings": carried(analysis.findings, n)}
    for axis in ("content", "artifact"):
        values = getattr(analysis, axis)
        if values is not None:
            scores[axis] = values
    return scores | dict(analysis.scores)


def carried(findings: tuple[Finding, ...], n: int) -> Float:
    """float64 (n,): how strongly each row carries any finding, in thresholds of that finding; 0 without findings."""
    strongest = np.zeros(n)
    for finding in findings:
        strongest = np.maximum(strongest, np.nan_to_num(finding.row_scores / max(finding.threshold, 1e-6), nan=0.0))
    return strongest


def _carriers(findings: tuple[Finding, ...], n: int) -> NDArray[np.bool_]:
    flags = np.zeros(n, dtype=bool)
    for finding in findings:
        flags[finding.rows] = True
    return flags


def _about(finding: Finding) -> dict[str, Any]:
    # numpy's own numbers are no JSON
    about = {name: float(getattr(finding, name)) for name in ("strength", "false_alarm", "contradicted")}
    return {"kind": finding.kind, "label": int(finding.label), "rows": len(finding.rows), "covers": len(finding.covers), **about}


def true_pattern(
    before: NDArray[np.uint8], after: NDArray[np.uint8], is_poisoned: NDArray[np.bool_], *, moving: bool = False
) -> Float | None:
    """Mean of poisoned minus clean pixels over poisoned images that changed, float64 (h, w, 3), 1 = full scale.

    A patch that moves is brought to the upper left corner first. None where no image changed (label noise).
    """
    rows = np.flatnonzero(is_poisoned)
    change = (after[rows].astype(np.float64) - before[rows]) / 255
    change = change[np.abs(change).max(axis=(1, 2, 3)) > 0]
    if not len(change):
        return None
    return _aligned(change).mean(axis=0) if moving else change.mean(axis=0)


def _aligned(change: Float) -> Float:
    """(m, h, w, 3) rolled so that what changed begins at (0, 0); images whose change is of unusual size are left out.

    A patch that happens to equal the image at its rim leaves a smaller trace.
    """
    boxes = []
    for one in np.abs(change).max(axis=3) > 0:
        rows, columns = np.flatnonzero(one.any(axis=1)), np.flatnonzero(one.any(axis=0))
        boxes.append((rows[0], columns[0], rows[-1] - rows[0], columns[-1] - columns[0]))
    sizes, counts = np.unique([box[2:] for box in boxes], axis=0, return_counts=True)
    usual = sizes[counts.argmax()]
    return np.stack([np.roll(one, (-box[0], -box[1]), (0, 1)) for one, box in zip(change, boxes, strict=True) if (box[2:] == usual).all()])


def likeness(found: Float, true: Float, *, moving: bool = False) -> float:
    """|normalised cross-correlation| of two patterns (h, w, 3), 0…1; the best of all shifts where the patch moves.

    0 where the sizes differ (unless it moves: then the smaller is laid on the larger's canvas) or one is flat.
    """
    if not moving:
        return 0.0 if found.shape != true.shape else float(abs((_unit(found) * _unit(true)).sum()))
    canvas = np.maximum(found.shape, true.shape)
    f, t = (np.fft.fft2(_unit(_laid_on(p, canvas)), axes=(0, 1)) for p in (found, true))
    return float(np.abs(np.fft.ifft2((f * t.conj()).sum(axis=2))).max())


def _laid_on(pattern: Float, canvas: NDArray[np.int64]) -> Float:
    laid = np.zeros(canvas)
    laid[: pattern.shape[0], : pattern.shape[1]] = pattern
    return laid


def _unit(pattern: Float) -> Float:
    centred = pattern.astype(np.float64) - pattern.mean(dtype=np.float64)
    norm = float(np.linalg.norm(centred))
    return centred / norm if norm > 0 else centred
