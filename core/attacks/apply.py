"""The poison simulator: data set + recipe -> data set with truth."""

from __future__ import annotations

import json
import operator
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path

import numpy as np
from PIL import Image

from ..errors import UnreadableImage, UserError
from ..types import DIGEST_BYTES, Bool, Dataset, Truth, UInt8, content_digest
from .adaptive_blend import ADAPTIVE_BLEND
from .adaptive_patch import ADAPTIVE_PATCH
from .all_to_all import ALL_TO_ALL
from .badnets import BADNETS
from .base import Alter, Attack, Change, Scene, Setting, class_index
from .blended import BLENDED
from .clean_label import CLEAN_LABEL
from .encode import as_png, decoded, encoded_like, is_exact
from .label_file import LABEL_FILE
from .moving_patch import MOVING_PATCH
from .noise_specific import NOISE_SPECIFIC
from .pair_flip import PAIR_FLIP
from .sig import SIG, SIG_CLEAN_LABEL
from .source_specific import SOURCE_SPECIFIC
from .symmetric import SYMMETRIC
from .wanet import WANET
from .write import write_poisoned

__all__ = ["ALIASES", "ATTACKS", "ENCODINGS", "Attack", "apply_attack", "changed_by", "find_attack", "settings_for", "write_poisoned"]

ATTACKS: dict[str, Attack] = {
    attack.name: attack
    for attack in (
        BADNETS,
        BLENDED,
        SIG,
        SIG_CLEAN_LABEL,
        WANET,
        CLEAN_LABEL,
        ALL_TO_ALL,
        SOURCE_SPECIFIC,
        ADAPTIVE_BLEND,
        ADAPTIVE_PATCH,
        MOVING_PATCH,
        NOISE_SPECIFIC,
        SYMMETRIC,
        PAIR_FLIP,
        LABEL_FILE,
    )
}

ALIASES: dict[str, str] = {
    "badnet": "badnets",
    "blend": "blended",
    "label_consistent": "clean_label",
    "sig_clean": "sig_clean_label",
    "a2a": "all_to_all",
    "tact": "source_specific",
    "pairflip": "pair_flip",
    "symmetric_noise": "symmetric",
    "labels": "label_file",
}

# how images with a trigger are stored
ENCODINGS = {
    "source": "as their originals are: format, tables, subsampling, notes; arrays become lossless PNG",
    "lossless": "as lossless PNG, which tells them apart beside originals of another format",
}

# a backdoor that touches more than half of a set is no longer hidden in it; label noise may be any share
LARGEST_RATE = {"dirty_label": 0.5, "clean_label": 0.5, "label_noise": 1.0}


def find_attack(name: str) -> Attack:
    """The attack called `name` (or an alias; case and hyphens do not matter); UserError where there is none."""
    plain = name.strip().lower().replace("-", "_")
    attack = ATTACKS.get(ALIASES.get(plain, plain))
    if attack is None:
        raise UserError(f"attack {name!r} is not known", f"choose one of: {', '.join(ATTACKS)}")
    return attack


def settings_for(attack: Attack, given: Mapping[str, object]) -> dict[str, Setting]:
    """The attack's defaults overlaid with `given`; UserError for names it does not have and values of another type."""
    merged: dict[str, Setting] = dict(attack.defaults)
    for name, value in given.items():
        if name not in merged:
            known = ", ".join(attack.defaults) or "none"
            raise UserError(f"attack {attack.name!r} has no setting {name!r}", f"its settings are: {known}")
        merged[name] = _typed(name, value, attack.defaults[name])
    return merged


def apply_attack(
    dataset: Dataset,
    attack: str,
    *,
    rate: float,
    target: int | str | None = None,
    seed: int = 0,
    labels_file: Path | None = None,
    labels_column: str | None = None,
    exclude_poisoned: bool = False,
    encode: str = "source",
    **settings: object,
) -> Dataset:
    """The data set as `attack` would leave it: same ids, changed labels and pixels, and the truth about both.

    rate: share of all rows to change, 0 < rate ≤ 0.5, for label noise ≤ 1; round(rate·n) rows, at least one.
    Ignored by `label_file`.
    target: class name or index, by default the first class; means nothing to all_to_all and to label noise.
    exclude_poisoned: choose only among rows that the truth does not call poisoned yet.
    encode: how images with a trigger are stored, one of `ENCODINGS`, and so what is read of them.
    Rows without a label are never chosen. Pixels change when a row is read, and only in chosen rows; truth that the
    data set brings is kept: poisoned stays poisoned, and original labels are the oldest known.
    Raises UserError where the recipe does not fit the set.
    """
    card = find_attack(attack)
    chosen_settings = settings_for(card, settings)
    if encode not in ENCODINGS:
        raise UserError(f"encoding {encode!r} is not known", f"choose one of: {', '.join(ENCODINGS)}")
    if labels_file is not None and card is not LABEL_FILE:
        raise UserError(f"attack {card.name!r} takes no labels file", "only 'label_file' does")
    if len(dataset) == 0 or not dataset.classes:
        raise UserError("the data set holds no labelled image", "an attack needs some", "choose another source")
    scene = Scene(
        dataset=dataset,
        eligible=_eligible(dataset, exclude_poisoned),
        rate=_checked_rate(rate, card),
        target=0 if target is None else class_index("target", target, dataset),
        seed=_checked_seed(seed),
        settings=chosen_settings,
        labels_file=labels_file,
        labels_column=labels_column,
    )
    return _changed(scene, card, card.function(scene), encode)


def changed_by(before: Dataset, after: Dataset) -> Bool:
    """bool (n,): rows that the attack from `before` to `after` poisoned; covers, whose labels stay right, are not among them."""
    assert after.truth is not None
    other = (before.labels != after.labels) | (before.image_digests != after.image_digests).any(axis=1)
    return np.asarray(other & after.truth.is_poisoned)


@dataclass(frozen=True, eq=False)
class Overlay:
    """`source` with the pixels of some rows changed on reading (a class, so that it travels to other processes).

    encode: one of `ENCODINGS`; what is loaded is what the encoded bytes show.
    """

    source: Dataset
    rows: frozenset[int]
    alter: Alter
    encode: str = "lossless"

    def load(self, row: int) -> Image.Image:
        """RGB image of `row`, with the trigger where it belongs."""
        image = self.source.load(row)
        if row not in self.rows:
            return image
        before, after = self._pixels(image, row)
        if self.encode == "source" and not np.array_equal(before, after):
            data, suffix = self.source.raw(row)
            if not is_exact(data):
                after = decoded(encoded_like(after, data, suffix)[0])
        return Image.fromarray(after)

    def encoded(self, row: int) -> tuple[bytes, str]:
        """A changed row as `encode` says; the source's own bytes of any other."""
        if row not in self.rows:
            return self.source.raw(row)
        before, after = self._pixels(self.source.load(row), row)
        if self.encode == "lossless":
            return as_png(after), ".png"
        data, suffix = self.source.raw(row)
        return (data, suffix) if np.array_equal(before, after) else encoded_like(after, data, suffix)

    def _pixels(self, image: Image.Image, row: int) -> tuple[UInt8, UInt8]:
        """The pixels of `row` without and with the trigger, each uint8 (h, w, 3)."""
        before = np.asarray(image.convert("RGB"))
        return before, self.alter(before, row)


def _changed(scene: Scene, attack: Attack, change: Change, encode: str) -> Dataset:
    old = scene.dataset
    labels, poisoned = old.labels.copy(), np.zeros(len(old), dtype=bool)
    labels[change.rows] = change.labels
    poisoned[change.rows] = True
    truth = _truth(old, poisoned, change)
    digests = old.image_digests
    new = replace(old, name=f"{old.name} + {attack.name}", labels=labels, truth=truth)
    if change.alter is not None:
        overlay = Overlay(old, frozenset([*change.rows.tolist(), *change.covers.tolist()]), change.alter, encode)
        with suppress(UnreadableImage):  # whoever reads it will be told; here only the recipe is tried
            overlay.load(int(change.rows[0]))
        digests = _digests(scene, attack, change, encode)
        new = replace(new, loader=overlay.load, encoded=overlay.encoded, source_rows=None, image_digests=digests)
    return replace(new, digest=content_digest(old.ids, labels, old.classes, digests))


def _truth(old: Dataset, poisoned: Bool, change: Change) -> Truth:
    """What the attack did, on top of what the data set brings; a cover that is poisoned later is a cover no more."""
    covers, originals = np.zeros(len(old), dtype=bool), old.labels.copy()
    covers[change.covers] = True
    if old.truth is not None:
        poisoned, originals = poisoned | old.truth.is_poisoned, old.truth.original_labels
        covers |= old.truth.is_cover if old.truth.is_cover is not None else False
    covers &= ~poisoned
    return Truth(poisoned, originals, covers if covers.any() else None)


def _digests(scene: Scene, attack: Attack, change: Change, encode: str) -> UInt8:
    """Image digests after the attack, without drawing a pixel: what went in and the recipe decide what comes out."""
    what = [attack.name, dict(scene.settings), scene.seed, *([] if encode == "lossless" else [encode])]
    recipe = json.dumps(what, sort_keys=True).encode()
    digests: UInt8 = scene.dataset.image_digests.copy()
    for row in [*change.rows.tolist(), *change.covers.tolist()]:
        h = blake2b(digests[row].tobytes() + recipe, digest_size=DIGEST_BYTES)
        if change.per_row:
            h.update(str(row).encode())
        digests[row] = np.frombuffer(h.digest(), dtype=np.uint8)
    return digests


def _eligible(dataset: Dataset, exclude_poisoned: bool) -> Bool:
    labelled = dataset.labels >= 0
    if exclude_poisoned and dataset.truth is not None:
        return labelled & ~dataset.truth.is_poisoned
    return labelled


def _checked_rate(rate: float, attack: Attack) -> float:
    largest = LARGEST_RATE[attack.kind]
    # label_file has no use for a rate, so a wrong one does no harm there
    if attack is not LABEL_FILE and not 0 < rate <= largest:
        raise UserError(f"rate {rate:g} cannot be used", f"for {attack.name!r} it must be above 0 and at most {largest:g}")
    return float(rate)


def _checked_seed(seed: int) -> int:
    value = operator.index(seed)
    if value < 0:
        raise UserError(f"seed {value} is negative", "a seed is a whole number from 0 upwards")
    return value


def _typed(name: str, value: object, default: Setting) -> Setting:
    """`value` in the type of `default`; numbers may come as text, as they do from a command line."""
    if isinstance(default, str):
        if isinstance(value, str):
            return value
        raise UserError(f"{name} is {value!r}", "it must be text")
    try:
        number = float(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else float("nan")
    except (ValueError, OverflowError):
        number = float("nan")
    if not np.isfinite(number) or (isinstance(default, int) and number != int(number)):
        kind = "a whole number" if isinstance(default, int) else "a number"
        raise UserError(f"{name} is {value!r}", f"it must be {kind}")
    return int(number) if isinstance(default, int) else number
