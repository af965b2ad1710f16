"""A proof's folder: what is finished, what is going on, and the result; a proof that was stopped goes on from here.

proofs/<key>/
  plan.json       arms, test images, trigger, victim, epochs; written once
  runs/<arm>-<seed>.json   one finished victim
  curves.json     the curves of every victim so far, also of the one at work
  examples.npy    test images without and with the trigger
  progress.json   how far it is
  result.json     what the command says at the end
proofs/scan-<key of the scan>.json   the proofs that a scan has had, oldest first
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from ..files import read_array, read_json, write_array, write_json
from ..reviews import ReviewState
from ..workspace import Workspace
from .arms import ARMS
from .trainer import Trained

CONFIDENCE = 0.95


class ProofFolder:
    """The files of one proof."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def plan(self) -> dict[str, Any] | None:
        """What was settled before the first victim; None before that."""
        found = read_json(self.root / "plan.json")
        return found if isinstance(found, dict) else None

    def result(self) -> dict[str, Any] | None:
        """What the command said; None before the last victim is done."""
        found = read_json(self.root / "result.json")
        return found if isinstance(found, dict) else None

    def curves(self) -> dict[str, Any]:
        """ "<arm>/<seed>" -> {"loss", "accuracy", "attack_success"}, one value an epoch."""
        found = read_json(self.root / "curves.json")
        return found if isinstance(found, dict) else {}

    def examples(self) -> NDArray[Any] | None:
        """uint8 (e, 2, side, side, 3): each example without (where known, else the same) and with the trigger."""
        try:
            return read_array(self.root / "examples.npy")
        except (OSError, ValueError):
            return None

    def begin(self, plan: Mapping[str, Any], examples: NDArray[np.uint8]) -> None:
        """Write what is settled."""
        write_array(self.root / "examples.npy", examples)
        write_json(self.root / "plan.json", plan)

    def run(self, arm: str, seed: int) -> dict[str, Any] | None:
        """A finished victim of the arm with this digest; None where it is not finished."""
        found = read_json(self._run_file(arm, seed))
        return found if isinstance(found, dict) else None

    def finish_run(self, arm: str, seed: int, trained: Trained, seconds: float) -> None:
        """Keep a finished victim."""
        write_json(self._run_file(arm, seed), {**asdict(trained), "seconds": round(seconds, 2)})

    def take_over(self, other: ProofFolder, plan: Mapping[str, Any]) -> None:
        """Copy the finished victims of `other` that this proof would train to the same end."""
        theirs = other.plan()
        if theirs is None or theirs.get("lesson") != plan["lesson"]:
            return
        for arm in {arm["digest"] for arm in plan["arms"].values()}:
            for seed in range(plan["options"]["seeds"]):
                found = other.run(arm, seed)
                if found is not None and self.run(arm, seed) is None:
                    write_json(self._run_file(arm, seed), found)

    def write_curves(self, curves: Mapping[str, Any]) -> None:
        """The curves of all victims so far."""
        write_json(self.root / "curves.json", curves)

    def finish(self, result: Mapping[str, Any]) -> None:
        """Keep the result."""
        write_json(self.root / "result.json", result)

    def _run_file(self, arm: str, seed: int) -> Path:
        return self.root / "runs" / f"{arm}-{seed}.json"


def curve_of(run: Mapping[str, Any]) -> dict[str, list[float]]:
    """The three curves of a victim, as they stand in curves.json."""
    return {"loss": run["loss"], "accuracy": run["accuracies"], "attack_success": run["successes"]}


def decisions_digest(people: ReviewState) -> str:
    """Hexadecimal digest of what people have decided, whoever did and whenever."""
    decided = sorted((d.image_id, d.action, d.label) for d in people.standing.values())
    return blake2b(json.dumps(decided).encode(), digest_size=8).hexdigest()


def remember_proof(workspace: Workspace, scan: str, proof: str) -> None:
    """Make `proof` the newest of the scan."""
    path = _list_of(workspace, scan)
    # two proofs begun together are both remembered
    with workspace.locked_folder(path.parent):
        known = [key for key in proofs_of(workspace, scan) if key != proof]
        write_json(path, {"proofs": [*known, proof]})


def proofs_of(workspace: Workspace, scan: str) -> list[str]:
    """Keys of the proofs that a scan has had, the newest last."""
    found = read_json(_list_of(workspace, scan))
    return [str(key) for key in found["proofs"]] if isinstance(found, dict) else []


def _list_of(workspace: Workspace, scan: str) -> Path:
    workspace.scan_dir(scan)  # refuses what is no key
    return workspace.root / "proofs" / f"scan-{scan}.json"


# ---- from runs to the result


def interval(values: Sequence[float]) -> list[float] | None:
    """95 % interval of the mean of one value a seed, Student's t, clipped to 0…1; None for fewer than two."""
    n = len(values)
    if n < 2:
        return None
    mean, half = float(np.mean(values)), float(stdtrit(n - 1, 0.5 + CONFIDENCE / 2) * np.std(values, ddof=1) / n**0.5)
    return [round(max(mean - half, 0.0), 6), round(min(mean + half, 1.0), 6)]


def measured(runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Mean, interval and every seed's value of accuracy and attack success."""
    found: dict[str, Any] = {}
    for name in ("accuracy", "attack_success"):
        values = [run[name] for run in runs if run[name] is not None]
        found[name] = round(float(np.mean(values)), 6) if values else None
        found[f"{name}_interval"] = interval(values)
        found[f"{name}_by_seed"] = values
    return found


def result_of(folder: ProofFolder, plan: Mapping[str, Any], seeds: Sequence[int]) -> dict[str, Any]:
    """The JSON that `prove` says, from the finished victims of `seeds`."""
    found: dict[str, Any] = dict.fromkeys(ARMS)
    seconds: dict[tuple[str, int], float] = {}
    for name, arm in plan["arms"].items():
        runs = [run for seed in seeds if (run := folder.run(arm["digest"], seed)) is not None]
        seconds |= {(arm["digest"], seed): run["seconds"] for seed, run in zip(seeds, runs, strict=True)}
        facts = {key: value for key, value in arm.items() if key != "digest"}
        found[name] = {**measured(runs), "seeds": list(seeds), **facts}
    kept = ("trigger", "test", "victim", "training", "device", "scan", "proof", "dataset")
    return {**found, **{name: plan[name] for name in kept}, "seconds": round(sum(seconds.values()), 2)}
