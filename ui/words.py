"""Names and numbers as people read them. Names come from hostile sets: shown as text, never as markup."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from core.types import class_title

VERDICT_WORDS = {
    "clean": "clean",
    "label_noise": "label mistake",
    "dirty_label_poison": "poison, wrong label",
    "clean_label_poison": "poison, right label",
    "outlier": "out of place",
    "near_duplicate": "near duplicate",
}
KIND_WORDS = {
    "patch": "a small patch in one place",
    "overlay": "a faint picture laid over the whole image",
    "periodic": "regular stripes or waves",
    "moving_patch": "a small patch that changes its place",
    "resampling": "traces of bending or resizing",
    "texture": "added noise or fine texture",
    "group": "images that stand apart, with no pattern to show",
}


def plain(text: str, most: int = 60) -> str:
    """`text` safe inside Markdown: control characters gone, markup escaped, at most `most` characters."""
    shown = "".join(c if c.isprintable() else "�" for c in text)
    shown = shown if len(shown) <= most else shown[: most - 1] + "…"
    return re.sub(r"([\\`*_{}\[\]()#+\-.!|<>~$:&])", r"\\\1", shown)


def percent(share: float) -> str:
    """3 %, 0.04 %; never 0 for what is not 0."""
    if share != share:
        return "an unknown share"
    value = 100 * share
    return f"{value:.0f} %" if value >= 10 or value == 0 else f"{value:.2g} %"


def class_titles(names: Iterable[str]) -> dict[str, str]:
    """Name -> title, for a widget: of those classes alone that people call otherwise than the set does."""
    return {name: title for name in names if (title := class_title(name)) != name}


def short_name(identity: str) -> str:
    """Last two parts of a source's path, or the demo's title; not escaped."""
    if identity == "demo":
        return "Demo: handwritten digits"
    parts = Path(identity).parts
    return "/".join(parts[-2:]) if len(parts) > 2 else identity


def duration(seconds: float | None) -> str:
    """12 s, 3 min 20 s, 1 h 5 min."""
    if seconds is None:
        return ""
    whole = max(round(seconds), 0)
    if whole < 60:
        return f"{whole} s"
    return f"{whole // 60} min {whole % 60} s" if whole < 3600 else f"{whole // 3600} h {whole % 3600 // 60} min"
