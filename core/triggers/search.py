"""The whole search: every space, every class, whatever stands apart there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch

from ..types import Bool, Float32, Int64, UInt8
from .accept import LEAST_AGREEMENT, Candidate, coarse, far_more_doubted, likeness, more_doubted
from .findings import REST_ROWS, Mined, conclude
from .material import EVERY, Material
from .pursuit import Pursued, polish, pursue
from .seeds import tail_seeds, wave_seeds, waves
from .separation import Separation, separate
from .spaces import Space, calm_space, energy_space, fine_space, plain_space, whitener, window_space

LEAST_CLASS = 40
MOST_CLASS = 20_000
SAMPLE_ROWS = 24_000
ONE_CLASS = 0.7
SEARCHED = ("plain", "fine", "energy", "window")

Progress = Callable[[int, int], None]


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
            return conclude(material, {}, [])
        spaces = _spaces(material)
        candidates = _candidates(material, spaces, progress)
        return conclude(material, spaces, candidates)


def _spaces(material: Material) -> dict[str, Space]:
    sample, pixels, device = material.sample(SAMPLE_ROWS), material.pixels, material.device
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
        sample = material.sample(REST_ROWS)
        there = space.of(material.pixels, sample)
        waves_there = waves(material.pixels, sample, material.device) if space.name == "plain" else None
        for label in searched:
            others = torch.from_numpy(material.outside(label)[sample]).to(there.device)
            if int(others.sum()) >= LEAST_CLASS:
                rest_waves = None if waves_there is None else waves_there[others]
                found += _of_class(material, space, label, there[others], rest_waves)
            done += 1
            if progress is not None:
                progress(done, len(SEARCHED) * len(searched))
    return found


def _of_class(material: Material, space: Space, label: int, rest: torch.Tensor, rest_waves: torch.Tensor | None) -> list[Candidate]:
    rows = material.draw(np.flatnonzero(material.inside(label)), MOST_CLASS)
    group = space.of(material.pixels, rows)
    weights, names = [torch.ones(len(rows), device=group.device)], ["all"]
    if label != EVERY and material.doubted[rows].sum() >= 3:
        weights.append(torch.from_numpy(material.doubted[rows]).float().to(group.device))
        names.append("doubted")
    more = tail_seeds(group, rest) if rest_waves is None else wave_seeds(waves(material.pixels, rows, material.device), rest_waves)
    weights, names = weights + more[0], names + more[1]
    usual = likeness(coarse(material.pixels, rows[:: max(1, len(rows) // 500)], material.device))
    found = []
    # a guess among doubted rows stays among them, every other may gather the whole class
    within = torch.stack([w if name == "doubted" else torch.ones_like(w) for w, name in zip(weights, names, strict=True)], 1)
    for k, rounds in enumerate(pursue(group, rest, torch.stack(weights, 1), names, within)):
        candidate = _of_rounds(rounds, lambda guess: _candidate(material, space, label, rows, guess, usual))
        apart = candidate.stands_apart()
        # a slight pattern on many doubted rows stands apart only once every row weighs what it likely carries
        if apart or names[k] == "doubted":
            finer = polish(group, rest, candidate.found, within[:, k], doubted=candidate.doubted)
            polished = _candidate(material, space, label, rows, finer, usual)
            candidate = polished if polished.stands_apart() else candidate
        if candidate.stands_apart() and (apart or candidate.doubted) and not (label == EVERY and _one_class(material, candidate)):
            alike = likeness(coarse(material.pixels, candidate.carriers[:500], material.device))
            found.append(replace(candidate, alike=alike))
    return found


def _of_rounds(rounds: list[Pursued], judged: Callable[[Pursued], Candidate]) -> Candidate:
    """The last round's candidate or, where that does not stand apart, the best of the earlier that do.

    rounds: of one guess, the last first. A guess that is right from the start may lose its rows to something louder that
    the class holds anyway (birds with a line of writing below them, beside fifty with a faint wave).
    """
    last = judged(rounds[0])
    if last.stands_apart():
        return last
    early = (judged(guess) for guess in rounds[1:] if guess.agreement >= LEAST_AGREEMENT)
    return max((c for c in early if c.stands_apart()), key=lambda c: c.quality, default=last)


def _candidate(material: Material, space: Space, label: int, rows: Int64, found: Pursued, usual: float) -> Candidate:
    """What pursuit or polishing found, with how it parts the class's rows."""
    scores, rest = found.scores.double().cpu().numpy(), found.rest.double().cpu().numpy()
    made = Candidate(label, space.name, rows, found, separate(scores, rest), 0.0, usual, False)

    def doubted(split: Separation) -> bool:
        if label == EVERY:
            # all of these rows are doubted and none of the rest: carriers among the rest may be few, and are covers all the same
            return far_more_doubted(split.lift, float(material.doubted[material.labels >= 0].mean()))
        return more_doubted(material.doubted[rows], scores >= split.threshold)

    if not doubted(made.split):
        return made
    wider = separate(scores, rest, doubted=True)
    # what comes with a nearer limit has to be doubted as well
    return replace(made, split=wider if doubted(wider) else made.split, doubted=True)


def _one_class(material: Material, candidate: Candidate) -> bool:
    """True where the carriers of a pattern of any class in truth bear one label: that class's own search tells more."""
    return int(np.bincount(material.labels[candidate.carriers]).max()) > ONE_CLASS * len(candidate.carriers)
