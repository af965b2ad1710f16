"""kNN label disagreement: how little of the neighbours' similarity-weighted vote goes to the given label.

In the spirit of Wang et al., *Training set cleansing of backdoor poisoning by self-supervised representation
learning*, ICASSP 2023 (arXiv 2210.10272), and of Zhu et al., *Detecting corrupted labels without training a model
to predict*, ICML 2022 (SimiFeat). Blind to poison whose label is right.
"""

from __future__ import annotations

import math

import numpy as np

from ..neighbours import vote
from ..types import UNLABELLED, Evidence, Float32, Inspection
from .score import EDGE, Score


def knn_disagreement(evidence: Evidence) -> Float32:
    """1 − share of the vote for the given label, float32 (n,) in 0…1; higher = more suspicious; NaN unlabelled."""
    return np.asarray(1.0 - vote(evidence).own_share(), dtype=np.float32)


def _neighbours_disagree(inspection: Inspection, row: int, value: float, usual: float, high: bool) -> str:
    against = f"{math.floor(100 * value + EDGE)} % of its neighbours' vote goes against its label"
    evidence = inspection.evidence
    given = int(inspection.dataset.labels[row])
    if evidence is None or evidence.neighbours.shape[1] == 0 or given == UNLABELLED:
        return f"{against}."
    around = evidence.labels[evidence.neighbours[row]]
    counts = np.bincount(around[around != UNLABELLED], minlength=len(evidence.classes))
    leader = int(counts.argmax())
    own = f"{counts[given]} of the {len(around)} nearest images share its label “{evidence.classes[given]}”"
    other = f", {counts[leader]} are called “{evidence.classes[leader]}”" if leader != given else ""
    return f"{own}{other}; weighed by nearness, {against}."


KNN_DISAGREEMENT = Score(
    name="knn_disagreement",
    title="neighbours disagree",
    question="How little of the neighbours' vote goes to the given label?",
    blind_to="poison whose label is right",
    family="content",
    needs="evidence",
    function=knn_disagreement,
    explain=_neighbours_disagree,
)
