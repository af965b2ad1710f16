"""The figures are those that a pencil gives."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.evaluation.measures import evaluate, to_table
from core.types import Suggestions, Truth


def truth_of(poisoned: list[int], originals: list[int] | None = None) -> Truth:
    labels = [0] * len(poisoned) if originals is None else originals
    return Truth(np.array(poisoned, dtype=bool), np.array(labels, dtype=np.int64))


def measure(poisoned: list[int], score: list[float]) -> dict:
    n = len(poisoned)
    result = evaluate(
        truth_of(poisoned),
        np.zeros(n, dtype=np.int64),
        {"s": np.array(score, dtype=np.float32)},
        np.zeros(n, bool),
        None,
    )
    return result["scores"]["s"]


# ---- figures


def test_a_hand_made_example():
    # by falling score: +(.9) −(.8) +(.7) −(.4) −(.1)
    got = measure([0, 1, 0, 1, 0], [0.1, 0.9, 0.8, 0.7, 0.4])
    assert got["auroc"] == pytest.approx(5 / 6)  # 3 + 2 of 6 pairs in order
    assert got["ap"] == pytest.approx((1 / 1 + 2 / 3) / 2)
    assert got["tpr_at_fpr"] == {"0.001": 0.5, "0.01": 0.5, "0.05": 0.5}


def test_ties_count_one_half():
    assert measure([1, 0, 1, 0], [1, 1, 1, 1])["auroc"] == 0.5
    got = measure([1, 1, 0], [2, 1, 1])
    assert got["auroc"] == pytest.approx(0.75)
    assert got["tpr_at_fpr"]["0.05"] == 0.5  # the tie cannot be cut


def test_the_fpr_bound_itself_is_allowed():
    # 100 negatives; one of them above the second positive
    poisoned = [1, 0, 1] + [0] * 99
    score = [10.0, 9.0, 8.0] + [0.0] * 99
    got = measure(poisoned, score)["tpr_at_fpr"]
    assert got == {"0.001": 0.5, "0.01": 1.0, "0.05": 1.0}
    assert measure(poisoned[:-1], score[:-1])["tpr_at_fpr"]["0.01"] == 0.5  # 1 of 99 is more than 1 %


def naive(poisoned: list[int], score: list[float]) -> tuple[float, dict[str, float]]:
    clear = [-float("inf") if s != s else s for s in score]
    up = [s for s, p in zip(clear, poisoned, strict=True) if p]
    down = [s for s, p in zip(clear, poisoned, strict=True) if not p]
    pairs = [1.0 if a > b else 0.5 if a == b else 0.0 for a in up for b in down]
    best = {}
    for bound in ("0.001", "0.01", "0.05"):
        best[bound] = 0.0
        for threshold in [*clear, float("inf")]:
            # a threshold at −inf lets everything through
            if sum(b >= threshold for b in down) / len(down) <= float(bound):
                best[bound] = max(best[bound], sum(a >= threshold for a in up) / len(up))
    return sum(pairs) / len(pairs), best


VALUES = st.one_of(st.integers(-3, 3).map(float), st.just(float("nan")), st.floats(-1, 1, width=32))


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.booleans(), VALUES), min_size=2, max_size=40))
def test_agreement_with_counting_every_pair(rows):
    poisoned, score = [int(p) for p, _ in rows], [s for _, s in rows]
    if len(set(poisoned)) < 2:
        assert measure(poisoned, score) == {
            "auroc": None,
            "ap": None,
            "tpr_at_fpr": {"0.001": None, "0.01": None, "0.05": None},
        }
        return
    auroc, best = naive(poisoned, score)
    got = measure(poisoned, score)
    assert got["auroc"] == pytest.approx(auroc)
    assert got["tpr_at_fpr"] == pytest.approx(best)


def test_nan_is_least_suspicious_and_infinity_most():
    assert measure([0, 1, 0], [float("nan"), -5.0, float("nan")])["auroc"] == 1.0
    assert measure([1, 0, 0], [float("nan"), -5.0, -6.0])["auroc"] == 0.0
    assert measure([1, 0, 0], [float("inf"), 5.0, float("-inf")])["auroc"] == 1.0


def test_a_wrong_label_is_positive_even_where_nothing_is_called_poisoned():
    truth = truth_of([0, 1, 0, 0, 0], originals=[0, 1, 2, -1, 3])
    labels = np.array([0, 1, 1, 1, -1])  # row 2 is wrong; row 3 unknown; row 4 has no label to be wrong
    result = evaluate(truth, labels, {}, np.array([1, 1, 0, 0, 0], dtype=bool), None)
    assert result["positives"] == 2 and result["rows"] == 5
    assert result["verdict"] == {"tpr": 0.5, "fpr": pytest.approx(1 / 3)}


def test_suggestions_count_on_wrongly_labelled_rows_only():
    truth = truth_of([1, 1, 1, 0], originals=[2, 2, 0, 1])
    labels = np.array([0, 0, 0, 1])  # row 2 is clean-label poison
    suggestions = Suggestions(np.array([2, -1, 0, 0], dtype=np.int64), np.ones(4, dtype=np.float32))
    args = (truth, labels, {}, np.zeros(4, dtype=bool))
    assert evaluate(*args, suggestions)["suggestion_accuracy"] == 0.5
    assert evaluate(*args, None)["suggestion_accuracy"] is None
    right = truth_of([0, 0], originals=[1, 0])
    nothing = evaluate(right, np.array([1, 0]), {}, np.ones(2, bool), Suggestions(np.array([0, 0]), np.ones(2, np.float32)))
    assert nothing["suggestion_accuracy"] is None
    assert nothing["verdict"] == {"tpr": None, "fpr": 1.0} and nothing["positives"] == 0


def test_the_result_is_plain_json_of_the_promised_shape():
    result = evaluate(truth_of([1, 0]), np.zeros(2, dtype=np.int64), {"a": np.float32([1, 0])}, np.array([True, False]), None)
    assert json.loads(json.dumps(result)) == {
        "scores": {"a": {"auroc": 1.0, "ap": 1.0, "tpr_at_fpr": {"0.001": 1.0, "0.01": 1.0, "0.05": 1.0}}},
        "verdict": {"tpr": 1.0, "fpr": 0.0},
        "suggestion_accuracy": None,
        "rows": 2,
        "positives": 1,
    }
    assert type(result["scores"]["a"]["auroc"]) is float


def test_lengths_must_agree():
    with pytest.raises(ValueError, match="knn"):
        evaluate(truth_of([1, 0]), np.zeros(2, dtype=np.int64), {"knn": np.zeros(3, np.float32)}, np.zeros(2, bool), None)


def test_the_table_lines_up_and_shows_missing_values():
    n = 4
    result = evaluate(
        truth_of([1, 0, 0, 0]),
        np.zeros(n, dtype=np.int64),
        {"knn": np.float32([1, 0, 0, 0]), "a_longer_name": np.float32([0, 0, 0, 1])},
        np.zeros(n, dtype=bool),
        None,
    )
    lines = to_table(result).splitlines()
    assert len({len(line) for line in lines[:3]}) == 1
    assert lines[1].startswith("knn ") and lines[1].split()[1:] == ["1.0000"] * 5
    assert lines[0].split()[-3:] == ["TPR@0.1%FPR", "TPR@1%FPR", "TPR@5%FPR"]
    assert "TPR 0.0000, FPR 0.0000" in to_table(result) and "–" in lines[-2] and "1 of 4" in lines[-1]
