"""The proof: the same victim trained before and after cleansing; how accurate it is, how often the attack works.

This and `evaluate` are the only readers of the truth: here it names the trigger, which test images are clean, and the
arm that shows what perfect cleansing would give. No decision of the automatic rule sees it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import blake2b
from typing import Any

import numpy as np

from ..compute import pick_device
from ..errors import UserError
from ..files import remove_temporaries
from ..reviews import Reviews, ReviewState, review_state
from ..scans import attack_recipe, inspection_of, lineage, open_dataset, source_of, truth_of
from ..sources import working_pixels, working_side
from ..types import Dataset, Inspection, Truth, UInt8
from ..workspace import Progress, State, Workspace, ended
from .arms import Arm, arms
from .attack import Attacked, attacked
from .folder import ProofFolder, curve_of, decisions_digest, proofs_of, remember_proof, result_of
from .options import ProveOptions
from .test_set import TestSet, other_test, own_test
from .trainer import Trained, TrainingSpec, VictimTrainer, look_like_photographs, usual_epochs

__all__ = ["ProofFolder", "ProveOptions", "proofs_of", "prove"]

PROOF_VERSION = 1
EXAMPLES = 12
TRIAL_STEPS_IMAGES = 1500


@dataclass(frozen=True, eq=False)
class Case:
    """What a proof is about, before any pixel is read."""

    inspection: Inspection
    people: ReviewState
    test: Dataset | None
    truth: Truth | None
    recipe: Mapping[str, Any] | None
    options: ProveOptions
    key: str


def prove(scan: str, options: ProveOptions, workspace: Workspace, *, listener: Callable[[State], None] | None = None) -> dict[str, Any]:
    """Train victims for the finished scan `scan` and return the result; finished victims are not trained again.

    Raises UserError for what the user can fix; a proof that stops, however it stops, goes on at the next call.
    """
    options.check()
    case = _case(scan, options, workspace)
    folder = ProofFolder(workspace.proof_dir(case.key))
    earlier = [ProofFolder(workspace.proof_dir(key)) for key in proofs_of(workspace, scan) if key != case.key]
    remember_proof(workspace, scan, case.key)
    done = folder.result()
    if done is not None:
        return done
    with workspace.locked_folder(folder.root):
        remove_temporaries(folder.root)
        progress = Progress(folder.root / "progress.json", listener)
        progress.stage("prove")
        with ended(progress):
            return _proved(case, folder, earlier, progress)


def _case(scan: str, options: ProveOptions, workspace: Workspace) -> Case:
    inspection = inspection_of(workspace, scan)
    if inspection is None or inspection.suspicion is None:
        raise UserError("this set has not been scanned to the end", "a finished scan", "scan it again: it goes on from there")
    source = source_of(workspace, scan)
    opened = open_dataset(source.identity, allow_outside=source.allow_outside, workspace=workspace)
    truth = truth_of(inspection.dataset, opened)
    people = review_state(inspection.dataset, Reviews(workspace.reviews_path).log(lineage(workspace, scan)))
    test = None
    if options.test is not None:
        test = open_dataset(options.test, allow_outside=options.allow_outside, workspace=workspace)
    device = pick_device(options.device)
    options = replace(options, device=device, victim=options.victim or ("resnet18" if device == "cuda" else "small"))
    key = proof_key(inspection, people, test, truth, options)
    return Case(inspection, people, test, truth, attack_recipe(source.identity), options, key)


def proof_key(inspection: Inspection, people: ReviewState, test: Dataset | None, truth: Truth | None, options: ProveOptions) -> str:
    """Hexadecimal name of a proof: scan, decisions, test images, truth and settings; never a place or a time."""
    settings = {**asdict(options), "test": None if test is None else test.digest}
    h = blake2b(json.dumps([PROOF_VERSION, inspection.key, decisions_digest(people), settings], sort_keys=True).encode(), digest_size=16)
    if truth is not None:
        h.update(truth.is_poisoned.tobytes() + truth.original_labels.astype("<i8").tobytes())
    return h.hexdigest()


def _proved(case: Case, folder: ProofFolder, earlier: Sequence[ProofFolder], progress: Progress) -> dict[str, Any]:
    inspection, options = case.inspection, case.options
    # 1. what the victims are tested on
    test = own_test(inspection, case.truth) if case.test is None else other_test(inspection, case.test)
    # 2. every image at the size of the scan's patterns, which is the victims' input
    side = inspection.findings[0].mask.shape[0] if inspection.findings else working_side(inspection.dataset)
    pixels = working_pixels(inspection.dataset, side)
    test_pixels = pixels[test.rows] if len(test.rows) else working_pixels(test.dataset, side)
    # 3. how they are attacked
    attack = attacked(inspection, pixels, test, test_pixels, case.truth, case.recipe, options)
    # 4. what they are trained on
    kept_out = test.kept_out.copy()
    kept_out[attack.kept_out] = True
    sets, classes = arms(inspection, case.people, case.truth, kept_out)
    spec = _spec(case, sets, pixels, (test_pixels, test), attack, len(classes))
    # 5. the training
    plan = folder.plan()
    if plan is None:
        spec = _timed(spec, sets, options)
        plan = _plan(case, sets, classes, test, attack, spec)
        folder.begin(plan, _examples(spec, test_pixels))
    # victims of sets that are as they were, from a proof before the latest decisions
    for other in earlier:
        folder.take_over(other, plan)
    training = Training(folder, plan, replace(spec, epochs=int(plan["training"]["epochs"])), sets, options, progress)
    result = result_of(folder, plan, training.run())
    folder.finish(result)
    return result


def _spec(case: Case, sets: list[Arm], pixels: UInt8, tested: tuple[UInt8, TestSet], attack: Attacked, classes: int) -> TrainingSpec:
    test_pixels, test = tested
    assert case.options.victim is not None
    n = len(attack.goals)
    shown = np.unique(np.linspace(0, n - 1, min(n, EXAMPLES)).astype(np.int64)) if n else np.zeros(0, np.int64)
    return TrainingSpec(
        pixels=pixels,
        test=test_pixels,
        test_labels=test.labels,
        triggered=attack.pixels,
        goals=attack.goals,
        shown=shown,
        shown_plain=attack.of_test[shown] if len(attack.of_test) else np.zeros(0, np.int64),
        classes=classes,
        victim=case.options.victim,
        epochs=case.options.epochs or usual_epochs(len(sets[0].rows), case.options.device),
        device=case.options.device,
        augment=look_like_photographs(pixels),
    )


def _timed(spec: TrainingSpec, sets: list[Arm], options: ProveOptions) -> TrainingSpec:
    """Fewer epochs where `options.minutes` would not do, judged by a short trial; never fewer than one."""
    if options.minutes is None or options.epochs is not None:
        return spec
    rows = np.resize(sets[0].rows, TRIAL_STEPS_IMAGES)
    steps: list[tuple[float, int]] = []
    judged: list[float] = []

    def on_progress(found: Trained, images: int, ended: bool) -> None:
        judged.append(time.monotonic()) if ended else steps.append((time.monotonic(), images))

    VictimTrainer(replace(spec, epochs=1)).train(rows, np.resize(sets[0].labels, len(rows)), 0, on_progress)
    examined = time.monotonic() - judged[-1]
    different = list(_different(sets).values())
    victims, images = options.seeds * len(different), options.seeds * sum(len(arm.rows) for arm in different)
    # the first step of a trial is the slowest: it is left out
    each = (steps[-1][0] - steps[0][0]) / max(sum(count for _, count in steps[1:]), 1)
    an_epoch = each * images + (judged[-1] - steps[-1][0]) * victims
    return replace(spec, epochs=int(np.clip((options.minutes * 60 - examined * victims) / max(an_epoch, 1e-9), 1, spec.epochs)))


def _different(sets: list[Arm]) -> dict[str, Arm]:
    """Arms by digest, the first of each: what is the same is trained once."""
    found: dict[str, Arm] = {}
    for arm in sets:
        found.setdefault(arm.digest, arm)
    return found


def _plan(case: Case, sets: list[Arm], classes: tuple[str, ...], test: TestSet, attack: Attacked, spec: TrainingSpec) -> dict[str, Any]:
    first = {digest: arm.name for digest, arm in _different(sets).items()}
    described = {
        arm.name: {**arm.facts, "same_as": None if first[arm.digest] == arm.name else first[arm.digest], "digest": arm.digest}
        for arm in sets
    }
    plain = spec.shown_plain if len(spec.shown_plain) else None
    return {
        "arms": described,
        "trigger": attack.facts,
        "test": {"from": test.came_from, "images": len(test.labels), "words": test.words},
        "victim": spec.victim,
        "training": {"epochs": spec.epochs, "side": spec.pixels.shape[1], "augmented": spec.augment},
        "device": spec.device,
        "scan": case.inspection.key,
        "proof": case.key,
        "dataset": case.inspection.dataset.name,
        "options": asdict(case.options),
        # the name that finished proofs carry
        "lesson": spec.digest,
        "decisions_digest": decisions_digest(case.people),
        "classes": list(classes),
        "examples": {
            "labels": [] if plain is None else [int(label) for label in test.labels[plain]],
            "goals": [int(goal) for goal in spec.goals[spec.shown]],
            "ids": [] if plain is None else [test.dataset.ids[i] for i in plain],
        },
    }


def _examples(spec: TrainingSpec, test_pixels: UInt8) -> UInt8:
    """uint8 (e, 2, side, side, 3); triggered images that were held back have no form without the trigger."""
    with_it = spec.triggered[spec.shown]
    without = test_pixels[spec.shown_plain] if len(spec.shown_plain) else with_it
    return np.stack([without, with_it], axis=1)


@dataclass(eq=False)
class Training:
    """All victims, seed after seed, so that every set has one before any has two."""

    folder: ProofFolder
    plan: Mapping[str, Any]
    spec: TrainingSpec
    sets: list[Arm]
    options: ProveOptions
    progress: Progress

    def run(self) -> list[int]:
        """Train what is missing; returns the seeds that every set has a victim of."""
        different = _different(self.sets)
        images = self.spec.epochs * sum(len(arm.rows) for arm in different.values())
        self.done, self.total = 0, images * self.options.seeds
        self.curves: dict[str, Any] = {}
        trainer = VictimTrainer(self.spec)
        jobs = [(seed, arm) for seed in range(self.options.seeds) for arm in different.values()]
        for seed, arm in jobs:
            known = self.folder.run(arm.digest, seed)
            if known is not None:
                self.curves[f"{arm.name}/{seed}"] = curve_of(known)
                self.done += self.spec.epochs * len(arm.rows)
        self.folder.write_curves(self.curves)
        self.progress.stage("prove", done=self.done, total=self.total)
        for seed, arm in jobs:
            if self.folder.run(arm.digest, seed) is None:
                self._one(trainer, arm, seed)
        return list(range(self.options.seeds))

    def _one(self, trainer: VictimTrainer, arm: Arm, seed: int) -> None:
        name, started = f"{arm.name}/{seed}", time.monotonic()

        def on_progress(found: Trained, images: int, ended: bool) -> None:
            self.done += images
            if ended:
                self.curves[name] = curve_of(asdict(found))
                self.folder.write_curves(self.curves)
            self.progress.update(self.done, self.total)

        trained = trainer.train(arm.rows, arm.labels, seed, on_progress)
        self.folder.finish_run(arm.digest, seed, trained, time.monotonic() - started)
