"""A measured sensitivity in words, one line a kind of pattern."""

from __future__ import annotations

from typing import Any


def sensitivity_lines(result: dict[str, Any]) -> list[str]:
    """What the search finds in this set and what it does not, plain text."""
    return [f"{kind['title']}: {_found(kind)}" for kind in result["kinds"].values()]


def _found(kind: dict[str, Any]) -> str:
    if not kind["tried"]:
        return "not tried; the set has too few classes of 24 images or more that nothing was found in"
    counts = "; ".join(f"{entry['images']} images: {entry['found']} of {entry['of']}" for entry in kind["tried"])
    if kind["smallest"] is None:
        return f"not found ({counts})"
    return f"found from {kind['smallest']} images of a class on ({counts})"


def sensitivity_text(result: dict[str, Any]) -> str:
    """The result as the command prints it."""
    lines = [
        f"Known patterns were planted in {result['images']:,} images in memory, {result['passes']} times, and searched for as a scan does "
        f"({result['seconds']:.0f} s). Found is a class whose finding holds half of its planted images:",
        *(f"  {line}" for line in sensitivity_lines(result)),
    ]
    if not result["embedded"]:
        lines.append("The scan's embedder could not be asked about planted images: they count as their originals there.")
    return "\n".join(lines)
