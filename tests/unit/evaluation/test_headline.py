"""A scan in words: the strongest finding first, mistakes beside it, and never the word clean."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from core.evaluation.headline import PATTERNS, headline
from core.types import FINDING_KINDS, UNSEEN, VERDICTS, Inspection
from tests.support.component_harness.fake import make_inspection
from tests.support.finding_toys import a_finding


def scan(findings: list[Any], mistakes: list[int] = [], **given: Any) -> Inspection:  # noqa: B006 - never changed
    base = make_inspection()
    n = len(base.dataset)
    suspicion, verdicts = np.zeros(n, np.float32), np.zeros(n, np.int8)
    suspicion[mistakes], verdicts[mistakes] = np.linspace(0.9, 0.6, len(mistakes)), VERDICTS.index("label_noise")
    for finding in findings:
        suspicion[finding.rows], verdicts[finding.rows] = 0.99, VERDICTS.index("dirty_label_poison")
    fields = {"suspicion": suspicion, "verdicts": verdicts, "findings": tuple(findings), "content": suspicion, "artifact": suspicion}
    return replace(base, threshold=0.5, **(fields | given))


def finding(rows: Any, **given: Any) -> Any:
    return a_finding(len(make_inspection().dataset), rows, **given)


def test_every_kind_of_pattern_has_its_words() -> None:
    assert set(PATTERNS) | {UNSEEN} == set(FINDING_KINDS)


def test_a_patch_with_wrong_labels_and_mistakes_beside_it() -> None:
    found = headline(scan([finding(np.arange(10), contradicted=0.95)], mistakes=[20, 21]))
    assert found.kind == "poison" and found.tag == "Backdoor found"
    assert found.title.startswith("10 images labelled “") and found.title.endswith("carry the same small patch.")
    assert "Most of them show other classes" in found.means and "2 images more that look mislabelled" in found.means
    assert found.mistakes.tolist() == [20, 21]


@pytest.mark.parametrize(("contradicted", "said"), [(0.1, "They show what their label says"), (0.5, "Some of them show other classes")])
def test_right_labels_are_said_to_be_right(contradicted: float, said: str) -> None:
    assert said in headline(scan([finding(np.arange(10), contradicted=contradicted)])).means


def test_a_group_without_a_pattern_is_only_likely() -> None:
    found = headline(scan([finding(np.arange(10), kind=UNSEEN), finding(np.arange(30, 40), trigger_id="t2")]))
    assert found.tag == "Likely poisoned" and "stand apart" in found.title and "There is also 1 more finding." in found.means


def test_many_labels() -> None:
    assert "under many labels" in headline(scan([finding(np.arange(10), label=-1)])).title


def test_mistakes_alone_and_nothing_at_all() -> None:
    assert headline(scan([], mistakes=[4])).title == "1 image looks mislabelled; no pattern was found."
    nothing = headline(scan([]))
    assert (
        nothing.kind == "nothing" and "clean" not in (nothing.title + nothing.means + nothing.tag).lower() and "not proof" in nothing.means
    )


def test_before_the_search_has_ended_the_verdict_is_provisional() -> None:
    found = headline(scan([], mistakes=[4, 5], content=None))
    assert found.kind == "searching" and "still running" in found.title and "So far 2 images look mislabelled" in found.means
