"""How the victims are attacked: by the trigger that the truth knows, by a mined pattern, or by triggered images held back.

Attack success: the share of images that are not of the target's class and that the victim calls the target once the
trigger is on them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..attacks import Overlay, find_attack, settings_for
from ..errors import UserError
from ..sources import working_pixels
from ..types import UNLABELLED, Dataset, Finding, Inspection, Int64, Truth, UInt8
from .options import SEVERAL, ProveOptions
from .stamp import STAMPED, stamp_of
from .test_set import TestSet, trusted

HELD_BACK, FEWEST_HELD = 0.3, 4


@dataclass(frozen=True, eq=False)
class Attacked:
    """Images that carry the trigger, and what the attacker wants them called.

    pixels: uint8 (p, side, side, 3).  goals: int64 (p,).  of_test: int64 (p,), index into the test images, or (0,)
    where these are triggered images of the set.  kept_out: int64, rows of the set that no victim may train on.
    facts: what the result says of it, ready for JSON; "reason" where p = 0.
    """

    pixels: UInt8
    goals: Int64
    of_test: Int64
    kept_out: Int64
    facts: dict[str, Any]


def attacked(
    inspection: Inspection,
    pixels: UInt8,
    test: TestSet,
    test_pixels: UInt8,
    truth: Truth | None,
    recipe: Mapping[str, Any] | None,
    options: ProveOptions,
) -> Attacked:
    """The images for the attack success rate, by `options.trigger`; none, with the reason, where no trigger is known.

    recipe: how the set was poisoned, {"attack", "seed", "settings"}, where that is known.
    Raises UserError where a trigger is named that there is not.
    """
    side = pixels.shape[1]
    wanted = options.trigger
    if wanted in ("auto", "truth"):
        known = None if truth is None or recipe is None else _by_truth(inspection, test, truth, recipe, side)
        if known is not None:
            return known
        if wanted == "truth":
            raise UserError("the trigger of this set is not known", "a set that 'poison' wrote, or the demo", "use --trigger auto")
    findings = inspection.findings
    if wanted.startswith("t") and wanted != "truth":
        findings = tuple(f for f in findings if f.trigger_id == wanted)
        if not findings:
            names = ", ".join(f.trigger_id for f in inspection.findings) or "none was found"
            raise UserError(f"the scan found no pattern '{wanted}'", f"its patterns: {names}", "or use --trigger auto")
    for finding in findings:
        found = by_finding(inspection, pixels, test, test_pixels, finding)
        if found is not None:
            return found
    return _none(side, findings, truth)


def _none(side: int, findings: tuple[Finding, ...], truth: Truth | None) -> Attacked:
    if findings:
        reason = "no stamp can make the patterns that were found, and too few of their images have a wrong label to test with"
    elif truth is not None:
        reason = "labels alone were changed, or the trigger was not written down, and the scan found no pattern"
    else:
        reason = "nobody knows of a trigger in this set, and the scan found no pattern"
    empty = np.zeros(0, np.int64)
    facts = {"from": "none", "how": None, "words": f"no attack was tried: {reason}", "reason": reason}
    return Attacked(np.zeros((0, side, side, 3), np.uint8), empty, empty, empty, facts)


# ---- by the truth


def _by_truth(inspection: Inspection, test: TestSet, truth: Truth, recipe: Mapping[str, Any], side: int) -> Attacked | None:
    """The attack's own trigger on test images, at their full size; None for a recipe without one, or that is none."""
    try:
        attack = find_attack(str(recipe["attack"]))
        given = dict(recipe.get("settings") or {})
        settings = settings_for(attack, {name: given[name] for name in attack.defaults if name in given})
        alter = None if attack.trigger is None else attack.trigger(settings, int(recipe.get("seed", 0)))
    except (UserError, KeyError, TypeError, ValueError, AttributeError):
        return None  # the file may have come from anywhere
    if alter is None:
        return None
    goal_of = goals_by_class(inspection.dataset.labels, truth, len(inspection.dataset.classes), by_class=attack.name == "all_to_all")
    if attack.name == "source_specific":
        source = _mode(truth.original_labels[truth.is_poisoned & (truth.original_labels >= 0)])
        goal_of[np.arange(len(goal_of)) != source] = UNLABELLED
    chosen = np.flatnonzero((goal_of[test.labels] != UNLABELLED) & (goal_of[test.labels] != test.labels))
    if not len(chosen):
        return None
    subset = test.dataset.select(chosen)
    # stored as the set's own triggered images are: what encoding takes from a trigger, it takes here too
    overlay = Overlay(subset, frozenset(range(len(chosen))), alter, "source" if recipe.get("encode") == "source" else "lossless")
    pixels = working_pixels(replace(subset, loader=overlay.load, source_rows=None), side)
    goals = goal_of[test.labels[chosen]]
    target = _target_name(inspection.dataset, goals)
    facts = {
        "from": "truth",
        "how": "stamped",
        "attack": attack.name,
        "target": target,
        "images": len(chosen),
        "words": f"the trigger of the attack '{attack.name}', known from the set's truth, put on {len(chosen):,} test images",
    }
    return Attacked(pixels, goals, chosen, np.zeros(0, np.int64), facts)


def goals_by_class(labels: Int64, truth: Truth, classes: int, *, by_class: bool) -> Int64:
    """int64 (classes,): what the attacker wants an image of each class called, read from what was done to the set.

    by_class: each class has a goal of its own (all-to-all), else the commonest label of poisoned rows is everybody's.
    −1 where nothing is known.
    """
    goals = np.full(classes, UNLABELLED, np.int64)
    poisoned = truth.is_poisoned & (labels >= 0)
    if not poisoned.any():
        return goals
    if not by_class:
        goals[:] = _mode(labels[poisoned])
        return goals
    for label in range(classes):
        rows = poisoned & (truth.original_labels == label)
        if rows.any():
            goals[label] = _mode(labels[rows])
    return goals


def _mode(values: Int64) -> int:
    return int(np.bincount(values).argmax()) if len(values) else UNLABELLED


def _target_name(dataset: Dataset, goals: Int64) -> str:
    found = np.unique(goals)
    return dataset.classes[found[0]] if len(found) == 1 else SEVERAL


# ---- by a finding


def by_finding(inspection: Inspection, pixels: UInt8, test: TestSet, test_pixels: UInt8, finding: Finding) -> Attacked | None:
    """A mined pattern put on test images, or triggered images held back; None where neither can be had."""
    dataset = inspection.dataset
    if finding.label >= 0 and finding.kind in STAMPED:
        stamp = stamp_of(finding, pixels, contents_of(inspection), trusted(inspection, None))
        chosen = np.flatnonzero(test.labels != finding.label)
        if stamp is not None and len(chosen):
            how = "replaces" if stamp.opacity > 0.5 else "is added to"
            facts = {
                "from": "finding",
                "how": "stamped",
                "finding": finding.trigger_id,
                "kind": finding.kind,
                "target": dataset.classes[finding.label],
                "images": len(chosen),
                "opacity": round(stamp.opacity, 4),
                "words": f"the pattern {finding.trigger_id} that the scan found, which {how} what is under it, put on {len(chosen):,} test images",
            }
            goals = np.full(len(chosen), finding.label, np.int64)
            return Attacked(stamp.put(test_pixels[chosen]), goals, chosen, np.zeros(0, np.int64), facts)
    return _by_carriers(inspection, pixels, test, finding)


def contents_of(inspection: Inspection) -> Int64:
    """int64 (n,): what each image shows, as far as the scan can tell: the suggestion where there is one, else its label."""
    labels, suggestions = inspection.dataset.labels, inspection.suggestions
    if suggestions is None:
        return np.array(labels)
    return np.where((suggestions.labels != UNLABELLED) & inspection.is_suspicious, suggestions.labels, labels)


def _by_carriers(inspection: Inspection, pixels: UInt8, test: TestSet, finding: Finding) -> Attacked | None:
    """Some of the triggered images whose content contradicts their label are held back: does a victim call them that label?"""
    dataset = inspection.dataset
    wrong = contents_of(inspection)[finding.rows] != dataset.labels[finding.rows]
    able = finding.rows[wrong & ~test.kept_out[finding.rows]]
    count = max(FEWEST_HELD, round(HELD_BACK * len(able)))
    # as many must stay in the set, or there is no attack left to measure
    if len(able) < 2 * FEWEST_HELD:
        return None
    rng = np.random.default_rng(int(dataset.digest[:16], 16))
    rows = np.sort(rng.choice(able, count, replace=False))
    facts = {
        "from": "finding",
        "how": "held_out_carriers",
        "finding": finding.trigger_id,
        "kind": finding.kind,
        "target": _target_name(dataset, dataset.labels[rows]),
        "images": count,
        "words": f"{count:,} of the {len(finding.rows):,} images that carry the pattern {finding.trigger_id} and show another class than their label says, "
        "held back from every training: no stamp can make this pattern",
    }
    return Attacked(pixels[rows], dataset.labels[rows].copy(), np.zeros(0, np.int64), rows, facts)
