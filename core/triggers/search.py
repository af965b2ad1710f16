"""The whole search: every space, every class, whatever stands apart there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch

from ..types import Bool, Float32, Int64, UInt8
from .candidate import Candidate, Guess, coarse, far_more_suspect, likeness, more_suspect
from .findings import Mined, conclude, with_groups
from .groups import Group, group_finding, is_contradicted, merged, uncovered, witnessed
from .material import EVERY, Material
from .pursuit import Pursued, polish, pursue
from .seeds import tail_seeds, wave_seeds, waves
from .separation import Separation, separate
from .settings import MiningSettings
from .spaces import Space, calm_space, energy_space, fine_space, plain_space, whitener, window_space

SEARCHED = ("plain", "calm", "fine", "energy", "window")
# where a wave is one direction, and its frequency a first guess
WAVED = ("plain", "calm")

Progress = Callable[[int, int], None]


def mine(
    pixels: UInt8,
    labels: Int64,
    classes: int,
    suspect: Bool,
    vectors: Float32,
    *,
    seed: int = 0,
    device: str = "cpu",
    parts: Sequence[tuple[int, Int64]] = (),
    known: Float32 | None = None,
    gathered: Sequence[tuple[int, Int64]] = (),
    progress: Progress | None = None,
    settings: MiningSettings = MiningSettings(),  # noqa: B008
) -> Mined:
    """Search every class for planted patterns; a set in which nothing stands apart gives no finding.

    parts, known: what a trained network says, see groups.py.  gathered: (label, rows) whose content contradicts it beyond chance.
    """
    with torch.inference_mode():
        material = Material(pixels, labels, classes, suspect, vectors, torch.device(device), seed, settings)
        sure = np.full(len(labels), np.nan, np.float32) if known is None else known
        groups = merged([*witnessed(material, parts, sure), *(Group(label, rows, "content") for label, rows in gathered)])
        if groups:
            seen = suspect.copy()
            seen[np.concatenate([group.rows for group in groups])] = True
            material = replace(material, suspect=seen, groups=tuple((group.label, group.rows) for group in groups))
        mined = _searched(material, progress)
        left = uncovered(groups, mined.findings, settings.covered)
        return with_groups(mined, [group_finding(material, group, sure) for group in left], material) if left else mined


def _searched(material: Material, progress: Progress | None) -> Mined:
    labels = material.labels
    if np.bincount(labels[labels >= 0], minlength=1).max() < material.settings.least_class:
        return conclude(material, {}, [])
    spaces = make_spaces(material)
    return conclude(material, spaces, search(material, spaces, progress))


def make_spaces(material: Material) -> dict[str, Space]:
    """The spaces by name; what natural images have in common is read from a sample."""
    sample, pixels, device = material.sample(material.settings.whitening_rows), material.pixels, material.device
    side, whiten = pixels.shape[1], whitener(pixels, sample, device)
    made = [plain_space(side, device), fine_space(side, whiten, device)]
    made += [energy_space(pixels, sample, device), window_space(whiten, device), calm_space(device)]
    return {space.name: space for space in made}


def search(material: Material, spaces: dict[str, Space], progress: Progress | None) -> list[Candidate]:
    """Whatever stands apart in any class and any space; progress: called with (done, total) after each class."""
    settings = material.settings
    counts = np.bincount(material.labels[material.labels >= 0], minlength=material.classes)
    searched = [c for c in range(material.classes) if settings.least_class <= counts[c] < (material.labels >= 0).sum()]
    searched += [EVERY] if int(material.suspect.sum()) >= settings.least_class else []
    found, done = [], 0
    for space in (spaces[name] for name in SEARCHED):
        sample = material.sample(settings.rest_rows)
        there = space.of(material.pixels, sample)
        waves_there = waves(material.pixels, sample, material.device) if space.name in WAVED else None
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
    weights, names = _seeds(material, label, rows, group, rest, rest_waves)
    usual = likeness(coarse(material.pixels, rows[:: max(1, len(rows) // settings.likeness_rows)], material.device))
    found = []
    # a guess among label suspects stays among them, every other may gather the whole class
    within = torch.stack([w if name == "suspects" else torch.ones_like(w) for w, name in zip(weights, names, strict=True)], 1)
    for k, rounds in enumerate(pursue(group, rest, torch.stack(weights, 1), names, within, settings)):
        guess = _of_rounds(rounds, settings, lambda pursued: _guess(material, space, label, rows, pursued))
        apart = guess.stands_apart(settings)
        # a slight pattern on many suspects stands apart only once every row weighs what it likely carries
        if apart or names[k] == "suspects":
            finer = polish(group, rest, guess.found, within[:, k], settings, suspect=guess.suspect)
            polished = _guess(material, space, label, rows, finer)
            guess = polished if polished.stands_apart(settings) else guess
        if guess.stands_apart(settings) and (apart or guess.suspect) and not (label == EVERY and _one_class(material, guess)):
            alike = likeness(coarse(material.pixels, guess.triggered[: settings.likeness_rows], material.device))
            found.append(Candidate.of(guess, alike, usual))
    return found


def _seeds(
    material: Material, label: int, rows: Int64, group: torch.Tensor, rest: torch.Tensor, rest_waves: torch.Tensor | None
) -> tuple[list[torch.Tensor], list[str]]:
    """First weights (n,) of a class's rows and their names: all, the label suspects, tails or waves."""
    settings = material.settings
    weights, names = [torch.ones(len(rows), device=group.device)], ["all"]
    if label != EVERY and material.suspect[rows].sum() >= settings.least_suspects:
        weights.append(torch.from_numpy(material.suspect[rows]).float().to(group.device))
        names.append("suspects")
    for of, members in material.groups:
        if of == label:
            weights.append(torch.from_numpy(np.isin(rows, members)).float().to(group.device))
            names.append("group")
    if rest_waves is None:
        more = tail_seeds(group, rest, settings)
    else:
        more = wave_seeds(waves(material.pixels, rows, material.device), rest_waves, settings)
    return weights + more[0], names + more[1]


def _of_rounds(rounds: list[Pursued], settings: MiningSettings, measure: Callable[[Pursued], Guess]) -> Guess:
    """The last round's guess or, where that does not stand apart, the best of the earlier that do.

    rounds: of one guess, the last first. A guess that is right from the start may lose its rows to something louder that
    the class holds anyway (birds with a line of writing below them, beside fifty with a faint wave).
    """
    last = measure(rounds[0])
    if last.stands_apart(settings):
        return last
    early = (measure(pursued) for pursued in rounds[1:] if pursued.agreement >= settings.least_agreement)
    return max((g for g in early if g.stands_apart(settings)), key=lambda g: g.quality, default=last)


def _guess(material: Material, space: Space, label: int, rows: Int64, found: Pursued) -> Guess:
    """What pursuit or polishing found, with how it parts the class's rows."""
    settings = material.settings
    scores, rest = found.scores.double().cpu().numpy(), found.rest.double().cpu().numpy()
    split = separate(scores, rest, settings)

    def suspect(split: Separation) -> bool:
        if label == EVERY:
            # all of these rows are suspect and none of the rest: triggered rows of the rest may be few, and are covers all the same
            return far_more_suspect(split.lift, float(material.suspect[material.labels >= 0].mean()), settings.suspect_rise)
        return more_suspect(material.suspect[rows], scores >= split.threshold, settings.suspect_rise)

    if not suspect(split):
        guess = Guess(label, space.name, rows, found, split, suspect=False)
        # an embedding that sees the pattern takes those that carry it for each other's like: they are asked anew, without their votes
        return (
            replace(guess, suspect=True)
            if label != EVERY and guess.lacks_only_agreement(settings) and is_contradicted(material, label, guess.triggered)
            else guess
        )
    wider = separate(scores, rest, settings, suspect=True)
    # what comes with a nearer limit has to be suspect as well
    return Guess(label, space.name, rows, found, wider if suspect(wider) else split, suspect=True)


def _one_class(material: Material, guess: Guess) -> bool:
    """Whether the triggered rows of a pattern of any class bear one label after all: that class's own search says more."""
    return int(np.bincount(material.labels[guess.triggered]).max()) > material.settings.one_class * len(guess.triggered)
