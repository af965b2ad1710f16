"""Scores: float32 (n,), higher = more suspicious, always; NaN = not scorable. One file a score, one line here.

Three families of evidence, and each record says what it cannot see: content (do neighbours contradict the label?), artifact
(does something that is no content predict the label?), oddity (is the image out of place?). Scores never see the truth.
"""

from __future__ import annotations

from .activation_clustering import ACTIVATION_CLUSTERING
from .early_learning import EARLY_LEARNING
from .explanations import NOT_DESCRIBED, Reason, explain, title_of
from .halftone_shift import HALFTONE_SHIFT
from .knn_disagreement import KNN_DISAGREEMENT
from .label_distance_ratio import LABEL_DISTANCE_RATIO
from .learnability import LEARNABILITY
from .near_duplicate import NEAR_DUPLICATE
from .outlier import OUTLIER
from .scan import SCAN, class_parts
from .score import Score, by_need, registry
from .spectral_signature import SPECTRAL_SIGNATURE
from .spectre import SPECTRE
from .trigger import TRIGGER

__all__ = ["NOT_DESCRIBED", "SCORES", "Reason", "Score", "by_need", "class_parts", "explain", "score_versions", "title_of"]

# in the order of tables and pages
SCORES: dict[str, Score] = registry(
    KNN_DISAGREEMENT,
    LABEL_DISTANCE_RATIO,
    OUTLIER,
    NEAR_DUPLICATE,
    EARLY_LEARNING,
    LEARNABILITY,
    SPECTRAL_SIGNATURE,
    ACTIVATION_CLUSTERING,
    SCAN,
    SPECTRE,
    HALFTONE_SHIFT,
    TRIGGER,
)


def score_versions() -> dict[str, int]:
    """Name and version of every score: they enter a scan's key, so that a new or changed score makes scans anew."""
    return {name: score.version for name, score in SCORES.items()}
