"""What a trained network sees and the verdict does not explain."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from core.evaluation.dissent import dissent
from tests.support.finding_toys import a_finding

N, PART = 300, np.arange(20)


def scan(weight: float, sure: float, *, suspicious: int = 0, findings: tuple[Any, ...] = ()) -> Any:
    """Three classes of 100; the first 20 rows of class 0 are the smaller part. sure: how much surer the network is of them."""
    labels, score, learnability = np.repeat(np.arange(3), 100), np.full(N, 1e-6, np.float32), np.zeros(N, np.float32)
    score[PART], learnability[PART] = weight, sure
    flagged = np.zeros(N, bool)
    flagged[:suspicious] = True
    dataset = SimpleNamespace(labels=labels, classes=("a", "b", "c"))
    given = {"findings": findings, "shortcuts": (), "scores": {"scan": score, "learnability": learnability}}
    return SimpleNamespace(dataset=dataset, suspicion=np.zeros(N), is_suspicious=flagged, **given)


@pytest.mark.parametrize(
    ("weight", "sure", "said"),
    [
        (3.0, 0.0, True),  # SCAn's own rule
        (0.01, 0.95, True),  # sure of one part alone
        (0.01, 0.8, False),  # as clean classes are
        (0.01, 0.0, False),
    ],
)
def test_two_kinds_are_said_where_the_network_is_sure_of_them(weight: float, sure: float, said: bool) -> None:
    found = dissent(scan(weight, sure))
    assert [(one.label, len(one.rows)) for one in found] == ([(0, 20)] if said else [])


def test_what_the_verdict_explains_is_no_disagreement() -> None:
    assert dissent(scan(3.0, 0.95, suspicious=10)) == []
    assert len(dissent(scan(3.0, 0.95, suspicious=9))) == 1
    assert dissent(scan(3.0, 0.95, findings=(a_finding(N, PART),))) == []


def test_before_there_are_scores_nothing_is_said() -> None:
    early = scan(3.0, 0.95)
    early.scores = {}
    assert dissent(early) == []
