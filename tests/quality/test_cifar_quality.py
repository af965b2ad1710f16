"""How good it is on data: CIFAR-10 with a backdoor where it lies at hand, and the demo everywhere."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from core.attacks.apply import apply_attack
from core.embedders import find_embedder
from core.embedders.base import Settings
from core.evaluation.measures import evaluate
from core.neighbours.graph import nearest
from core.scans.embedding import embed
from core.scans.pipeline import inspection_of, newest_scan, open_dataset
from core.scans.stored import truth_of
from core.scores import SCORES
from core.sources import open_source
from core.types import Dataset, Evidence
from core.workspace.workspace import Workspace
from tests.support.core_toys import auroc

HERE = Path(os.environ.get("TASTER_DATA") or Path(__file__).resolve().parents[3] / "shared" / "data")
CIFAR = HERE / "cifar10-train.parquet"
ROWS = 4000

needs_cifar = pytest.mark.skipif(not CIFAR.is_file(), reason=f"no {CIFAR.name}: set TASTER_DATA to the folder that holds it")


@pytest.fixture(scope="module")
def clean() -> Dataset:
    return open_source(CIFAR).select(np.arange(ROWS))


def graph(dataset: Dataset, folder: Path) -> Evidence:
    vectors = embed(dataset, find_embedder("gradients").load(Settings("cpu")), folder).vectors
    return Evidence(dataset.labels, dataset.classes, vectors, *nearest(vectors, 50))


def agreement(evidence: Evidence, k: int = 20) -> float:
    """Share of rows whose label is the most frequent one among their k neighbours."""
    votes = np.zeros((len(evidence), len(evidence.classes)))
    np.add.at(votes, (np.arange(len(evidence))[:, None], evidence.labels[evidence.neighbours[:, :k]]), 1)
    return float((votes.argmax(axis=1) == evidence.labels).mean())


@pytest.fixture(scope="module")
def features(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("features")


@needs_cifar
@pytest.mark.slow
def test_neighbours_by_gradients_agree_with_labels(clean: Dataset, features: Path) -> None:
    assert agreement(graph(clean, features)) > 0.55


@needs_cifar
@pytest.mark.slow
@pytest.mark.parametrize(
    ("rate", "least"),
    # 200 images with the same patch find each other in an embedding that sees the patch, 40 hardly do
    [(0.01, 0.8), (0.05, 0.65)],
)
def test_disagreement_finds_a_backdoor(clean: Dataset, features: Path, rate: float, least: float) -> None:
    poisoned = apply_attack(clean, "badnets", rate=rate, seed=1, encode="lossless")
    assert poisoned.truth is not None
    score = SCORES["knn_disagreement"].function(graph(poisoned, features))
    assert auroc(poisoned.truth.is_poisoned, score) > least


@pytest.mark.slow
def test_the_demo_gives_its_backdoor_and_its_mistakes_away(demo_workspace: Path) -> None:
    workspace = Workspace(demo_workspace)
    key = newest_scan(workspace, "demo")
    assert key is not None
    found = inspection_of(workspace, key)
    assert found is not None and found.suspicion is not None
    truth = truth_of(found.dataset, open_dataset("demo"))
    assert truth is not None
    scores = {"suspicion": found.suspicion, **found.scores}
    result = evaluate(truth, found.dataset.labels, scores, found.is_suspicious, found.suggestions)
    measured, verdict = result["scores"], result["verdict"]
    assert isinstance(measured, dict) and isinstance(verdict, dict)
    assert measured["suspicion"]["auroc"] >= 0.99
    assert measured["knn_disagreement"]["auroc"] >= 0.99
    assert verdict["tpr"] >= 0.97 and verdict["fpr"] <= 0.015
    accuracy = result["suggestion_accuracy"]
    assert isinstance(accuracy, float) and accuracy >= 0.97
