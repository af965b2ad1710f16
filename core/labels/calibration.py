"""From a share of votes to a chance of being right, learnt from the set itself.

How often is the class that gets this share the right one? Asked of all labelled rows, of which the given label is right but for those
that the label model doubts: a row whose content names another class counts as much against the vote as its label is likely
to be right. Isotonic regression (Zadrozny and Elkan, KDD 2002), so that more votes never mean less; each level counts half a
row more on either side, so that a few rows never make a certainty.
Blind to: errors that the label model and the vote share.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]

# fewer rows teach nothing: shares stand for themselves
FEWEST_ROWS = 50


def chance_right(shares: Float64, known: Float64, right: NDArray[np.bool_], weight: Float64) -> Float64:
    """Chance that the class with each of `shares` (m,) is the right one, (m,) in 0…1.

    known: shares (r,) of rows that tell.  right: bool (r,), their label is the class named.  weight: float64 (r,), what each counts.
    """
    from sklearn.isotonic import IsotonicRegression

    if weight.sum() < FEWEST_ROWS:
        return np.clip(np.nan_to_num(shares), 0.0, 1.0)
    curve = IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip").fit(known, right, weight)
    fitted = curve.predict(known)
    levels, at = np.unique(fitted, return_inverse=True)
    rows, hits = np.bincount(at, weight), np.bincount(at, weight * right)
    smoothed = np.maximum.accumulate((hits + 0.5) / (rows + 1.0))
    asked = curve.predict(np.nan_to_num(shares))
    # between two levels the regression interpolates; so does this
    return np.asarray(np.interp(asked, levels, smoothed))
