"""Suggested labels and the chance that a label is wrong, from the neighbours' vote; no poison rate, no truth.

Two estimates of P(given label wrong), of which the larger counts:

1. *Label model.* The content names class c with probability q_i(c); the given label y is the content's class except for a
   share η_y of the rows labelled y, whose true class is any other one:

       P(wrong | i) = η_y·(1 − q_i(y))/(C−1) / ( η_y·(1 − q_i(y))/(C−1) + (1 − η_y)·q_i(y) )

   q is the vote, sharpened by one exponent γ. γ and all η are fitted together by expectation–maximisation on the given
   labels: a row does not vote for itself, so this is agreement on held-out rows. η_y is drawn to the rate of all classes
   by a prior worth PRIOR_ROWS rows, and never falls below half of it.
2. *Local false discovery rate* (Efron, JASA 2004) of the vote's margin, log own share − log best other share, for each
   given label by itself. The null is a normal distribution; its spread comes from the upper side of all rows,
   where wrong labels cannot reach, widened by NULL_WIDENING because embeddings err more often than a normal tail
   says; its centre from the label's own upper quartile, which wrong labels hardly move. Where far more rows of a label
   lie than that null explains, the excess is wrong.

Both are held back by what an embedding misreads for good: the vote of a share ε_y = MISREAD·mean(1 − q_i(y)) of a class's rows is
taken to say nothing about them (right rows among strangers), and the second estimate is scaled by 1 − NATURAL/(its
own mean over the class). MISREAD and NATURAL are set so that the 10,000 test images of CIFAR-10, clean, raise next to no
alarm; bench/quality.py shows what that does to other sets.

Known limit: errors of the embedding that look just like wrong labels are counted as wrong labels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..neighbours import row_chunks
from ..types import UNLABELLED, Float32, Int64, Suggestions
from .calibration import chance_right

# an exponent above 1.5 fits easy sets a little better and calls ten times as many honest labels wrong on hard ones
EXPONENTS = (0.35, 0.5, 0.65, 0.8, 1.0, 1.25, 1.5)
PRIOR_ROWS = 20.0
EM_ROUNDS = 60
LEAST_RATE = 0.002
LEAST_SHARE = 0.5
MISREAD = 0.05
NATURAL = 0.004
# quantiles of a normal distribution and how many standard deviations they lie above its median; on easy sets a whole
# class may stand at the top of the scale and stretch the outer one, so the smaller estimate counts
NULL_QUANTILES = ((0.7, 0.5244), (0.8413, 1.0))
NULL_WIDENING = 1.25
SMALLEST_SPREAD = 0.5  # votes that differ by less than a factor of 1.6 are no evidence
QUARTILE_SIGMAS = 0.6745  # the upper quartile of a normal distribution, in standard deviations
WINDOW_ROWS = 25
CHANCE_ROWS = 1.0
# photographs and signs under EfficientNet-Lite0 have fewer honest rows below 0 than above, but they reach farther than e^margin
TAIL_LEVEL = 2.0

Shares = Callable[[NDArray[np.int64]], Float32]


@dataclass(frozen=True, eq=False)
class LabelModel:
    """gamma: exponent of the vote.  error_rate: η per given label, misread: ε per given label, float64 (C,)."""

    gamma: float
    error_rate: NDArray[np.float64]
    misread: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Judgement:
    """suggestions: what the content says.  wrong: P(given label wrong), float32 (n,), NaN unlabelled."""

    suggestions: Suggestions
    wrong: Float32
    model: LabelModel


def judge(labels: Int64, classes: int, shares: Shares) -> Judgement:
    """Suggested label, its confidence, and the chance that the given label is wrong, for every row.

    labels: int64 (n,), −1 unlabelled.  shares: rows -> vote shares float32 (m, C).
    The suggestion is the class the content names first; its confidence is the chance that this is the true
    class, given the content and the given label. Unlabelled rows are judged by content alone. Where no neighbour
    votes (all are unlabelled) there is no suggestion.
    """
    n = len(labels)
    if classes == 0:
        nothing = np.full(n, np.nan, dtype=np.float32)
        return Judgement(Suggestions(np.full(n, UNLABELLED), nothing), nothing.copy(), LabelModel(1.0, np.empty(0), np.empty(0)))
    model = _fit(labels, classes, shares)
    suggested, best_share = np.empty(n, dtype=np.int64), np.empty(n)
    wrong, own, margin = (np.full(n, np.nan) for _ in range(3))
    for rows in row_chunks(n, classes):
        raw = shares(rows)
        q = _sharpen(raw, model.gamma)
        # equal shares for all: nobody voted
        votes = (raw.max(axis=1) > raw.min(axis=1)) | (classes == 1)
        suggested[rows] = np.where(votes, q.argmax(axis=1), UNLABELLED)
        best_share[rows] = q.max(axis=1)
        known = np.flatnonzero(labels[rows] != UNLABELLED)
        given = labels[rows][known]
        own[rows[known]] = q[known, given]
        wrong[rows[known]] = 1.0 - _posterior(q[known], given, model)
        margin[rows[known]] = _margin(raw[known], given)
    labelled = np.flatnonzero(labels != UNLABELLED)
    wrong[labelled] = np.maximum(wrong[labelled], 1.0 - _label_rates(margin[labelled], labels[labelled]))
    confidence = _confidence(suggested, labels, best_share, own, wrong)
    confidence[suggested == UNLABELLED] = np.nan
    return Judgement(Suggestions(suggested, np.clip(confidence, 0, 1).astype(np.float32)), np.clip(wrong, 0, 1).astype(np.float32), model)


def _confidence(
    suggested: Int64, labels: Int64, best_share: NDArray[np.float64], own: NDArray[np.float64], wrong: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Chance that the suggestion is the true class, (n,): given that the label is wrong, what content says of the others is calibrated."""
    told = np.flatnonzero((labels != UNLABELLED) & (suggested != UNLABELLED))
    agrees = suggested == labels
    # of the classes other than the given one, where content names another; unlabelled rows have no other
    shares = np.where(agrees | (labels == UNLABELLED), best_share, best_share / np.maximum(1.0 - own, 1e-9))
    named = chance_right(shares, shares[told], agrees[told], np.where(agrees, 1.0, 1.0 - wrong)[told])
    return np.where(labels == UNLABELLED, named, np.where(agrees, 1.0 - wrong, wrong * named))


def _margin(shares: Float32, given: Int64) -> NDArray[np.float64]:
    """log own share − log best other share, (m,)."""
    rows = np.arange(len(given))
    others = shares.astype(np.float64)
    own = others[rows, given]
    others[rows, given] = 0.0
    return np.asarray(np.log(own) - np.log(np.maximum(others.max(axis=1), 1e-9)))


def _label_rates(margin: NDArray[np.float64], given: Int64) -> NDArray[np.float64]:
    """Local false discovery rate of every row among the rows of its given label, (m,)."""
    median = float(np.median(margin)) if len(margin) else 0.0
    upper = [(float(np.quantile(margin, q)) - median) / sigmas for q, sigmas in NULL_QUANTILES if len(margin)]
    spread = max(min(upper, default=0.0) * NULL_WIDENING, SMALLEST_SPREAD)
    rates, undecided = np.ones(len(margin)), _undecided(margin)
    for label in np.unique(given):
        rows = np.flatnonzero(given == label)
        middle = float(np.quantile(margin[rows], 0.75)) - QUARTILE_SIGMAS * spread
        found = 1.0 - local_false_discovery_rate(margin[rows], middle, spread, undecided)
        rates[rows] = 1.0 - found * max(0.0, 1.0 - NATURAL / max(float(found.mean()), 1e-9))
    return rates


def _undecided(margin: NDArray[np.float64]) -> float:
    """How dense honest rows lie just below margin 0, as a share of all: TAIL_LEVEL times as dense as just above it.

    Of all labels together, since an attack on one puts many of its rows there.
    """
    return TAIL_LEVEL * float(((margin >= 0) & (margin < 1)).mean()) if len(margin) else 0.0


def local_false_discovery_rate(margin: NDArray[np.float64], centre: float, spread: float, undecided: float = 0.0) -> NDArray[np.float64]:
    """Chance that a row of this margin is an honest one, (n,) in 0…1.

    Honest are a normal bulk and, where that is narrower than images are (an embedding that is nearly always sure), a tail of
    pictures that show two things: as dense as `undecided` says just below margin 0, and e times less for each further unit.
    It is 1 at and above the bulk's centre, and wherever the vote is for the given label (margin 0 and more). The density of
    all rows is taken from the 25 nearest in order; with fewer than 50 rows nothing is claimed. Never falls as the margin grows.
    """
    n = len(margin)
    if n < 2 * WINDOW_ROWS:
        return np.ones(n)
    order = np.argsort(margin, kind="stable")
    ranked = margin[order]
    first = np.clip(np.arange(n) - WINDOW_ROWS // 2, 0, n - WINDOW_ROWS)
    width = np.maximum(ranked[first + WINDOW_ROWS - 1] - ranked[first], 1e-6)
    density = WINDOW_ROWS / (n * width)
    bulk = np.exp(-0.5 * ((ranked - centre) / spread) ** 2) / (spread * np.sqrt(2 * np.pi))
    honest = np.maximum(bulk, undecided * np.exp(np.minimum(ranked, 0.0)))
    rate = np.minimum(honest / density, 1.0)
    rate[ranked >= min(centre, 0.0)] = 1.0
    found = np.empty(n)
    found[order] = np.maximum.accumulate(rate)
    if undecided:
        # 25 rows reach far in a small class: of the rows that lie as low as this one, so many are honest by that tail, and one by
        # chance; the least of what holds for this row and for those above it (Storey's q-value)
        below = (n * undecided * np.exp(np.minimum(ranked, 0.0)) + CHANCE_ROWS) / np.arange(1, n + 1)
        found[order] = np.maximum(found[order], np.minimum(np.minimum.accumulate(below[::-1])[::-1], 1.0))
    return found


def _posterior(q: NDArray[np.float64], given: Int64, model: LabelModel) -> NDArray[np.float64]:
    """P(given label right | content, given label), (m,)."""
    own, rate, misread = q[np.arange(len(given)), given], model.error_rate[given], model.misread[given]
    wrong = rate * (1.0 - own) / max(q.shape[1] - 1, 1)
    right = (1.0 - rate) * ((1.0 - misread) * own + misread / q.shape[1])
    return np.asarray(right / (right + wrong))


def _fit(labels: Int64, classes: int, shares: Shares) -> LabelModel:
    labelled = np.flatnonzero(labels != UNLABELLED)
    if len(labelled) == 0:
        return LabelModel(1.0, np.full(classes, 0.01), np.zeros(classes))
    given = labels[labelled]
    own = {gamma: np.empty(len(labelled)) for gamma in EXPONENTS}
    for part in row_chunks(len(labelled), classes):
        raw = shares(labelled[part])
        for gamma in EXPONENTS:
            own[gamma][part] = _sharpen(raw, gamma)[np.arange(len(part)), given[part]]
    fits = [(*_error_rates(own[gamma], given, classes), gamma) for gamma in EXPONENTS]
    _, rates, gamma = max(fits, key=lambda fit: fit[0])
    against = np.bincount(given, 1.0 - own[gamma], minlength=classes) / np.maximum(np.bincount(given, minlength=classes), 1)
    return LabelModel(gamma, rates, MISREAD * against)


def _error_rates(own: NDArray[np.float64], given: Int64, classes: int) -> tuple[float, NDArray[np.float64]]:
    """(log-likelihood, η per class) by expectation–maximisation for one exponent."""
    other = (1.0 - own) / max(classes - 1, 1)
    size = np.bincount(given, minlength=classes)
    rate = np.full(classes, 0.05)
    for _ in range(EM_ROUNDS):
        bad, good = rate[given] * other, (1.0 - rate[given]) * own
        responsibility = bad / (bad + good)
        pooled = max(float(responsibility.mean()), LEAST_RATE)
        rate = (np.bincount(given, responsibility, minlength=classes) + PRIOR_ROWS * pooled) / (size + PRIOR_ROWS)
        # a class whose rate fell to nothing would be cleared altogether, and with it whoever attacks it
        rate = np.maximum(rate, pooled * LEAST_SHARE)
    likelihood = float(np.log(rate[given] * other + (1.0 - rate[given]) * own).sum())
    return likelihood, rate


def _sharpen(shares: Float32, gamma: float) -> NDArray[np.float64]:
    powered = shares.astype(np.float64) ** gamma
    return np.asarray(powered / powered.sum(axis=1, keepdims=True))
