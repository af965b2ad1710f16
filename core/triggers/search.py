"""The whole search: every space, every class, whatever stands apart there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch

from ..types import Bool, Float32, Int64, UInt8
from .accept import Candidate, coarse, far_more_doubted, likeness, more_doubted
from .findings import Mined, conclude
from .material import EVERY, Material
from .pursuit import Pursued, polish, pursue
from .seeds import tail_seeds, wave_seeds, waves
from .separation import Separation, separate
from .settings import MiningSettings
from .spaces import Space, calm_space, energy_space, fine_space, plain_space, whitener, window_space

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
    settings: MiningSettings = MiningSettings(),  # noqa: B008
) -> Mined:
    """Search every class for planted patterns; a set in which nothing stands apart gives no finding."""
    with torch.inference_mode():
        material = Material(pixels, labels, classes, doubted, vectors, torch.device(device), seed, settings)
        if np.bincount(labels[labels >= 0], minlength=1).max() < settings.least_class:
            return conclude(material, {}, [])
        spaces = make_spaces(material)
        candidates = search(material, spaces, progress)
        return conclude(material, spaces, candidates)


def make_spaces(material: Material) -> dict[str, Space]:
    """The spaces by name; what natural images have in common is read from a sample."""
    sample, pixels, device = material.sample(material.settings.whitening_rows), material.pixels, material.device
    side, whiten = pixels.shape[1], whitener(pixels, sample, device)
    made = [plain_space(side, device), fine_space(side, whiten, device)]
    made += [energy_space(pixels, sample, device), window_space(whiten, device), calm_space(device)]
    return {space.name: space for space in made}


def search(material: Material, spaces: dict[str, Space], progress: Progress | None) -> list[Candidate]:
    """Whatever stands apart in any class and any space; progress: told of classes times spaces done."""
    settings = material.settings
    counts = np.bincount(material.labels[material.labels >= 0], minlength=material.classes)
    searched = [c for c in range(material.classes) if settings.least_class <= counts[c] < (material.labels >= 0).sum()]
    searched += [EVERY] if int(material.doubted.sum()) >= settings.least_class else []
    found, done = [], 0
    for space in (spaces[name] for name in SEARCHED):
        sample = material.sample(settings.rest_rows)
        there = space.of(material.pixels, sample)
        waves_there = waves(material.pixels, sample, material.device) if space.name == "plain" else None
        for label in searched:
            others = torch.from_numpy(material.outside(label)[sample]).to(there.device)
            if int(others.sum()) >= settings.least_class:
                rest_waves = None if waves_there is None else waves_there[others]
                found += _of_class(material, space, label, there[others], rest_waves)
            done += 1
            if progress is not None:
                progress(done, len(SEARCHED) * len(searched))
    return found


def _of_class(material: Material, space: Space, label: int, rest: torch.Tensor, rest_waves: torch.Tensor | None) -> list[Candidate]:
    settings = material.settings
    rows = material.draw(np.flatnonzero(material.inside(label)), settings.most_class)
    group = space.of(material.pixels, rows)
    weights, names = [torch.ones(len(rows), device=group.device)], ["all"]
    if label != EVERY and material.doubted[rows].sum() >= settings.least_suspects:
        weights.append(torch.from_numpy(material.doubted[rows]).float().to(group.device))
        names.append("doubted")
    more = (
        tail_seeds(group, rest, settings)
        if rest_waves is None
        else wave_seeds(waves(material.pixels, rows, material.device), rest_waves, settings)
    )
    weights, names = weights + more[0], names + more[1]
    usual = likeness(coarse(material.pixels, rows[:: max(1, len(rows) // settings.likeness_rows)], material.device))
    found = []
    # a guess among doubted rows stays among them, every other may gather the whole class
    within = torch.stack([w if name == "doubted" else torch.ones_like(w) for w, name in zip(weights, names, strict=True)], 1)
    for k, rounds in enumerate(pursue(group, rest, torch.stack(weights, 1), names, within, settings)):
        candidate = _of_rounds(rounds, settings, lambda guess: _candidate(material, space, label, rows, guess, usual))
        apart = candidate.stands_apart(settings)
        # a slight pattern on many doubted rows stands apart only once every row weighs what it likely carries
        if apart or names[k] == "doubted":
            finer = polish(group, rest, candidate.found, within[:, k], settings, doubted=candidate.doubted)
            polished = _candidate(material, space, label, rows, finer, usual)
            candidate = polished if polished.stands_apart(settings) else candidate
        if candidate.stands_apart(settings) and (apart or candidate.doubted) and not (label == EVERY and _one_class(material, candidate)):
            alike = likeness(coarse(material.pixels, candidate.carriers[: settings.likeness_rows], material.device))
            found.append(replace(candidate, alike=alike))
    return found


def _of_rounds(rounds: list[Pursued], settings: MiningSettings, judged: Callable[[Pursued], Candidate]) -> Candidate:
    """The last round's candidate or, where that does not stand apart, the best of the earlier that do.

    rounds: of one guess, the last first. A guess that is right from the start may lose its rows to something louder that
    the class holds anyway (birds with a line of writing below them, beside fifty with a faint wave).
    """
    last = judged(rounds[0])
    if last.stands_apart(settings):
        return last
    early = (judged(guess) for guess in rounds[1:] if guess.agreement >= settings.least_agreement)
    return max((c for c in early if c.stands_apart(settings)), key=lambda c: c.quality, default=last)


def _candidate(material: Material, space: Space, label: int, rows: Int64, found: Pursued, usual: float) -> Candidate:
    """What pursuit or polishing found, with how it parts the class's rows."""
    scores, rest = found.scores.double().cpu().numpy(), found.rest.double().cpu().numpy()
    made = Candidate(label, space.name, rows, found, separate(scores, rest, material.settings), 0.0, usual, False)

    def doubted(split: Separation) -> bool:
        if label == EVERY:
            # all of these rows are doubted and none of the rest: carriers among the rest may be few, and are covers all the same
            return far_more_doubted(split.lift, float(material.doubted[material.labels >= 0].mean()), material.settings.suspect_rise)
        return more_doubted(material.doubted[rows], scores >= split.threshold, material.settings.suspect_rise)

    if not doubted(made.split):
        return made
    wider = separate(scores, rest, material.settings, doubted=True)
    # what comes with a nearer limit has to be doubted as well
    return replace(made, split=wider if doubted(wider) else made.split, doubted=True)


def _one_class(material: Material, candidate: Candidate) -> bool:
    """True where the carriers of a pattern of any class in truth bear one label: that class's own search tells more."""
    return int(np.bincount(material.labels[candidate.carriers]).max()) > material.settings.one_class * len(candidate.carriers)
