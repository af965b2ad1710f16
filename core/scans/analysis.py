"""Evidence and pixels to scores, findings and a verdict; what a scan does between the kNN graph and the map.

Two steps, because the first is quick and a gallery can be looked at after it: `judge_content` needs vectors alone,
`analyse` adds what needs pixels: the short probe and its scores, and the patterns.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from ..labels import Fused, Judgement, chance_right, concentrated_labels, dirty_rows, fuse, judge
from ..neighbours import nearest, row_chunks, vote
from ..scores import SCORES, by_need, class_parts
from ..types import UNLABELLED, Bool, Evidence, Finding, Float32, Int64, Suggestions, UInt8

if TYPE_CHECKING:
    from ..triggers import Mined


# pixels of all images together, as many as 5,000 of 64 × 64
MOST_PROBED, PROBE_SIDE, CHUNK = 5_000 * 64 * 64, 32, 1024


class Stages(Protocol):
    """Who is told how far the work has come."""

    def stage(self, name: str, *, done: int = 0, total: int = 0) -> None: ...

    def update(self, done: int, total: int) -> None: ...


@dataclass(frozen=True, eq=False)
class Content:
    """What vectors and labels alone say. doubted: bool (n,), the neighbours' vote is for another class."""

    scores: dict[str, Float32]
    judged: Judgement
    doubted: Bool
    fused: Fused


@dataclass(frozen=True, eq=False)
class Analysis:
    """The fields of an Inspection that come from scores; see core/types.py."""

    scores: Mapping[str, Float32]
    suspicion: Float32
    threshold: float
    verdicts: NDArray[np.int8]
    suggestions: Suggestions
    findings: tuple[Finding, ...]
    shortcuts: tuple[Finding, ...]
    content: Float32
    artifact: Float32


def judge_content(evidence: Evidence, progress: Stages | None = None) -> Content:
    """The scores that need vectors and labels alone, suggestions and a first verdict."""
    wanted = by_need(SCORES, "evidence")
    if progress is not None:
        progress.stage("scores", total=len(wanted) + 1)
    scores = {}
    for done, (name, score) in enumerate(wanted.items(), start=1):
        scores[name] = score.function(evidence)
        if progress is not None:
            progress.update(done, len(wanted) + 1)
    votes = vote(evidence)
    judged = judge(evidence.labels, len(evidence.classes), votes.shares)
    doubted = np.zeros(len(evidence), dtype=bool)
    for rows in row_chunks(len(evidence) if evidence.classes else 0, len(evidence.classes)):
        doubted[rows] = votes.shares(rows).argmax(1) != evidence.labels[rows]
    doubted &= evidence.labels != UNLABELLED
    return Content(
        scores, judged, doubted, fuse(evidence.labels, len(evidence.classes), judged.wrong, scores, suggested=judged.suggestions.labels)
    )


def analyse(
    evidence: Evidence,
    pixels: UInt8,
    *,
    seed: int = 0,
    device: str = "cpu",
    progress: Stages | None = None,
    halftoned: Mapping[str, Float32] | None = None,
    known: Content | None = None,
) -> Analysis:
    """Everything that can be said of the set.

    pixels: uint8 (n, s, s, 3), see core/sources/working_pixels.py.  halftoned: the scores that need halftones, where
    the embedder could be asked.
    known: what `judge_content` said, where it has been asked already.
    """
    from ..scores.probe import train_probe
    from ..triggers import mine

    content = known or judge_content(evidence, progress)
    labels, classes = evidence.labels, len(evidence.classes)
    update = None if progress is None else progress.update
    if progress is not None:
        progress.stage("probe")
    probe = train_probe(probed(pixels), labels, classes, seed=seed, device=device, progress=update)
    if progress is not None:
        progress.stage("patterns")
    mined = mine(
        pixels,
        labels,
        classes,
        content.doubted,
        evidence.vectors,
        seed=seed,
        device=device,
        parts=class_parts(probe, labels, classes),
        known=probe.given,
        gathered=_gathered(labels, classes, content),
        progress=update,
    )
    scores = dict(content.scores)
    scores |= {name: score.function(probe, labels, classes) for name, score in by_need(SCORES, "probe").items()}
    scores |= halftoned or {}
    scores |= {name: score.function(mined.findings, labels) for name, score in by_need(SCORES, "findings").items()}
    # in the registry's order, which is that of tables and pages
    scores = {name: scores[name] for name in SCORES if name in scores}
    dirty = dirty_rows(mined.findings, len(labels))
    wrong, suggestions = _without_pattern(evidence, content, mined, dirty, device)
    fused = fuse(
        labels, classes, wrong, scores, artifact=mined.chance, dirty=dirty, suggested=suggestions.labels, duplicates=mined.duplicates
    )
    return Analysis(
        scores,
        fused.suspicion,
        fused.threshold,
        fused.verdicts,
        suggestions,
        mined.findings,
        mined.shortcuts,
        fused.content,
        fused.artifact,
    )


def probed(pixels: UInt8) -> UInt8:
    """What the probe is trained on, uint8 (n, s, s, 3): many pictures larger than 32 px are halved, which takes a quarter of the time.

    Of few images it sees all pixels: on 12 triggered of 1,200 photographs its statistics rank poison with an AUROC of 1.00, and halved of 0.80.
    """
    n, side = pixels.shape[:2]
    if side <= PROBE_SIDE or side % 2 or n * side * side <= MOST_PROBED:
        return pixels
    halved = np.empty((n, side // 2, side // 2, 3), np.uint8)
    for start in range(0, n, CHUNK):
        part = pixels[start : start + CHUNK].reshape(-1, side // 2, 2, side // 2, 2, 3).astype(np.uint16)
        halved[start : start + CHUNK] = (part.sum((2, 4)) + 2) // 4
    return halved


def _gathered(labels: Int64, classes: int, content: Content) -> list[tuple[int, Int64]]:
    """(label, its rows whose content contradicts it), of labels under which such rows gather beyond chance."""
    suspicious = content.fused.content >= content.fused.threshold
    named = concentrated_labels(labels, classes, suspicious, content.judged.suggestions.labels)
    return [(int(label), np.flatnonzero(suspicious & (labels == label))) for label in np.flatnonzero(named)]


def _without_pattern(evidence: Evidence, content: Content, mined: Mined, dirty: Bool, device: str = "cpu") -> tuple[Float32, Suggestions]:
    """P(label wrong) and suggestions once it is known who carries a pattern.

    Carriers of wrong labels have no vote, and the others are judged anew without them: many wrong labels in one class make an
    embedding look worse than it is, and honest rows of other classes, too, are then doubted. Carriers of right labels
    keep their vote, but agree with each other more than their class does; measured by them its other rows look doubtful,
    so those are doubted only where a model of the rows that carry nothing doubts them too. Carriers of wrong labels are
    asked what neighbours that carry nothing are.
    """
    labels, first = evidence.labels, content.judged
    carried = dirty.copy()
    for finding in mined.findings:
        carried[finding.rows] = True
    if not carried.any():
        return first.wrong, first.suggestions
    kept = np.flatnonzero(~dirty)
    rest = _only(evidence, kept, device) if dirty.any() else evidence
    heard = vote(rest).shares
    again = judge(rest.labels, len(rest.classes), heard) if dirty.any() else first
    wrong, suggested, confidence = first.wrong.copy(), first.suggestions.labels.copy(), first.suggestions.confidence.copy()
    wrong[kept], suggested[kept], confidence[kept] = again.wrong, again.suggestions.labels, again.suggestions.confidence
    if (carried & ~dirty).any():
        among = judge(np.where(carried[kept], UNLABELLED, rest.labels), len(rest.classes), heard).wrong
        wrong[kept] = np.where(carried[kept], wrong[kept], np.minimum(wrong[kept], among))
    if not dirty.any():
        return wrong, Suggestions(suggested, confidence)
    known = dirty[mined.rows]
    at, shares = mined.rows[known], mined.shares[known]
    votes = shares.copy()
    votes[np.arange(len(at)), labels[at]] = 0.0
    # that the label is wrong is settled by the pattern, so only the other classes are in question
    told, right = mined.other_shares.max(1), mined.other_shares.argmax(1) == labels[mined.others]
    suggested[at] = votes.argmax(1)
    share = votes.max(1) / np.maximum(votes.sum(1), 1e-9)
    confidence[at] = chance_right(share, told, right, np.where(right, 1.0, 1.0 - np.nan_to_num(wrong[mined.others])))
    wrong[at] = np.maximum(wrong[at], 1.0 - shares[np.arange(len(at)), labels[at]])
    return wrong, Suggestions(suggested, confidence)


def _only(evidence: Evidence, kept: NDArray[np.int64], device: str) -> Evidence:
    """The set without its other rows. Neighbours are searched anew: those that may not vote would leave their places
    empty, and rows judged by fewer votes than the model's others look more doubtful than they are."""
    vectors, k = evidence.vectors[kept], evidence.neighbours.shape[1]
    return Evidence(evidence.labels[kept], evidence.classes, vectors, *nearest(vectors, k, device=device))
