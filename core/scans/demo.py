"""The demo: scikit-learn's digits with a backdoor and label mistakes, always the same, and its truth known."""

from __future__ import annotations

from dataclasses import replace

from ..attacks import apply_attack
from ..types import Dataset

DEMO_SEED = 7
DEMO_BACKDOOR = {"attack": "badnets", "rate": 0.05, "target": 0, "seed": DEMO_SEED}
DEMO_MISTAKE_RATE = 0.03


def poisoned_demo(digits: Dataset) -> Dataset:
    """Digits with 5 % carrying a small patch and the label of one class, and 3 % plain mistakes, at a fixed seed."""
    backdoored = apply_attack(digits, **DEMO_BACKDOOR, encode="lossless")  # type: ignore[arg-type]
    poisoned = apply_attack(backdoored, "symmetric", rate=DEMO_MISTAKE_RATE, seed=DEMO_SEED, exclude_poisoned=True)
    return replace(poisoned, name="demo")
