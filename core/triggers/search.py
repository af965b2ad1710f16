"""The whole search: every space, every class, the best pattern of each cluster of carriers, drawn and counted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch

from core.triggers.choose import WHOLE, choose, same_pattern
from core.triggers.judge import Candidate, coarse, content_shares, likeness, more_doubted, with_doubt
from core.triggers.material import EVERY, Material
from core.triggers.picture import MATCHES, draw
from core.triggers.pursuit import Pursued, polish, pursue
from core.triggers.seeds import tail_seeds, wave_seeds, waves
from core.triggers.separation import separate, valley
from core.triggers.spaces import Space, calm_space, energy_space, fine_space, plain_space, whitener, window_space
from core.triggers.together import FIXED, alone, join, scores_of
from core.types import Bool, Finding, Float32, Int64, UInt8

LEAST_CLASS = 40
MOST_CLASS = 20_000
REST_ROWS = 6_000
SAMPLE_ROWS = 24_000
ONE_CLASS = 0.7
MOST_ASKED = 1_000
SEARCHED = ("plain", "fine", "energy", "window")

Progress = Callable[[int, int], None]


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


def mine(
    pixels: UInt8,
    labels: Int64,
    classes: int,
    doubted: Bool,
    vectors: Float32,
    *,
    seed: int = 0,
    device: str = "cpu",
    progress: Progress | None = None,
) -> Mined:
    """Search every class for planted patterns; a set in which nothing stands apart gives no finding."""
    with torch.inference_mode():
        material = Material(pixels, labels, classes, doubted, vectors, torch.device(device), seed)
        if np.bincount(labels[labels >= 0], minlength=1).max() < LEAST_CLASS:
            return _conclude(material, {}, [])
        spaces = _spaces(material)
        candidates = _candidates(material, spaces, progress)
        return _conclude(material, spaces, candidates)


def _sample(material: Material, count: int) -> Int64:
    known = np.flatnonzero(material.labels >= 0)
    rng = np.random.default_rng(material.seed)
    return np.sort(rng.choice(known, min(count, len(known)), replace=False))


def _spaces(material: Material) -> dict[str, Space]:
    sample, pixels, device = _sample(material, SAMPLE_ROWS), material.pixels, material.device
    side, whiten = pixels.shape[1], whitener(pixels, sample, device)
    made = [plain_space(side, device), fine_space(side, whiten, device)]
    made += [energy_space(pixels, sample, device), window_space(whiten, device), calm_space(device)]
    return {space.name: space for space in made}


def _candidates(material: Material, spaces: dict[str, Space], progress: Progress | None) -> list[Candidate]:
    counts = np.bincount(material.labels[material.labels >= 0], minlength=material.classes)
    searched = [c for c in range(material.classes) if LEAST_CLASS <= counts[c] < (material.labels >= 0).sum()]
    searched += [EVERY] if int(material.doubted.sum()) >= LEAST_CLASS else []
    found, done = [], 0
    for space in (spaces[name] for name in SEARCHED):
        sample = _sample(material, REST_ROWS)
        there = space.of(material.pixels, sample)
        waves_there = waves(material.pixels, sample, material.device) if space.name == "plain" else None
        for label in searched:
            others = torch.from_numpy(_outside(material, label)[sample]).to(there.device)
            if int(others.sum()) >= LEAST_CLASS:
                rest_waves = None if waves_there is None else waves_there[others]
                found += _of_class(material, space, label, there[others], rest_waves)
            done += 1
            if progress is not None:
                progress(done, len(SEARCHED) * len(searched))
    return found


def _outside(material: Material, label: int) -> Bool:
    """Rows that a class is compared with: other labels', or for wrong labels of any class, the undoubted."""
    if label == EVERY:
        return np.asarray((material.labels >= 0) & ~material.doubted)
    return np.asarray((material.labels >= 0) & (material.labels != label))


def _inside(material: Material, label: int) -> Bool:
    if label == EVERY:
        return np.asarray((material.labels >= 0) & material.doubted)
    return np.asarray(material.labels == label)


def _of_class(
    material: Material, space: Space, label: int, rest: torch.Tensor, rest_waves: torch.Tensor | None
) -> list[Candidate]:
    rows = np.flatnonzero(_inside(material, label))
    if len(rows) > MOST_CLASS:
        rows = np.sort(np.random.default_rng(material.seed).choice(rows, MOST_CLASS, replace=False))
    group = space.of(material.pixels, rows)
    weights, names = [torch.ones(len(rows), device=group.device)], ["all"]
    if label != EVERY and material.doubted[rows].sum() >= 3:
        weights.append(torch.from_numpy(material.doubted[rows]).float().to(group.device))
        names.append("doubted")
    if rest_waves is None:
        more = tail_seeds(group, rest)
    else:
        more = wave_seeds(waves(material.pixels, rows, material.device), rest_waves)
    weights, names = weights + more[0], names + more[1]
    usual = likeness(coarse(material.pixels, rows[:: max(1, len(rows) // 500)], material.device))
    found = []
    # a guess among doubted rows stays among them, every other may gather the whole class
    within = torch.stack([w if name == "doubted" else torch.ones_like(w) for w, name in zip(weights, names, strict=True)], 1)
    for k, result in enumerate(pursue(group, rest, torch.stack(weights, 1), names, within)):
        candidate = _candidate(material, space, label, rows, result, usual)
        apart = candidate.stands_apart()
        # a slight pattern on many doubted rows stands apart only once every row weighs what it likely carries
        if apart or names[k] == "doubted":
            candidate = _candidate(material, space, label, rows, polish(group, rest, result, within[:, k]), usual)
        if candidate.stands_apart() and (apart or candidate.doubted) and not (label == EVERY and _one_class(material, candidate)):
            alike = likeness(coarse(material.pixels, candidate.carriers[:500], material.device))
            found.append(replace(candidate, alike=alike))
    return found


def _candidate(material: Material, space: Space, label: int, rows: Int64, found: Pursued, usual: float) -> Candidate:
    """What pursuit or polishing found, with how it parts the class's rows."""
    split = separate(found.scores.double().cpu().numpy(), found.rest.double().cpu().numpy())
    carries = found.scores.cpu().numpy() >= split.threshold
    doubted = label != EVERY and more_doubted(material.doubted[rows], carries)
    return Candidate(label, space.name, rows, found, split, 0.0, usual, doubted)


def _one_class(material: Material, candidate: Candidate) -> bool:
    """True where the carriers of a pattern of any class in truth bear one label: that class's own search tells more."""
    return int(np.bincount(material.labels[candidate.carriers]).max()) > ONE_CLASS * len(candidate.carriers)


# ---- from candidates to findings -----------------------------------------------------------------------------


def _conclude(material: Material, spaces: dict[str, Space], candidates: list[Candidate]) -> Mined:
    taken, duplicates = choose(material, candidates)
    # measured together, two that shared few rows may turn out to be one
    taken, _ = choose(material, _joined(material, spaces, taken))
    groups = same_pattern(taken)
    carriers = np.unique(np.concatenate([c.carriers for g in groups for c in g])) if groups else np.zeros(0, np.int64)
    shares = content_shares(material.vectors, material.labels, material.classes, carriers, carriers, material.device)
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
    sample = _sample(material, REST_ROWS)
    there = {name: spaces[name].of(material.pixels, sample) for name in FIXED}
    made = []
    for c in taken:
        others = torch.from_numpy(_outside(material, c.label)[sample]).to(material.device)
        made.append(join(material, spaces, c, {name: v[others] for name, v in there.items()}))
    return made


def _scores_of_all(
    material: Material, spaces: dict[str, Space], groups: list[list[Candidate]]
) -> list[tuple[Float32, Float32 | None]]:
    """Scores and calms of every row for each group: where a row took part in the search, it had no part in its direction."""
    if not groups:
        return []
    sample = _sample(material, REST_ROWS)
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
            known = found if c.label == EVERY else with_doubt(found, material.doubted[place])
            chance[place] = np.maximum(chance[place], known)
    rows = np.flatnonzero(chance >= 0.5)
    if not len(rows):
        return None, chance
    rows = rows[np.argsort(-scores[rows], kind="stable")]
    other = np.setdiff1d(np.flatnonzero(scores >= best.split.threshold), rows)
    has_covers = valley(best.found.rest.double().cpu().numpy()) is not None
    at = np.searchsorted(carriers, rows)
    known = (at < len(carriers)) & (carriers[np.minimum(at, len(carriers) - 1)] == rows)
    against = shares[at[known]].argmax(1) != material.labels[rows[known]] if known.any() else np.zeros(0, bool)
    if best.label != EVERY and len(rows) > WHOLE * (material.labels == best.label).sum():
        # no row is left that could vote for the label
        against, left = material.doubted[rows], np.setdiff1d(np.flatnonzero(material.labels == best.label), carriers)
        usual = float(material.doubted[left].mean()) if len(left) else 0.0
    else:
        usual = _usual(material, best.label, carriers)
    shown = (space, best.found.direction) if best.shape is None else (spaces["window"], best.shape)
    seen = draw(material.pixels, rows, _matches(material, rows, carriers), *shown)
    finding = Finding(
        trigger_id="t1",
        kind=seen.kind,
        label=best.label if len({c.label for c in group}) == 1 else EVERY,
        rows=rows,
        covers=other if has_covers else np.zeros(0, np.int64),
        row_scores=scores,
        threshold=best.split.threshold,
        pattern=seen.pattern,
        mask=seen.mask,
        z_map=seen.z_map,
        spectrum=seen.spectrum,
        places=_in_order(seen.places, len(rows)),
        strength=best.split.centre,
        false_alarm=float(np.mean([c.split.false_alarm for c in group])),
        contradicted=float(against.mean()) if len(against) else 0.0,
        usual=usual,
    )
    return finding, chance


def _usual(material: Material, label: int, carriers: Int64) -> float:
    """Share of the label's rows without a pattern whose content contradicts the label when carriers do not vote."""
    own = np.flatnonzero(material.labels >= 0 if label == EVERY else material.labels == label)
    rows = np.setdiff1d(own, carriers)
    if len(rows) > MOST_ASKED:
        rows = np.sort(np.random.default_rng(material.seed).choice(rows, MOST_ASKED, replace=False))
    shares = content_shares(material.vectors, material.labels, material.classes, rows, carriers, material.device)
    return float((shares.argmax(1) != material.labels[rows]).mean()) if len(rows) else 0.0


def _in_order(places: np.ndarray, count: int) -> np.ndarray:  # type: ignore[type-arg]
    # a finding draws at most a few thousand carriers; the rest have no place on record
    return places if len(places) == count else np.zeros((0, 2), np.int32)


def _matches(material: Material, rows: Int64, carriers: Int64) -> Int64:
    """Rows of like content that carry nothing, five for each of up to 1,000 carriers."""
    pool = np.setdiff1d(_sample(material, 20_000), carriers)
    if len(pool) == 0 or len(rows) == 0:
        return np.zeros(0, np.int64)
    bank = torch.from_numpy(np.ascontiguousarray(material.vectors[pool])).float()
    query = torch.from_numpy(np.ascontiguousarray(material.vectors[rows[:1000]])).float()
    return np.asarray(pool[(query @ bank.T).topk(min(MATCHES, len(pool)), dim=1).indices.numpy().ravel()])
