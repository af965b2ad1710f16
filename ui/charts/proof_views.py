"""A proof drawn: the curves while victims train, the table in words, the pictures and what each victim calls them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
import streamlit as st
from numpy.typing import NDArray

from core.proofs import SEVERAL, ProofFolder, interval, percent, usual_epochs, with_interval
from ui.words import plain

ARM_WORDS = {
    "as_given": "As given",
    "cleansed": "After automatic cleansing",
    "decided": "As you decided",
    "truth_removed": "Known poison removed",
}
ARM_HELP = {
    "as_given": "the set as it is",
    "cleansed": "your decisions, and the rule for the rest",
    "decided": "your decisions alone",
    "truth_removed": "all that is known to be wrong left out",
}
SHORT_WORDS = {"as_given": "as given", "cleansed": "cleansed", "decided": "as you decided", "truth_removed": "known poison removed"}
# the last line lies upon others when cleansing is perfect
DASHES = {"truth_removed": "dot"}
COLOURS = {"as_given": "#d1495b", "cleansed": "#2a8c82", "decided": "#d9962b", "truth_removed": "#5b7fb8"}
PANELS = {"accuracy": "Accuracy on clean test images", "attack_success": "Attack success"}
# measured on one core, one image of 32 px, forward and back
_CPU_SECONDS = 0.0006
_AROUND = 20.0
_SEEN = 96  # px on screen, about
_IN_A_ROW = 4
_GAP = 4


# ---- words


def seconds_expected(images: int, side: int, seeds: int, *, known: bool) -> float:
    """About how long a proof takes on one CPU core; at most four training sets, three where no truth is known."""
    sets = 4 if known else 3
    return _AROUND + sets * seeds * usual_epochs(images, "cpu") * images * _CPU_SECONDS * (side / 32) ** 2


def verdict(result: Mapping[str, Any]) -> str:
    """What the proof comes to, in one or two sentences of Markdown; names are escaped."""
    before, after = result["as_given"], result["cleansed"]
    accuracy = (
        f"Accuracy on clean images: **{percent(before['accuracy'])}** before, **{percent(after['accuracy'])}** after automatic cleansing."
    )
    if before["attack_success"] is None:
        return f"{accuracy} No attack was tried: {plain(str(result['trigger']['reason']), 300)}."
    target = f"“{plain(str(result['trigger']['target']))}”" if result["trigger"]["target"] != SEVERAL else "what the attacker wants"
    return (
        f"With the trigger on them, **{percent(before['attack_success'])}** of images of other classes are called {target} by a victim of the set as given, "
        f"and **{percent(after['attack_success'])}** after automatic cleansing. {accuracy}"
    )


def rows_in_words(result: Mapping[str, Any]) -> list[dict[str, str]]:
    """The table of results: one row a training set, every cell text."""
    rows = []
    for name, words in ARM_WORDS.items():
        arm = result[name]
        if arm is None:
            rows.append(
                {
                    "Training set": words,
                    "Images": "–",
                    "Accuracy": "truth is not known",
                    "Attack success": "–",
                    "What it is": ARM_HELP[name],
                }
            )
            continue
        help_ = ARM_HELP[name]
        if name == "decided" and not arm["decisions"]:
            help_ = "nothing was decided yet: as given"
        elif name == "decided":
            help_ += f" ({arm['decisions']:,})"
        rows.append(
            {
                "Training set": words,
                "Images": f"{arm['images']:,}",
                "Accuracy": with_interval(arm, "accuracy"),
                "Attack success": with_interval(arm, "attack_success"),
                "What it is": help_,
            }
        )
    return rows


def how_it_was_done(result: Mapping[str, Any]) -> list[str]:
    """Facts about the proof, one line of Markdown each; names are escaped."""
    training, seeds = result["training"], len(result["as_given"]["seeds"])
    augmented = ", images shifted and mirrored at random" if training["augmented"] else ""
    return [
        f"Attack: {plain(str(result['trigger']['words']), 300)}.",
        f"Test images: {plain(str(result['test']['words']), 300)}.",
        f"Victim: {plain(str(result['victim']))}, {training['side']} px, {training['epochs']} epochs, {seeds} {'seed' if seeds == 1 else 'seeds'}, on {plain(str(result['device']))}{augmented}. "
        "In brackets: the 95 % interval of the mean over seeds (Student’s t).",
    ]


# ---- curves


def curves_figure(curves: Mapping[str, Mapping[str, Sequence[float]]], panel: str, epochs: int) -> go.Figure:
    """One panel, "accuracy" or "attack_success": the mean over seeds of each training set, its 95 % interval as a band.

    curves: "<arm>/<seed>" -> {panel: one value an epoch}; victims at work have fewer values.
    """
    figure = go.Figure()
    for arm, words in ARM_WORDS.items():
        runs = [curve[panel] for name, curve in curves.items() if name.split("/")[0] == arm and curve[panel]]
        if not runs:
            continue
        longest = max(len(run) for run in runs)
        values = [[run[epoch] for run in runs if len(run) > epoch] for epoch in range(longest)]
        at = list(range(1, longest + 1))
        bands = [(epoch, band[0], band[1]) for epoch, found in zip(at, values, strict=True) if (band := interval(found)) is not None]
        if bands:
            _add_band(figure, bands, COLOURS[arm])
        figure.add_scatter(
            x=at, y=[100 * float(np.mean(found)) for found in values], name=words, mode="lines+markers", marker={"size": 5},
            line={"color": COLOURS[arm], "width": 2, "dash": DASHES.get(arm, "solid")}, hovertemplate=f"{words}, epoch %{{x}}: %{{y:.1f}} %<extra></extra>",
        )  # fmt: skip
    figure.update_xaxes(title="epoch", range=[0.8, max(epochs, 2) + 0.2], dtick=max(1, epochs // 10))
    figure.update_yaxes(title="%", range=[-3, 103])
    figure.update_layout(height=300, margin={"l": 10, "r": 10, "t": 10, "b": 10}, showlegend=True)
    figure.update_layout(legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0})
    return figure


def _add_band(figure: go.Figure, bands: Sequence[tuple[int, float, float]], colour: str) -> None:
    at, low, high = (list(column) for column in zip(*bands, strict=True))
    figure.add_scatter(
        x=[*at, *at[::-1]], y=[100 * v for v in (*high, *low[::-1])], fill="toself", fillcolor=colour, opacity=0.18,
        line={"width": 0}, mode="lines", hoverinfo="skip", showlegend=False,
    )  # fmt: skip


def draw_curves(folder: ProofFolder, plan: Mapping[str, Any], *, key: str) -> None:
    """Both panels, side by side; the attack's is left out where none was tried."""
    curves, epochs = folder.curves(), int(plan["training"]["epochs"])
    panels = ["accuracy", *(["attack_success"] if plan["trigger"]["how"] else [])]
    for column, panel in zip(st.columns(2), panels, strict=False):
        with column:
            st.markdown(f"**{PANELS[panel]}**")
            st.plotly_chart(curves_figure(curves, panel, epochs), key=f"{key}:{panel}", config={"displayModeBar": False})
    same = [ARM_WORDS[name].lower() for name, arm in plan["arms"].items() if arm["same_as"]]
    if same:
        st.caption(f"Not drawn, since it holds the same images under the same labels as another set: {', '.join(same)}.")


# ---- pictures


def draw_examples(folder: ProofFolder, plan: Mapping[str, Any]) -> None:
    """Test images without and with the trigger, enlarged by whole pixels, and what each victim of the first seed says."""
    pictures = folder.examples()
    if pictures is None or not len(pictures):
        return
    runs = {name: folder.run(arm["digest"], 0) for name, arm in plan["arms"].items() if not arm["same_as"]}
    carriers = plan["trigger"]["how"] == "held_out_carriers"
    st.caption(
        "These images of the set carry the trigger themselves; they were held back from every training."
        if carriers
        else "Left the test image, right the same with the trigger. Below, what the victims of the first seed call the image with the trigger."
    )
    for start in range(0, len(pictures), _IN_A_ROW):
        for column, i in zip(st.columns(_IN_A_ROW), range(start, min(start + _IN_A_ROW, len(pictures))), strict=False):
            with column:
                _example(pictures[i], i, plan, runs, carriers)


def _example(pair: NDArray[Any], i: int, plan: Mapping[str, Any], runs: Mapping[str, Any], carriers: bool) -> None:
    shown = enlarged(pair[1:] if carriers else pair)
    st.image(shown, width=shown.shape[1], output_format="PNG")
    classes, labels = plan["classes"], plan["examples"]["labels"]
    lines = [] if carriers else [f"really “{plain(classes[labels[i]], 24)}”"]
    for name, run in runs.items():
        if run is not None:
            called, chance = run["triggered"][i]
            lines.append(f"{SHORT_WORDS[name]}: **{plain(classes[called], 24)}** ({100 * chance:.0f} %)")
    st.markdown("  \n".join(lines))


def enlarged(pictures: NDArray[Any]) -> NDArray[np.uint8]:
    """uint8 (e, side, side, 3) side by side with a clear gap, every pixel a square of whole pixels: (h, w, 4)."""
    side = pictures.shape[1]
    factor = max(1, round(_SEEN / side))
    large = np.repeat(np.repeat(np.asarray(pictures), factor, axis=1), factor, axis=2)
    solid = np.concatenate([large, np.full((*large.shape[:3], 1), 255, np.uint8)], axis=3)
    gap = np.zeros((solid.shape[1], _GAP, 4), np.uint8)
    parts = [part for picture in solid for part in (picture, gap)]
    found: NDArray[np.uint8] = np.concatenate(parts[:-1], axis=1)
    return found
