"""A proof as people read it: the table on the terminal, and the progress line."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..workspace import State

ARM_WORDS = {
    "as_given": "as given",
    "cleansed": "cleansed automatically",
    "decided": "as people decided",
    "truth_removed": "truth removed",
}


def percent(value: float | None) -> str:
    """A share as 97.3 %; a dash where there is none."""
    return "–" if value is None else f"{100 * value:.1f} %"


def with_interval(arm: Mapping[str, Any], name: str) -> str:
    """97.3 % (96.1 to 98.5 %)."""
    value, interval = arm[name], arm[f"{name}_interval"]
    if value is None or interval is None:
        return percent(value)
    return f"{percent(value)} ({100 * interval[0]:.1f} to {percent(interval[1])})"


def proof_text(result: Mapping[str, Any]) -> str:
    """The result as aligned text."""
    table = [["training set", "images", "accuracy", "attack success"]]
    for name, words in ARM_WORDS.items():
        arm = result[name]
        if arm is not None:
            table.append([words, f"{arm['images']:,}", with_interval(arm, "accuracy"), with_interval(arm, "attack_success")])
    widths = [max(len(line[i]) for line in table) for i in range(4)]
    lines = [
        "  ".join([line[0].ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(line[1:], widths[1:], strict=True))]) for line in table
    ]
    decisions, seeds = result["decided"]["decisions"], len(result["as_given"]["seeds"])
    lines += [
        "",
        f"attack: {result['trigger']['words']}",
        f"test: {result['test']['words']}",
        f"victim: {result['victim']}, {result['training']['epochs']} epochs, {seeds} {'seed' if seeds == 1 else 'seeds'}, "
        f"on {result['device']}, {result['seconds']:.0f} s of training",
        f"decisions by people: {decisions:,}" + ("" if decisions else " (so that nothing differs from the set as given)"),
    ]
    return "\n".join(lines)


def proof_line(line: Any) -> Callable[[State], None]:
    """A listener that shows a proof's progress on the terminal line `line`."""
    show = line.counter("training victims, images gone through")

    def listen(state: State) -> None:
        if state.state == "running" and state.total:
            show(state.done, state.total)

    return listen
