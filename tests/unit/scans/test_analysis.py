"""What the patterns teach the judgement by content: whose vote counts, and with whom a row is compared."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from core.neighbours.graph import nearest
from core.neighbours.vote import vote
from core.scans import analysis
from core.scans.analysis import _without_pattern, judge_content
from core.triggers import Mined
from core.types import UNLABELLED, Evidence
from tests.support.finding_toys import a_finding

N, PLAIN, CARRIERS = 600, 200, np.arange(400, 600)


def evidence() -> Evidence:
    """Rows 0–199 show and say class 0, 200–399 class 1; 400–599 show class 0 and say 1. Half of class 0's neighbours are of those."""
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, 1], 200)
    vectors = rng.normal(size=(N, 8)).astype(np.float32)
    vectors[:, 0] += np.where((np.arange(N) >= 200) & (np.arange(N) < 400), -4, 4)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return Evidence(labels, ("a", "b"), vectors, *nearest(vectors, 20))


def mined() -> Mined:
    shares = np.tile(np.array([[0.95, 0.05]], np.float32), (len(CARRIERS), 1))
    others = np.zeros(0, np.int64)
    return Mined((), np.zeros(N, np.float32), CARRIERS, shares, others, others, np.zeros((0, 2), np.float32))


def test_carriers_of_wrong_labels_have_no_vote_on_the_others():
    given = evidence()
    content = judge_content(given)
    dirty = np.isin(np.arange(N), CARRIERS)
    wrong, suggestions = _without_pattern(given, content, mined(), dirty)
    before = content.judged.wrong
    assert wrong[:PLAIN].max() < before[:PLAIN].min() / 2
    assert (wrong[CARRIERS] >= 0.95 - 1e-6).all()
    assert (suggestions.labels[CARRIERS] == 0).all() and (suggestions.confidence[CARRIERS] > 0.99).all()
    assert (suggestions.labels[:PLAIN] == 0).all() and (suggestions.labels[200:400] == 1).all()


def test_rows_among_carriers_are_judged_by_as_many_votes_as_the_others():
    given = evidence()
    dirty = np.isin(np.arange(N), CARRIERS)
    few = np.isin(given.neighbours[:PLAIN], CARRIERS).sum(1).max()
    assert few > 12
    asked = []
    content = judge_content(given)

    def voted(evidence):
        asked.append(evidence)
        return vote(evidence)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("core.scans.analysis.vote", voted)
        _without_pattern(given, content, mined(), dirty)
    (rest,) = asked
    assert rest.neighbours.shape == (N - len(CARRIERS), 20)
    assert np.array_equal(rest.vectors, given.vectors[~dirty]) and (rest.labels != UNLABELLED).all()
    np.testing.assert_allclose(rest.similarity[0, 0], (rest.vectors[0] @ rest.vectors[1:].T).max(), atol=1e-6)


def test_without_wrong_labels_nothing_is_judged_anew():
    given = evidence()
    content = judge_content(given)
    wrong, suggestions = _without_pattern(given, content, mined(), np.zeros(N, bool))
    assert wrong is content.judged.wrong and suggestions is content.judged.suggestions


def test_rows_beside_carriers_of_right_labels_are_doubted_only_where_a_model_without_them_does_too(monkeypatch):
    given = evidence()
    content = judge_content(given)
    asked = []

    def judged(labels, classes, shares):
        # the carriers' votes count on, whatever the model is fitted to
        asked.append((labels, shares(np.arange(N))))
        return replace(content.judged, wrong=np.where(np.arange(N) % 2, 0.9, 0.001).astype(np.float32))

    monkeypatch.setattr("core.scans.analysis.judge", judged)
    found = replace(mined(), findings=(a_finding(N, CARRIERS, label=1, contradicted=0.05),))
    wrong, suggestions = _without_pattern(given, content, found, np.zeros(N, bool))
    ((labels, shares),) = asked
    assert (labels[CARRIERS] == UNLABELLED).all() and np.array_equal(labels[:400], given.labels[:400])
    assert np.array_equal(shares, vote(given).shares(np.arange(N)))
    before = content.judged.wrong
    others = np.arange(400)
    assert np.array_equal(wrong[others], np.minimum(before[others], np.where(others % 2, np.float32(0.9), np.float32(0.001))))
    assert np.array_equal(wrong[CARRIERS], before[CARRIERS])
    assert np.array_equal(suggestions.labels, content.judged.suggestions.labels)


def test_many_large_pictures_are_halved_for_the_probe_and_few_or_small_ones_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (6, 64, 64, 3), dtype=np.uint8)
    assert analysis.probed(pixels) is pixels
    monkeypatch.setattr(analysis, "MOST_PROBED", 5 * 64 * 64)
    monkeypatch.setattr(analysis, "CHUNK", 4)
    halved = analysis.probed(pixels)
    wanted = pixels.reshape(6, 32, 2, 32, 2, 3).mean((2, 4))
    assert halved.shape == (6, 32, 32, 3) and halved.dtype == np.uint8
    assert np.abs(halved - wanted).max() <= 0.5
    small = pixels[:, :32, :32].repeat(40, axis=0)
    assert analysis.probed(small) is small
