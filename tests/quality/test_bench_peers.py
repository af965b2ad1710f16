"""Other tools are read in their own direction, by their own formula, and may be missing."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from tests.support.core_toys import auroc, clusters

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "bench"))

from peers import PEERS, Opinion, ask


@pytest.fixture(scope="module")
def mislabelled() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(vectors, labels, which are wrong): four clusters, every fifth row of the second is labelled as the first."""
    vectors, labels = clusters(4, 150, noise=0.4)
    wrong = np.zeros(len(labels), dtype=bool)
    wrong[np.flatnonzero(labels == 1)[::5]] = True
    return vectors, np.where(wrong, 0, labels), wrong


@pytest.fixture(scope="module")
def opinions(mislabelled) -> tuple[dict[str, Opinion], dict[str, str]]:
    vectors, labels, _ = mislabelled
    found, _, missing = ask(vectors, labels, 0)
    return found, missing


@pytest.mark.parametrize("name", PEERS)
def test_every_peer_is_read_in_the_right_direction(mislabelled, opinions, name):
    wrong, (found, missing) = mislabelled[2], opinions
    if "not installed" in missing.get(name, ""):
        pytest.skip(missing[name])
    assert name not in missing, missing
    assert auroc(wrong, found[name].suspicion) > 0.8
    assert found[name].flagged[wrong].mean() > found[name].flagged[~wrong].mean()


def test_spectral_signatures_are_their_formula_class_by_class(mislabelled, opinions):
    found, missing = opinions
    if "art_spectral_signatures" in missing:
        pytest.skip(missing["art_spectral_signatures"])
    vectors, labels, _ = mislabelled
    for label in range(4):
        rows = np.flatnonzero(labels == label)
        own = vectors[rows].astype(np.float64)
        centred = own - own.mean(axis=0)
        direction = np.linalg.eigh(centred.T @ centred)[1][:, -1]
        expected = np.abs(own @ direction)
        assert np.allclose(found["art_spectral_signatures"].suspicion[rows], expected, atol=1e-4)
        # one and a half times the share of poison that it expects by default
        cut = np.quantile(expected, 1 - 1.5 * 0.33)
        flagged = found["art_spectral_signatures"].flagged[rows]
        assert (flagged == (expected >= cut))[np.abs(expected - cut) > 1e-4].all()


def test_a_peer_that_fails_is_named_and_costs_nothing_else(monkeypatch):
    def absent(*_: object) -> Opinion:
        raise ModuleNotFoundError("no", name="some_tool")

    def broken(*_: object) -> Opinion:
        raise RuntimeError("out of order")

    well = Opinion(np.zeros(3, np.float32), np.zeros(3, bool))
    monkeypatch.setattr("peers.PEERS", {"a": absent, "b": broken, "c": lambda *_: well})
    found, _, missing = ask(np.eye(3, dtype=np.float32), np.arange(3), 0)
    assert found == {"c": well}
    assert missing == {"a": "not installed: some_tool", "b": "failed: RuntimeError: out of order"}
