"""Agreement of detectors against plain loops and scipy; the reasons' sentences; the quadrant's places and regions."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from scipy.stats import spearmanr

from core.evaluation.agreement import agreement
from core.types import VERDICTS, top_size
from tests.support.component_harness.fake import make_inspection
from tests.support.finding_toys import a_finding
from ui.api.reasons import NOT_DESCRIBED, described, detector_words, reasons
from ui.charts.agreement_matrix import ORDER, TOP, _ink, _mixed, agreement_figure, contrast, reading
from ui.charts.quadrant import (
    BUDGET,
    COLOURS,
    CORNERS,
    INK,
    chance_words,
    corner_region,
    decode,
    display,
    drawn_rows,
    encode,
    quadrant_figure,
    quadrant_of,
    region_of,
    rows_in_region,
)
from ui.widgets.components import scatter
from ui.words import VERDICT_WORDS

NAMES = (
    "knn_disagreement", "label_distance_ratio", "outlier", "near_duplicate", "early_learning", "learnability", "spectral_signature",
    "activation_clustering", "scan", "spectre", "halftone_shift", "trigger",
)  # fmt: skip


def columns(n: int = 60, seed: int = 3) -> dict[str, np.ndarray]:
    """Smooth, tied, reversed, constant and partly missing columns."""
    rng = np.random.default_rng(seed)
    base = rng.normal(size=n)
    found = {
        "base": base,
        "noisy": base + rng.normal(size=n),
        "tied": np.floor(base * 1.5),
        "reversed": -base,
        "constant": np.ones(n),
        "holes": np.where(rng.random(n) < 0.3, np.nan, base + 0.2 * rng.normal(size=n)),
        "other holes": np.where(rng.random(n) < 0.2, np.nan, rng.integers(0, 4, n)),
        "nothing": np.full(n, np.nan),
    }
    return {name: column.astype(np.float32) for name, column in found.items()}


# ---- the statistics


def plain_membership(values: np.ndarray, top: int) -> list[float]:
    """Chance of each row to be among the `top`, ties by lot: straight from the definition."""
    out = []
    for value in values:
        above, tied = int((values > value).sum()), int((values == value).sum())
        out.append(min(max((top - above) / tied, 0.0), 1.0))
    return out


def test_spearman_is_scipys_on_the_rows_that_both_can_score():
    scores = columns()
    found = agreement(scores, 10)
    for i, one in enumerate(found.names):
        for j, other in enumerate(found.names):
            shared = np.isfinite(scores[one]) & np.isfinite(scores[other])
            a, b = scores[one][shared], scores[other][shared]
            defined = len(a) > 1 and len(set(a)) > 1 and len(set(b)) > 1
            wanted = spearmanr(a, b).statistic if defined else np.nan
            np.testing.assert_allclose(found.spearman[i, j], wanted, atol=1e-9)


def test_overlap_is_a_plain_loops():
    scores, top = columns(), 10
    found = agreement(scores, top)
    for i, one in enumerate(found.names):
        for j, other in enumerate(found.names):
            shared = np.isfinite(scores[one]) & np.isfinite(scores[other])
            if shared.sum() <= top:
                assert np.isnan(found.overlap[i, j])
            elif i == j:
                assert found.overlap[i, j] == 1
            else:
                a, b = plain_membership(scores[one][shared], top), plain_membership(scores[other][shared], top)
                np.testing.assert_allclose(found.overlap[i, j], sum(x * y for x, y in zip(a, b, strict=True)) / top, atol=1e-12)


def test_planted_agreement_shows_and_chance_is_what_strangers_share():
    rng = np.random.default_rng(0)
    n, top = 4000, 400
    bad = rng.choice(n, top, replace=False)
    one, other, stranger = (rng.normal(size=n) for _ in range(3))
    one[bad] += 20
    other[bad] += 20
    found = agreement({"one": one, "other": other, "stranger": stranger}, top)
    assert found.overlap[0, 1] == 1
    assert found.chance == 0.1
    assert abs(found.overlap[0, 2] - found.chance) < 0.05
    # the planted tenth alone makes no full correlation: the two questions differ
    assert 0.2 < found.spearman[0, 1] < 0.5


def test_a_detector_without_a_top_agrees_by_chance_only():
    scores = columns()
    found = agreement({name: scores[name] for name in ("base", "constant")}, 15)
    assert found.overlap[0, 1] == pytest.approx(15 / 60)


def test_nothing_to_compare():
    assert agreement({}, 20).spearman.shape == (0, 0)
    assert np.isnan(agreement({"a": np.zeros(0, np.float32)}, 20).overlap).all()


@pytest.mark.parametrize(("suspicious", "images", "wanted"), [(0, 1000, 20), (155, 1797, 155), (900, 1000, 500), (5, 30, 15), (0, 0, 0)])
def test_the_top_is_as_large_as_the_suspicion(suspicious, images, wanted):
    assert top_size(suspicious, images) == wanted


# ---- the chart of them


def inspection_with(names: tuple[str, ...] = NAMES, n: int = 400, **more):
    made, rng = make_inspection(n), np.random.default_rng(1)
    values = {name: rng.random(n).astype(np.float32) for name in names}
    return replace(made, scores=values, content=rng.random(n).astype(np.float32), artifact=rng.random(n).astype(np.float32), **more)


@pytest.mark.parametrize("kind", [TOP, ORDER])
@pytest.mark.parametrize("dark", [False, True])
def test_the_matrix_writes_each_pairs_number_readably(kind, dark):
    inspection = inspection_with(NAMES[:4])
    figure = agreement_figure(inspection, kind, dark=dark)
    assert len(figure.layout.annotations) == 4 * 3
    for value in np.linspace(-1, 1, 41):
        ink = (0, 0, 0) if _ink(value, dark) == "#000000" else (255, 255, 255)
        assert contrast(_mixed(value, dark), ink) >= 4.5
    assert str(top_size(int(inspection.is_suspicious.sum()), 400)) in reading(inspection, TOP)


# ---- reasons


def says(inspection, row: int) -> dict[str, str]:
    return {reason.name: reason.says for reason in reasons(inspection, row)}


@pytest.mark.parametrize("name", NAMES)
def test_every_score_has_words_and_a_sentence_for_every_value(name):
    assert detector_words(name) != name
    values = np.array([np.nan, -3.2, 0, 1e-9, 0.3, 0.5, 0.97, 1, 1.7, 5e4, *np.linspace(0, 1, 390)], dtype=np.float32)
    inspection = replace(make_inspection(400), scores={name: values})
    for row in range(12):
        (reason,) = reasons(inspection, row)
        assert re.match(r"[A-Z0-9].*\.$", reason.says)
        assert "nan" not in reason.says and "inf" not in reason.says
        assert (reason.percentile is None) == (reason.high is None) == (row == 0)


def test_a_future_score_gets_a_plain_sentence():
    (reason,) = reasons(replace(make_inspection(51), scores={"moon_phase": np.linspace(0, 4, 51, dtype=np.float32)}), 50)
    assert (reason.detector, reason.asks, reason.blind_to) == ("moon phase", NOT_DESCRIBED, NOT_DESCRIBED)
    assert reason.says == "Its value is 4; the usual value here is 2."
    assert reason.high and reason.percentile == 98


def test_what_cannot_be_judged_says_why():
    inspection = replace(make_inspection(50), scores={"scan": np.full(50, np.nan, np.float32)})
    assert inspection.dataset.labels[20] == -1
    assert "no label" in says(inspection, 20)["scan"]
    assert "too little" in says(inspection, 21)["scan"]


def test_percentiles_are_rounded_down_and_only_the_top_is_high():
    column = np.repeat([0.0, 1.0, 2.0], [150, 49, 1]).astype(np.float32)
    inspection = replace(make_inspection(200), scores={"moon": column})
    first, middle, last = (reasons(inspection, row)[0] for row in (0, 160, 199))
    assert (first.percentile, middle.percentile, last.percentile) == (0, 75, 99)
    # the cut lies within the tied ones: they are all high; what is usual never is
    assert (first.high, middle.high, last.high) == (False, True, True)
    flat = replace(inspection, scores={"moon": np.zeros(200, np.float32)})
    assert not reasons(flat, 3)[0].high


def test_the_neighbours_are_counted():
    inspection = replace(make_inspection(200), scores={"knn_disagreement": np.full(200, 0.876, np.float32)})
    labels, around = inspection.dataset.labels, inspection.evidence.neighbours
    row = next(r for r in range(200) if labels[r] >= 0 and np.bincount(labels[around[r]].clip(0)).argmax() != labels[r])
    told = says(inspection, row)["knn_disagreement"]
    assert told.startswith(f"{sum(labels[around[row]] == labels[row])} of the {around.shape[1]} nearest")
    assert "87 % of its neighbours' vote" in told


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        # d_same²/(d_same² + d_other²) of distances 3 and 1, and of 1 and 2
        ("label_distance_ratio", 0.9, "nearest image of its own label is 3.0 times as far away as the nearest of another label"),
        ("label_distance_ratio", 0.2, "nearest image of another label is 2.0 times as far away as the nearest of its own label"),
        ("near_duplicate", np.exp(-0.25), "4.0 times as near"),
        ("near_duplicate", np.exp(-3), "3.0 times as far away"),
        ("near_duplicate", 1.0, "exactly like it"),
        ("outlier", 0.5, "2.0 times as far away"),
        ("early_learning", np.log(0.625), "a chance of 62 %"),
        ("spectral_signature", 9, "3.0 times as far out"),
    ],
)
def test_a_value_is_turned_back_into_what_was_measured(name, value, wanted):
    column = np.full(60, 0.25, np.float32)
    column[5] = value
    assert wanted in says(replace(make_inspection(60), scores={name: column}), 5)[name]


def test_a_carried_pattern_is_named():
    found = a_finding(60, [4, 5], label=2)
    inspection = replace(make_inspection(60), scores={"trigger": np.asarray(found.row_scores)}, findings=(found,))
    assert "pattern t1" in says(inspection, 4)["trigger"] and "20 deviations" in says(inspection, 4)["trigger"]
    assert "<b>ship</b>" in says(inspection, 4)["trigger"]
    assert "carries none" in says(inspection, 9)["trigger"]
    assert "No pattern was found" in says(replace(inspection, findings=()), 4)["trigger"]


def test_every_registered_score_says_what_it_cannot_see():
    assert all(asks.endswith("?") and blind for asks, blind in described().values())


# ---- the quadrant


def test_places_keep_the_order_and_the_side_of_the_middle():
    chances = np.array([0, 0.0005, 0.002, 0.03, 0.2, 0.499, 0.5, 0.501, 0.8, 0.97, 0.998, 0.9999, 1])
    places = [display(chances, np.random.default_rng(seed)) for seed in range(20)]
    for place in places:
        assert ((place >= 0) == (chances >= 0.5)).all()
        assert all(a < b for a, b in pairwise(place[2:-2]) if b - a > 0.02)
        assert place[:2].max() < -1 and place[-2:].min() > 1
    # rows at the very end do not lie on each other
    assert len(np.unique(display(np.zeros(500), np.random.default_rng(0)))) == 500


def test_a_corner_region_holds_exactly_its_corner():
    inspection = inspection_with(n=2000)
    content, artifact = inspection.content.copy(), inspection.artifact.copy()
    content[:40], artifact[20:60], content[60:80], artifact[70:90] = 0.5, 0.5, 0, 1
    quadrant = quadrant_of(replace(inspection, content=content, artifact=artifact))
    for corner in range(4):
        wanted = np.flatnonzero(((content >= 0.5) == (corner & 1)) & ((artifact >= 0.5) == (corner >> 1)))
        assert rows_in_region(quadrant, corner_region(corner)).tolist() == wanted.tolist()
        assert quadrant.counts[corner] == len(wanted)


def test_a_drawn_box_finds_rows_that_have_no_point():
    n = 20_000
    inspection = inspection_with(("outlier",), n)
    inspection = replace(inspection, content=inspection.content * np.float32(0.3), artifact=inspection.artifact * np.float32(0.3))
    quadrant = quadrant_of(inspection)
    assert len(quadrant.drawn) == BUDGET and sum(quadrant.left_out) == n - BUDGET
    assert set(np.flatnonzero(inspection.is_suspicious)) <= set(quadrant.drawn.tolist())
    region = region_of({"box": [{"x": [-0.4, -0.9], "y": [-0.8, -0.1]}], "lasso": []})
    x, y = quadrant.places.T
    inside = (x > -0.9) & (x < -0.4) & (y > -0.8) & (y < -0.1)
    missed = set(rows_in_region(quadrant, region).tolist()) ^ set(np.flatnonzero(inside).tolist())
    # the address keeps 16 bits a corner: only what lies on the line may change sides
    assert len(missed) <= 2 and inside.sum() > len(set(quadrant.drawn) & set(np.flatnonzero(inside)))


def test_too_many_interesting_rows_are_thinned_in_the_fullest_corner_first():
    rng = np.random.default_rng(0)
    corner = np.repeat(np.array([0, 1, 2, 3], dtype=np.int8), [5000, 4000, 30, 700])
    drawn = drawn_rows(corner, np.zeros(len(corner), bool), rng, budget=2400)
    assert len(drawn) == len(set(drawn.tolist())) == 2400
    assert np.bincount(corner[drawn]).tolist() == [400, 1270, 30, 700]


def test_a_lasso_survives_the_address():
    lasso = {"box": [], "lasso": [{"x": [0.1, 0.5, -0.2], "y": [-0.3, 0.4, 1.2]}]}
    np.testing.assert_allclose(decode(region_of(lasso)), [[0.1, -0.3], [0.5, 0.4], [-0.2, 1.2]], atol=1e-4)
    assert len(decode(encode([(np.cos(t), np.sin(t)) for t in np.linspace(0, 6, 3000)]))) == 400
    assert region_of({"box": [], "lasso": []}) == ""
    for rubbish in ("", "~", "AAAA", "é", "x" * 99999, "%00"):
        assert decode(rubbish).shape == (0, 2)


def test_names_of_the_set_are_no_markup_on_the_chart():
    inspection = inspection_with(NAMES[:1])
    figure = quadrant_figure(inspection, region=corner_region(3), focus=5)
    hovers = "".join(text for trace in figure.data if trace.hovertext is not None for text in trace.hovertext)
    assert "‹b›ship‹/b›" in hovers and set(re.findall(r"<[^>]*>", hovers)) == {"<br>"}
    assert sum(len(trace.x) for trace in figure.data) == 400 + 1
    assert [re.sub(r"</?b>|\s+[\d,]+$", "", note.text) for note in figure.layout.annotations] == list(CORNERS)


@pytest.mark.parametrize(
    ("p", "words"), [(0, "under 0.1 %"), (0.0049, "0.4 %"), (0.03, "3 %"), (0.978, "97 %"), (0.9951, "99.5 %"), (1, "over 99.9 %")]
)
def test_chances_in_words_are_rounded_down(p, words):
    assert chance_words(float(np.float32(p))) == words


@pytest.mark.parametrize(("shade", "ground"), [("light", "#ffffff"), ("dark", "#12161c")])
def test_colours_stand_out(shade, ground):
    def rgb(text: str) -> tuple[int, ...]:
        return tuple(int(text[i : i + 2], 16) for i in (1, 3, 5))

    assert len(COLOURS[shade]) == len(VERDICTS)
    assert all(contrast(rgb(colour), rgb(ground)) >= 3 for colour in COLOURS[shade])
    assert all(contrast(rgb(colour), rgb(ground)) >= 4.5 for colour in INK[shade])


def test_the_map_names_and_colours_verdicts_as_the_quadrant_does(monkeypatch):
    given: dict = {}
    monkeypatch.setattr("ui.widgets.components._map", lambda **told: given.update(told["data"]))
    scatter(make_inspection(30), key="map")
    assert given["verdicts"] == {"names": [VERDICT_WORDS[verdict] for verdict in VERDICTS], "colours": COLOURS}
