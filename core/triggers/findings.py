"""From candidates to findings: scored by all spaces together, one a pattern, drawn and counted."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch

from ..types import Bool, Finding, Float32, Int64
from .accept import Accepted, accept
from .candidate import Candidate, with_suspicion
from .choose import choose, same_pattern
from .joint_score import scores_of
from .material import EVERY, Material
from .render import draw
from .spaces import Space


@dataclass(frozen=True, eq=False)
class Mined:
    """findings: by falling strength.  chance: float32 (n,), P(a pattern explains the row's label), 0 where none does.

    rows, shares: triggered rows (m,), and their class shares by content (m, C) when they may not vote for each other.
    others, other_shares: some rows that carry nothing, and the same of them.
    duplicates: rows of clusters that share a pattern because they are nearly the same picture.
    shortcuts: patterns that most of a class shares, with the right content: its own look, which is no poison and has no part in `chance`.
    """

    findings: tuple[Finding, ...]
    chance: Float32
    rows: Int64
    shares: Float32
    duplicates: Int64
    others: Int64
    other_shares: Float32
    shortcuts: tuple[Finding, ...] = ()


@dataclass(frozen=True, eq=False)
class _Triggered:
    """All triggered rows of the set, int64 (m,) in order. contradicted: bool (m,), their content is that of another label."""

    rows: Int64
    contradicted: Bool


@dataclass(frozen=True, eq=False)
class _Scored:
    """One pattern in the set. group: where it was found.  scores, calms: float32 (n,), see joint_score.py."""

    group: list[Accepted]
    scores: Float32
    calms: Float32 | None


def conclude(material: Material, spaces: dict[str, Space], candidates: list[Candidate]) -> Mined:
    """The best pattern of each cluster of triggered rows; spaces: may be empty where there are no candidates."""
    taken, duplicates = choose(material, candidates)
    # measured together, two that shared few rows may turn out to be one
    accepted, _ = choose(material, accept(material, spaces, taken))
    groups = sorted(same_pattern(accepted, material.settings), key=lambda group: -group[0].split.centre)
    rows = np.unique(np.concatenate([c.triggered for g in groups for c in g])) if groups else np.zeros(0, np.int64)
    shares = material.content_shares(rows, rows)
    # without classes there are no shares to ask
    triggered = _Triggered(rows, shares.argmax(1) != material.labels[rows] if len(rows) else np.zeros(0, bool))
    chance = np.zeros(len(material.labels), np.float32)
    findings: list[Finding] = []
    shortcuts: list[Finding] = []
    for scored in _score(material, spaces, groups):
        explains = _explains(material, scored)
        # measured in the whole set, a pattern may be left without a row that more likely carries it than not
        if not (explains >= 0.5).any():
            continue
        found = _finding("", material, spaces, scored, explains, triggered)
        if _is_look(material, found):
            shortcuts.append(replace(found, trigger_id=f"s{len(shortcuts) + 1}", shortcut=True))
        else:
            np.maximum(chance, explains, out=chance)
            findings.append(replace(found, trigger_id=f"t{len(findings) + 1}"))
    held = np.unique(np.concatenate(duplicates)) if duplicates else np.zeros(0, np.int64)
    return Mined(tuple(findings), chance, rows, shares, held, *_beside(material, rows), tuple(shortcuts))


def with_groups(mined: Mined, found: list[Finding], material: Material) -> Mined:
    """`mined` with findings that have no pattern behind it: of their rows the label is taken to be explained by what is not seen."""
    chance, findings = mined.chance.copy(), list(mined.findings)
    for finding in found:
        chance[finding.rows] = np.maximum(chance[finding.rows], finding.mislabelled)
        findings.append(replace(finding, trigger_id=f"t{len(findings) + 1}"))
    rows = np.union1d(mined.rows, np.concatenate([finding.rows for finding in found]))
    others, other_shares = _beside(material, rows)
    shares = material.content_shares(rows, rows)
    return replace(mined, findings=tuple(findings), chance=chance, rows=rows, shares=shares, others=others, other_shares=other_shares)


def _beside(material: Material, rows: Int64) -> tuple[Int64, Float32]:
    """Some labelled rows without `rows`, and their class shares by content without the votes of `rows`; none where there are no `rows`."""
    if not len(rows):
        return np.zeros(0, np.int64), np.zeros((0, material.classes), np.float32)
    others = material.draw(np.setdiff1d(np.flatnonzero(material.labels >= 0), rows), material.settings.content_rows)
    return others, material.content_shares(others, rows)


def _is_look(material: Material, found: Finding) -> bool:
    """Whether most of the label's images carry the pattern and show what the label says.

    Clean-label poison is a minority beside an honest bulk of its class. What most of a class shares is how its pictures were
    made: motorcycles on white, the bars of a sign.
    """
    if found.label == EVERY or found.mislabelled > material.settings.contradicted:
        return False
    return len(found.rows) > material.settings.most_of_class * int((material.labels == found.label).sum())


def _score(material: Material, spaces: dict[str, Space], groups: list[list[Accepted]]) -> list[_Scored]:
    """Every row by each group's score: where a row took part in the search, it had no part in its direction."""
    if not groups:
        return []
    made = []
    measured = scores_of(material.pixels, spaces, [g[0].joint for g in groups], material.device)
    for group, (scores, calms) in zip(groups, measured, strict=True):
        for c in group:
            scores[c.rows] = c.found.scores.cpu().numpy()
        made.append(_Scored(group, scores, calms))
    return made


def _explains(material: Material, scored: _Scored) -> Float32:
    """P(the pattern explains the row's label), float32 (n,)."""
    chance = np.zeros(len(material.labels), np.float32)
    for c in scored.group:
        on = np.flatnonzero(material.labels == c.label if c.label != EVERY else material.labels >= 0)
        rest_of_class = c.chance_of(scored.scores[on], None if scored.calms is None else scored.calms[on])
        for place, found in ((c.rows, c.chance), (on, rest_of_class)):
            known = found if c.label == EVERY else with_suspicion(found, material.suspect[place], material.settings.suspect_rounds)
            chance[place] = np.maximum(chance[place], known)
    return chance


def _finding(
    trigger_id: str, material: Material, spaces: dict[str, Space], scored: _Scored, explains: Float32, triggered: _Triggered
) -> Finding:
    best, scores = scored.group[0], _levelled(scored)
    rows = np.flatnonzero(explains >= 0.5)
    rows = rows[np.argsort(-scores[rows], kind="stable")]
    covers = np.setdiff1d(np.flatnonzero(scores >= best.split.threshold), rows)
    contradicted, usual = _contradicted(material, best.label, rows, triggered)
    name, direction = best.picture
    seen = draw(material.pixels, rows, _matches(material, rows, triggered.rows), spaces[name], direction, material.settings)
    return Finding(
        trigger_id=trigger_id,
        kind=seen.kind,
        label=best.label if len({c.label for c in scored.group}) == 1 else EVERY,
        rows=rows,
        covers=covers if best.has_covers else np.zeros(0, np.int64),
        row_scores=scores,
        threshold=best.split.threshold,
        pattern=seen.pattern,
        mask=seen.mask,
        z_map=seen.z_map,
        spectrum=seen.spectrum,
        # only so many are drawn; where there are more, none has its place on record
        places=seen.places if len(seen.places) == len(rows) else np.zeros((0, 2), np.int32),
        strength=best.split.centre,
        false_alarm=_false_alarm(material, scored, scores, covers),
        contradicted=contradicted,
        usual=usual,
    )


def _levelled(scored: _Scored) -> Float32:
    """Scores by one threshold for all: less what a picture as calm as the row's has to show more than usual."""
    best = scored.group[0]
    if best.joint.expected is None or scored.calms is None:
        return scored.scores
    return (scored.scores + best.split.threshold - best.joint.expected.limit(scored.calms.astype(np.float64))).astype(np.float32)


def _false_alarm(material: Material, scored: _Scored, levelled: Float32, covers: Int64) -> float:
    """Share at or above the threshold among rows that the group's candidates were compared with, covers aside."""
    compared = np.logical_and.reduce([material.outside(c.label) for c in scored.group])
    compared[covers] = False
    if scored.calms is None or not compared.any():
        return float(np.mean([c.split.false_alarm for c in scored.group]))
    return float((levelled[compared] >= scored.group[0].split.threshold).mean())


def _contradicted(material: Material, label: int, rows: Int64, triggered: _Triggered) -> tuple[float, float]:
    """Shares whose content contradicts the label: of `rows`, and of the label's other rows, asked in the same way."""
    if label != EVERY and len(rows) > material.settings.too_many_to_silence * (material.labels == label).sum():
        # too few rows are left that could vote for the label
        left = np.setdiff1d(np.flatnonzero(material.labels == label), triggered.rows)
        return float(material.suspect[rows].mean()), float(material.suspect[left].mean()) if len(left) else 0.0
    against = triggered.contradicted[np.isin(triggered.rows, rows)]
    own = np.flatnonzero(material.labels >= 0 if label == EVERY else material.labels == label)
    others = material.draw(np.setdiff1d(own, triggered.rows), material.settings.content_rows)
    usual = float(material.contradicted(others, triggered.rows).mean()) if len(others) else 0.0
    return float(against.mean()) if len(against) else 0.0, usual


def _matches(material: Material, rows: Int64, triggered: Int64) -> Int64:
    """Rows of like content that carry nothing, several for each of the strongest of `rows`."""
    pool = np.setdiff1d(material.sample(material.settings.match_pool), triggered)
    if len(pool) == 0 or len(rows) == 0:
        return np.zeros(0, np.int64)
    bank = torch.from_numpy(np.ascontiguousarray(material.vectors[pool])).float()
    query = torch.from_numpy(np.ascontiguousarray(material.vectors[rows[: material.settings.content_rows]])).float()
    return np.asarray(pool[(query @ bank.T).topk(min(material.settings.matches, len(pool)), dim=1).indices.numpy().ravel()])
