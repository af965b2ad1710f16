"""What other tools say of the same vectors and labels: cleanlab's Datalab and ART's two poison detectors.

Each peer gets the vectors that Taster's own scores got, so the comparison is of methods, not of embeddings. Two of them
were made for the activations of a network trained on the suspect set; on label-blind vectors they lose the tie between
trigger and label that such a training makes, so their figures here say nothing about their use with a trained victim.
SelfClean is no peer of its own: its formula for label errors is our score `label_distance_ratio`, on these same vectors.
"""

from __future__ import annotations

import contextlib
import io
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

PROBE_FOLDS = 5


@dataclass(frozen=True, eq=False)
class Opinion:
    """suspicion: float32 (n,), higher = more suspicious.  flagged: bool (n,), the tool's own verdict as shipped."""

    suspicion: NDArray[np.float32]
    flagged: NDArray[np.bool_]


def datalab_knn(vectors: NDArray[np.float32], labels: NDArray[np.int64], seed: int) -> Opinion:
    """cleanlab Datalab with features=: its own kNN probabilities, then confident learning (Northcutt et al., 2021)."""
    return _datalab(labels, features=vectors)


def datalab_probe(vectors: NDArray[np.float32], labels: NDArray[np.int64], seed: int) -> Opinion:
    """cleanlab Datalab with pred_probs= of a logistic regression on the vectors, out of fold."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    folds = StratifiedKFold(PROBE_FOLDS, shuffle=True, random_state=seed)
    # the vectors are unit rows; brought to unit variance a column, the default penalty neither rules nor vanishes
    scaled = vectors * np.float32(np.sqrt(vectors.shape[1]))
    probe = LogisticRegression(max_iter=200, tol=1e-3)
    return _datalab(labels, pred_probs=cross_val_predict(probe, scaled, labels, cv=folds, method="predict_proba"))


def _datalab(labels: NDArray[np.int64], **evidence: Any) -> Opinion:
    from cleanlab import Datalab

    with contextlib.redirect_stdout(io.StringIO()):
        lab = Datalab({"label": labels}, label_name="label", verbosity=0)
        lab.find_issues(**evidence, issue_types={"label": {}})
    found = lab.get_issues("label")
    # its score is a quality: low = bad
    return Opinion(-found["label_score"].to_numpy(np.float32), found["is_label_issue"].to_numpy(bool))


def activation_clustering(vectors: NDArray[np.float32], labels: NDArray[np.int64], seed: int) -> Opinion:
    """ART's ActivationDefence (Chen et al., 2018): two clusters a class, the smaller one is called poison.

    It ranks no rows; the suspicion is one minus the share of the class that the row's cluster holds, as it reports it.
    """
    from art.defences.detector.poison import ActivationDefence

    np.random.seed(seed)  # its k-means takes the global stream
    defence = ActivationDefence(_carrier(vectors, labels), vectors, labels)
    report, clean = defence.detect_poison(nb_clusters=2, nb_dims=10, reduce="PCA")
    suspicion = np.zeros(len(labels), dtype=np.float32)
    for label, clusters in enumerate(defence.clusters_by_class):
        rows = np.flatnonzero(labels == label)
        held = {j: report[f"Class_{label}"][f"cluster_{j}"]["ptc_data_in_cluster"] for j in range(2)}
        suspicion[rows] = [1.0 - held[int(j)] for j in clusters]
    return Opinion(suspicion, np.array(clean) == 0)


def spectral_signatures(vectors: NDArray[np.float32], labels: NDArray[np.int64], seed: int) -> Opinion:
    """ART's SpectralSignatureDefense (Tran et al., 2018); its verdict is that of its default share of poison, 0.33.

    ART 1.20 projects the vectors as they are, where the paper projects them with the class's mean taken off.
    """
    from art.defences.detector.poison import SpectralSignatureDefense

    carrier = _carrier(vectors, labels)
    _, clean = SpectralSignatureDefense(carrier, vectors, labels).detect_poison()
    # its report names the scores of removed rows only; asked to remove all, it names all
    everything, _ = SpectralSignatureDefense(carrier, vectors, labels, expected_pp_poison=1.0, eps_multiplier=1.0).detect_poison()
    suspicion = np.array([everything[row] for row in range(len(labels))], dtype=np.float32)
    return Opinion(suspicion, np.array(clean) == 0)


def _carrier(vectors: NDArray[np.float32], labels: NDArray[np.int64]) -> Any:
    """A classifier as ART wants one, whose last layer hands the vectors through: its activations are the vectors."""
    import torch
    from art.estimators.classification import PyTorchClassifier

    return PyTorchClassifier(
        model=torch.nn.Sequential(torch.nn.Identity()),
        loss=torch.nn.CrossEntropyLoss(),
        input_shape=(vectors.shape[1],),
        nb_classes=int(labels.max()) + 1,
        device_type="cpu",
    )


Peer = Callable[[NDArray[np.float32], NDArray[np.int64], int], Opinion]

PEERS: dict[str, Peer] = {
    "cleanlab_datalab_knn": datalab_knn,
    "cleanlab_datalab_probe": datalab_probe,
    "art_activation_clustering": activation_clustering,
    "art_spectral_signatures": spectral_signatures,
}


def ask(vectors: NDArray[np.float32], labels: NDArray[np.int64], seed: int) -> tuple[dict[str, Opinion], dict[str, float], dict[str, str]]:
    """(opinions, seconds, reasons why a peer is missing) by the peers' names; a tool that is not installed is left out."""
    logging.getLogger("art").setLevel(logging.ERROR)
    opinions, seconds, missing = {}, {}, {}
    for name, peer in PEERS.items():
        started = time.perf_counter()
        try:
            opinions[name] = peer(vectors, labels, seed)
        except ImportError as error:
            missing[name] = f"not installed: {error.name or error}"
        except Exception as error:  # noqa: BLE001 - a fault in another tool must not cost us our own figures
            missing[name] = f"failed: {type(error).__name__}: {error}"
        seconds[name] = round(time.perf_counter() - started, 2)
    return opinions, seconds, missing
