"""What every attack is made of: its card, what it may see, what it hands back, and how victims are drawn."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from ..errors import UserError
from ..types import Bool, Dataset, Int64, UInt8

Kind = Literal["dirty_label", "clean_label", "label_noise"]
Setting = float | int | str
Settings = Mapping[str, Setting]
# (pixels uint8 (h, w, 3), row) -> new pixels of the same shape; must be deterministic
Alter = Callable[[UInt8, int], UInt8]

# sizes of patches and margins are given for images of this side, the one the papers use (CIFAR-10)
REFERENCE_SIDE = 32


@dataclass(frozen=True, eq=False)
class Scene:
    """What an attack may see and is asked to do.

    eligible: bool (n,), rows that may be chosen at all (labelled; not poisoned yet where that was asked for).
    rate: share of the whole set to change.  target: index of the class that the backdoor should lead to.
    """

    dataset: Dataset
    eligible: Bool
    rate: float
    target: int
    seed: int
    settings: Settings
    labels_file: Path | None = None
    labels_column: str | None = None

    @property
    def labels(self) -> Int64:
        return self.dataset.labels

    @property
    def n_classes(self) -> int:
        return len(self.dataset.classes)


@dataclass(frozen=True, eq=False)
class Change:
    """What an attack does.

    rows: int64 (m,), the changed rows, ascending.  labels: int64 (m,), their new labels (may be the old ones).
    alter: the trigger, or None where pixels stay as they are.
    per_row: `alter` gives different pixels for the same image in different rows.
    covers: int64 (c,), rows that get the trigger too but keep their label; none of `rows`. They are no poison.
    """

    rows: Int64
    labels: Int64
    alter: Alter | None = None
    per_row: bool = False
    covers: Int64 = field(default_factory=lambda: np.zeros(0, dtype=np.int64))


@dataclass(frozen=True)
class Attack:
    """One attack: what it is called, what it does, its settings with their defaults, and the function that does it.

    function: Scene -> Change.
    trigger: (settings, seed) -> Alter, the trigger alone, to be put on other images; None for label noise.
    """

    name: str
    summary: str
    kind: Kind
    defaults: Settings
    function: Callable[[Scene], Change]
    trigger: Callable[[Settings, int], Alter] | None = None


def choose(scene: Scene, candidates: Bool, who: str) -> Int64:
    """Draw round(rate·n) victims, at least one, from `candidates`; ascending rows; UserError where there are too few.

    `who` names the candidates in that error, e.g. "images of class 'cat'".
    """
    rows = np.flatnonzero(candidates & scene.eligible)
    n = len(scene.labels)
    count = max(1, round(scene.rate * n))
    if count > len(rows):
        largest = math.floor(len(rows) / n * 1e6) / 1e6
        raise UserError(
            f"rate {scene.rate:g} asks for {count} of {n} images, but only {len(rows)} {who} can be changed",
            f"the largest possible rate here is {largest:g}",
            "lower the rate or choose another target",
        )
    rng = np.random.default_rng(scene.seed)
    return np.sort(rng.choice(rows, size=count, replace=False)).astype(np.int64)


def choose_other_classes(scene: Scene) -> Int64:
    """Victims of a dirty-label attack on one target: rows with a label other than the target."""
    need_two_classes(scene)
    name = scene.dataset.classes[scene.target]
    return choose(scene, scene.labels != scene.target, f"labelled images outside class {name!r}")


def choose_target_class(scene: Scene) -> Int64:
    """Victims of a clean-label attack: rows that already carry the target label."""
    name = scene.dataset.classes[scene.target]
    return choose(scene, scene.labels == scene.target, f"images of class {name!r}")


def choose_any(scene: Scene) -> Int64:
    """Victims among all labelled rows."""
    need_two_classes(scene)
    return choose(scene, scene.labels >= 0, "labelled images")


def dirty_label(scene: Scene, alter: Alter) -> Change:
    """Put `alter` on images of other classes and call them the target."""
    rows = choose_other_classes(scene)
    return Change(rows, np.full(len(rows), scene.target, dtype=np.int64), alter)


def clean_label(scene: Scene, alter: Alter, per_row: bool = False) -> Change:
    """Put `alter` on images of the target class and leave their labels alone."""
    rows = choose_target_class(scene)
    return Change(rows, scene.labels[rows], alter, per_row)


def need_two_classes(scene: Scene) -> None:
    """UserError unless there is another class to be mistaken for."""
    if scene.n_classes < 2:
        raise UserError(f"the data set has {scene.n_classes} class(es)", "a wrong label needs at least two", "choose another source")


def class_index(what: str, value: int | str, dataset: Dataset) -> int:
    """Index of the class `value`; a name wins over a number, so that a class called "7" can be named.

    `what` says in the error what the class is for: "target", "source".
    """
    classes = dataset.classes
    if isinstance(value, str) and value in classes:
        return classes.index(value)
    text = str(value).strip()
    if text.isascii() and text.isdigit() and int(text) < len(classes):
        return int(text)
    names = ", ".join(classes[:10]) + (", …" if len(classes) > 10 else "")
    raise UserError(f"{what} {str(value)!r} is no class", f"choose 0…{len(classes) - 1} or one of: {names}")


def number(settings: Settings, name: str, low: float, high: float) -> float:
    """The setting `name` as a number within low…high; UserError otherwise."""
    value = float(settings[name])
    if not low <= value <= high:
        raise UserError(f"{name} is {value:g}", f"it must lie within {low:g}…{high:g}")
    return value


def one_of(settings: Settings, name: str, choices: Sequence[str]) -> str:
    """The setting `name`, which must be one of `choices`; UserError otherwise."""
    value = str(settings[name])
    if value not in choices:
        raise UserError(f"{name} {value!r} is not known", f"choose one of: {', '.join(choices)}")
    return value
