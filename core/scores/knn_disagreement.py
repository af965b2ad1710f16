"""kNN label disagreement: how little of the neighbours' similarity-weighted vote goes to the given label.

In the spirit of Wang et al., *Training set cleansing of backdoor poisoning by self-supervised representation
learning*, ICASSP 2023 (arXiv 2210.10272), and of Zhu et al., *Detecting corrupted labels without training a model
to predict*, ICML 2022 (SimiFeat). Blind to poison whose label is right.
"""

from __future__ import annotations

import numpy as np

from ..neighbours import vote
from ..types import Evidence, Float32


def knn_disagreement(evidence: Evidence) -> Float32:
    """1 − share of the vote for the given label, float32 (n,) in 0…1; higher = more suspicious; NaN unlabelled."""
    return np.asarray(1.0 - vote(evidence).own_share(), dtype=np.float32)
