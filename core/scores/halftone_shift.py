"""Halftone shift: how far an image's features move when the image is told in black and white dots.

The re-characterisation is due to Huang, Liao & Huang, ICPR 2020; reading a training image's sensitivity to a change of
representation as suspicion follows UltraClean (arXiv 2312.10657), which denoises instead. Misses large
patches and strong overlays, which outlive the dots; ranks finely textured honest images high.
"""

from __future__ import annotations

import numpy as np

from ..types import Float32
from .score import Score, either

CHUNK = 8192


def halftone_shift(features: Float32, halftoned: Float32) -> Float32:
    """1 − cosine of each row of `features` and `halftoned` (n, D), float32 (n,) in 0…2; higher = more suspicious.

    The features of the images and of their halftones by one embedder. NaN where either row is not finite or has no
    length. Raises ValueError where the shapes differ.
    """
    if features.shape != halftoned.shape or features.ndim != 2:
        raise ValueError(f"features {features.shape} and halftoned {halftoned.shape} must both be (n, D)")
    found = np.empty(len(features), dtype=np.float32)
    for start in range(0, len(features), CHUNK):
        part = slice(start, start + CHUNK)
        one, other = features[part].astype(np.float64), halftoned[part].astype(np.float64)
        lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
        usable = np.isfinite(lengths) & (lengths > 0)
        cosine = (one * other).sum(axis=1)[usable] / lengths[usable]
        found[part] = np.nan
        found[part][usable] = np.clip(1.0 - cosine, 0.0, 2.0)
    return found


HALFTONE_SHIFT = Score(
    name="halftone_shift",
    title="hangs on fine detail",
    question="How far does the embedding move when the image is told in black and white dots alone?",
    blind_to="large patches and strong overlays, which outlive the dots",
    family="artifact",
    needs="halftone",
    function=halftone_shift,
    explain=either(
        "Redrawn in coarse dots it looks like another image: what it was judged by sits in its finest detail.",
        "Redrawn in coarse dots it still looks like the same image.",
    ),
    source="after Huang et al., ICPR 2020, and UltraClean, arXiv 2312.10657",
)
