"""From what stands apart to findings: measured in all spaces together, one a pattern, drawn and counted."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch

from ..types import Finding, Float32, Int64
from .accept import Candidate, with_doubt
from .choose import choose, same_pattern
from .joint_score import FIXED, alone, join, scores_of
from .material import EVERY, Material
from .render import draw
from .spaces import Space


@dataclass(frozen=True, eq=False)
class Mined:
    """findings: by falling strength.  chance: float32 (n,), P(a pattern explains the row's label), 0 where none does.

    shares: rows (m,) and their class shares by content (m, C) when carriers may not vote for each other.
    duplicates: rows of clusters that share a pattern because they are nearly the same picture.
    """

    findings: tuple[Finding, ...]
    chance: Float32
    rows: Int64
    shares: Float32
    duplicates: Int64


def conclude(material: Material, spaces: dict[str, Space], candidates: list[Candidate]) -> Mined:
    """The best pattern of each cluster of carriers; spaces: may be empty where there are no candidates."""
    taken, duplicates = choose(material, candidates)
    # measured together, two that shared few rows may turn out to be one
    taken, _ = choose(material, _joined(material, spaces, taken))
    groups = same_pattern(taken, material.settings)
    carriers = np.unique(np.concatenate([c.carriers for g in groups for c in g])) if groups else np.zeros(0, np.int64)
    shares = material.content_shares(carriers, carriers)
    chance = np.zeros(len(material.labels), np.float32)
    findings = []
    for group, (scores, calms) in zip(groups, _scores_of_all(material, spaces, groups), strict=True):
        finding, p = _finding(material, spaces, group, (scores, calms), carriers, shares)
        if finding is not None:
            findings.append(finding)
        np.maximum(chance, p, out=chance)
    ordered = sorted(findings, key=lambda f: -f.strength)
    named = tuple(replace(f, trigger_id=f"t{i}") for i, f in enumerate(ordered, start=1))
    held = np.unique(np.concatenate(duplicates)) if duplicates else np.zeros(0, np.int64)
    return Mined(named, chance, carriers, shares, held)


def _joined(material: Material, spaces: dict[str, Space], taken: list[Candidate]) -> list[Candidate]:
    """The same candidates, measured in all fixed spaces together."""
    if not taken:
        return []
    sample = material.sample(material.settings.rest_rows)
    there = {name: spaces[name].of(material.pixels, sample) for name in FIXED}
    made = []
    for c in taken:
        others = torch.from_numpy(material.outside(c.label)[sample]).to(material.device)
        made.append(join(material, spaces, c, {name: v[others] for name, v in there.items()}))
    return made


def _scores_of_all(material: Material, spaces: dict[str, Space], groups: list[list[Candidate]]) -> list[tuple[Float32, Float32 | None]]:
    """Scores and calms of every row for each group: where a row took part in the search, it had no part in its direction."""
    if not groups:
        return []
    sample = material.sample(material.settings.rest_rows)
    ways = [g[0].joint or alone(g[0], spaces[g[0].space].of(material.pixels, sample)) for g in groups]
    found = scores_of(material.pixels, spaces, ways, material.device)
    for group, (scores, _) in zip(groups, found, strict=True):
        for c in group:
            scores[c.rows] = c.found.scores.cpu().numpy()
    return found


def _finding(
    material: Material,
    spaces: dict[str, Space],
    group: list[Candidate],
    measured: tuple[Float32, Float32 | None],
    carriers: Int64,
    shares: Float32,
) -> tuple[Finding | None, Float32]:
    """(the finding, float32 (n,) chance that it explains a row); no finding where, all told, no row more likely carries it than not."""
    best, space = group[0], spaces[group[0].space]
    scores, calms = measured
    chance = np.zeros(len(material.labels), np.float32)
    for c in group:
        on = np.flatnonzero(material.labels == c.label if c.label != EVERY else material.labels >= 0)
        rest_of_class = c.chance_of(scores[on], None if calms is None else calms[on])
        for place, found in ((c.rows, c.chance), (on, rest_of_class)):
            known = found if c.label == EVERY else with_doubt(found, material.doubted[place], material.settings.suspect_rounds)
            chance[place] = np.maximum(chance[place], known)
    rows = np.flatnonzero(chance >= 0.5)
    if not len(rows):
        return None, chance
    scores = _levelled(best, scores, calms)
    rows = rows[np.argsort(-scores[rows], kind="stable")]
    other = np.setdiff1d(np.flatnonzero(scores >= best.split.threshold), rows)
    at = np.searchsorted(carriers, rows)
    known = (at < len(carriers)) & (carriers[np.minimum(at, len(carriers) - 1)] == rows)
    against = shares[at[known]].argmax(1) != material.labels[rows[known]] if known.any() else np.zeros(0, bool)
    if best.label != EVERY and len(rows) > material.settings.whole * (material.labels == best.label).sum():
        # no row is left that could vote for the label
        against, left = material.doubted[rows], np.setdiff1d(np.flatnonzero(material.labels == best.label), carriers)
        usual = float(material.doubted[left].mean()) if len(left) else 0.0
    else:
        usual = _usual(material, best.label, carriers)
    shown = (space, best.found.direction) if best.shape is None else (spaces["window"], best.shape)
    seen = draw(material.pixels, rows, _matches(material, rows, carriers), *shown, material.settings)
    finding = Finding(
        trigger_id="t1",
        kind=seen.kind,
        label=best.label if len({c.label for c in group}) == 1 else EVERY,
        rows=rows,
        covers=other if best.has_covers(material.settings) else np.zeros(0, np.int64),
        row_scores=scores,
        threshold=best.split.threshold,
        pattern=seen.pattern,
        mask=seen.mask,
        z_map=seen.z_map,
        spectrum=seen.spectrum,
        places=_in_order(seen.places, len(rows)),
        strength=best.split.centre,
        false_alarm=_false_alarm(material, group, scores if calms is not None else None, other),
        contradicted=float(against.mean()) if len(against) else 0.0,
        usual=usual,
    )
    return finding, chance


def _levelled(candidate: Candidate, scores: Float32, calms: Float32 | None) -> Float32:
    """Scores by one threshold for all: less what a picture as calm as the row's has to show more than usual."""
    expected = None if candidate.joint is None else candidate.joint.expected
    if expected is None or calms is None:
        return scores
    return (scores + candidate.split.threshold - expected.limit(calms.astype(np.float64))).astype(np.float32)


def _false_alarm(material: Material, group: list[Candidate], levelled: Float32 | None, covers: Int64) -> float:
    """Share at or above the threshold among rows that the group's candidates were compared with, covers aside."""
    compared = np.logical_and.reduce([material.outside(c.label) for c in group])
    compared[covers] = False
    if levelled is None or not compared.any():
        return float(np.mean([c.split.false_alarm for c in group]))
    return float((levelled[compared] >= group[0].split.threshold).mean())


def _usual(material: Material, label: int, carriers: Int64) -> float:
    """Share of the label's rows without a pattern whose content contradicts the label when carriers do not vote."""
    own = np.flatnonzero(material.labels >= 0 if label == EVERY else material.labels == label)
    rows = material.draw(np.setdiff1d(own, carriers), material.settings.content_rows)
    shares = material.content_shares(rows, carriers)
    return float((shares.argmax(1) != material.labels[rows]).mean()) if len(rows) else 0.0


def _in_order(places: np.ndarray, count: int) -> np.ndarray:  # type: ignore[type-arg]
    # a finding draws at most a few thousand carriers; the rest have no place on record
    return places if len(places) == count else np.zeros((0, 2), np.int32)


def _matches(material: Material, rows: Int64, carriers: Int64) -> Int64:
    """Rows of like content that carry nothing, several for each of the strongest carriers."""
    pool = np.setdiff1d(material.sample(material.settings.match_pool), carriers)
    if len(pool) == 0 or len(rows) == 0:
        return np.zeros(0, np.int64)
    bank = torch.from_numpy(np.ascontiguousarray(material.vectors[pool])).float()
    query = torch.from_numpy(np.ascontiguousarray(material.vectors[rows[: material.settings.content_rows]])).float()
    return np.asarray(pool[(query @ bank.T).topk(min(material.settings.matches, len(pool)), dim=1).indices.numpy().ravel()])
