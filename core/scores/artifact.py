"""The artifact scores: (Probe, labels, classes) -> float32 (n,), higher = more suspicious, NaN = not scorable.

They ask whether something that is no content explains a row's label, and read what a short probe learnt (core/scores/probe/train.py)
instead of the label-blind vectors that the content scores read.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..types import Float32, Int64
from .activation_clustering import activation_clustering
from .by_class import Probed
from .early_learning import early_learning
from .learnability import learnability
from .scan import scan
from .spectral_signature import spectral_signature
from .spectre import spectre


@dataclass(frozen=True)
class ArtifactScore:
    """An entry of the registry: the function, in words what it asks and cannot see, and the paper behind it."""

    function: Callable[[Probed, Int64, int], Float32]
    question: str
    blind_to: str
    source: str


# ordered: tables and pages list scores in this order
ARTIFACT_SCORES: dict[str, ArtifactScore] = {
    "early_learning": ArtifactScore(
        early_learning,
        "Was its label learnt sooner than is usual in its class, from fine detail alone?",
        "patterns that are learnt slowly; it also picks out harmless images that are easy",
        "Li et al., Anti-backdoor learning, NeurIPS 2021",
    ),
    "learnability": ArtifactScore(
        learnability,
        "How much surer of its label than is usual is a small network that looks at fine detail and never saw the image?",
        "patterns on very few images; it also picks out harmless images that are easy",
        "after CLIP-guided backdoor defense (CGD), arXiv 2507.05113",
    ),
    "spectral_signature": ArtifactScore(
        spectral_signature,
        "Does the image lie far out along the direction in which its class varies most?",
        "poison on a small share of a class; it also picks out rare but honest images",
        "Tran, Li and Madry, Spectral signatures, NeurIPS 2018",
    ),
    "activation_clustering": ArtifactScore(
        activation_clustering,
        "Does its class fall into a large and a small group, and is the image in the small one?",
        "poison on a small share of a class, or on about half of it",
        "Chen et al., Activation clustering, 2018",
    ),
    "scan": ArtifactScore(
        scan,
        "Is its class better described as two groups than other classes are, and is the image in the smaller one?",
        "poison in all classes at once, or on a small share of a class",
        "Tang et al., Demon in the variant (SCAn), USENIX Security 2021",
    ),
    "spectre": ArtifactScore(
        spectre,
        "Does the image lie where its class is wider than the inner half of the class would be?",
        "poison on half of a class or more, or poison that looks like the rest of its class",
        "Hayase et al., SPECTRE, ICML 2021",
    ),
}

# scores that the pipeline gathers itself: (question, cannot see)
OTHER_SCORES: dict[str, tuple[str, str]] = {
    "halftone_shift": (
        "How far does the embedding move when the image is told in black and white dots alone?",
        "large patches and strong overlays, which outlive the dots",
    ),
    "trigger": (
        "How strongly does the image carry a pattern that predicts its label?",
        "patterns on very few images, and triggers made of ordinary content",
    ),
}
