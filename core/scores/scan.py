"""SCAn: is a class's cloud of activations better told as two groups than as one?

Tang, Wang, Tang & Zhang, *Demon in the variant: statistical analysis of DNNs for robust backdoor contamination
detection*, USENIX Security 2021 (arXiv 1908.00686). An activation is x = identity of its class + variation, both
Gaussian, variation alike in all classes; their covariances come from EM over the set. Per class, rows are untangled
into two groups under that variation, and a likelihood ratio asks whether two groups explain the class better than one;
a class far above the median ratio (in MADs) is contaminated. They then flag the class's one group; ours is per row: the
chance of lying in the smaller group, weighted by the class's index. They estimate covariances on clean rows; here
there are none. The ratio is taken per row, so that large classes do not lead. Misses attacks on all classes at once
(no class is the usual one), low rates, and sets of one or two classes, whose variation the poison itself widens.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..types import Float32, Int64
from .by_class import Float64, Probed, class_rows
from .score import Score, either
from .two_means import distances_to, two_means

# their index above which a class is contaminated
THRESHOLD = float(np.e**2)
EM_ROUNDS = 25
EM_TOLERANCE = 1e-4
FEWEST_ROWS = 4
# directions with less than this share of the widest variation are taken for empty
FLOOR = 1e-6
# the untangling is started along this many of the class's widest axes
START_AXES = 10
MAD_TO_SIGMA = 1.4826


def scan(probe: Probed, labels: Int64, classes: int) -> Float32:
    """Weight of the class × chance of the smaller group, float32 (n,) ≥ 0; higher = more suspicious.

    weight = log(1 + e^(index − e²)): index − e² where the class is contaminated by their rule, near 0 where not.

    Needs `Probe.features` of a network that has learnt the trigger. NaN for unlabelled rows and classes of fewer than
    four rows. With fewer than three classes there is no usual one, and the index is 0.
    """
    found = np.full(len(labels), np.nan, dtype=np.float32)
    splits = _splits(probe, labels, classes)
    for (_, rows, split), index in zip(splits, anomaly([split.ratio for _, _, split in splits]), strict=True):
        found[rows] = np.logaddexp(0.0, index - THRESHOLD) * split.chance
    return found


def class_parts(probe: Probed, labels: Int64, classes: int) -> list[tuple[int, Int64]]:
    """(label, the rows of its smaller group), for every class of at least four rows, whether or not two groups explain it better."""
    return [(label, rows[split.chance > 0.5]) for label, rows, split in _splits(probe, labels, classes)]


def _splits(probe: Probed, labels: Int64, classes: int) -> list[tuple[int, Int64, Split]]:
    groups = [(label, rows) for label, rows in class_rows(probe, labels, classes) if len(rows) >= FEWEST_ROWS]
    if not groups:
        return []
    everyone = probe.features[np.concatenate([rows for _, rows in groups])].astype(np.float64)
    centre = everyone.mean(axis=0)
    clouds = [probe.features[rows].astype(np.float64) - centre for _, rows in groups]
    identity, variation = identity_and_variation(clouds)
    whitening = _whitening(variation)
    splits = [untangle(cloud @ whitening, identity_mean(cloud, identity, variation) @ whitening) for cloud in clouds]
    return [(label, rows, split) for (label, rows), split in zip(groups, splits, strict=True)]


def identity_and_variation(clouds: list[Float64]) -> tuple[Float64, Float64]:
    """Covariances (d, d) of classes' identities and of variation within them, by the paper's EM."""
    sizes = np.array([len(cloud) for cloud in clouds])
    sums = np.stack([cloud.sum(axis=0) for cloud in clouds])  # (C, d)
    means = sums / sizes[:, None]
    total = np.asarray(sum(cloud.T @ cloud for cloud in clouds))
    n = sizes.sum()
    identity = (means * sizes[:, None]).T @ means / n
    variation = total / n - identity
    for _ in range(EM_ROUNDS):
        # E: what of a class's mean is identity, given how many rows it rests on
        expected = np.stack([_shrunk(s, int(m), identity, variation) for s, m in zip(sums, sizes, strict=True)])
        # M: covariances of the expected parts
        new_identity = (expected * sizes[:, None]).T @ expected / n
        cross = sums.T @ expected
        new_variation = (total - cross - cross.T) / n + new_identity
        moved = np.linalg.norm(new_identity - identity) + np.linalg.norm(new_variation - variation)
        identity, variation = new_identity, new_variation
        if moved <= EM_TOLERANCE * (np.linalg.norm(variation) + 1e-12):
            break
    return identity, variation


def identity_mean(cloud: Float64, identity: Float64, variation: Float64) -> Float64:
    """Expected identity (d,) of the class whose rows are `cloud` (m, d)."""
    return _shrunk(cloud.sum(axis=0), len(cloud), identity, variation)


def _shrunk(total: Float64, rows: int, identity: Float64, variation: Float64) -> Float64:
    """S_identity (m S_identity + S_variation)⁻¹ Σx, with the pseudo-inverse where directions are empty."""
    return np.asarray(identity @ np.linalg.pinv(rows * identity + variation, rcond=1e-10, hermitian=True) @ total)


def _whitening(covariance: Float64) -> Float64:
    """W (d, k) with W Wᵀ the inverse of `covariance` on the directions that are not empty."""
    values, axes = np.linalg.eigh(covariance)
    kept = values > max(float(values[-1]), 1e-12) * FLOOR
    return np.asarray(axes[:, kept] / np.sqrt(values[kept]))


@dataclass(frozen=True, eq=False)
class Split:
    """ratio: log-likelihood ratio (×2) of two groups against one, per row.  chance: (m,), of the smaller group."""

    ratio: float
    chance: Float64


def untangle(points: Float64, one: Float64) -> Split:
    """Two groups in whitened activations (m, k) against the one mean (k,).

    In whitened space the paper's linear discriminant is the nearer of two means, so its rounds are Lloyd's.
    """
    if points.shape[1] == 0 or np.ptp(points, axis=0).max() < 1e-9:
        return Split(0.0, np.full(len(points), 0.5))
    centred = points - points.mean(axis=0)
    axes = np.linalg.eigh(centred.T @ centred)[1][:, ::-1][:, :START_AXES]
    centres = two_means(points, points @ axes)
    squared = distances_to(points, centres) ** 2  # (m, 2)
    single = ((points - one) ** 2).sum(axis=1)
    ratio = float((single - squared.min(axis=1)).mean())
    small = int((squared[:, 1] < squared[:, 0]).mean() <= 0.5)
    nearer = np.clip((squared[:, 1 - small] - squared[:, small]) / 2, -700, 700)
    return Split(ratio, np.asarray(1 / (1 + np.exp(-nearer))))


def anomaly(ratios: list[float]) -> Float64:
    """(ratio − median) / (1.4826 · MAD) of each class, (C,); 0 with fewer than three classes.

    The paper takes the absolute value; a class that splits less well than usual is no suspect here.
    """
    values = np.array(ratios)
    if len(values) < 3:
        return np.zeros(len(values))
    away = values - np.median(values)
    deviation = MAD_TO_SIGMA * float(np.median(np.abs(away)))
    return np.asarray(away / max(deviation, 1e-3 * float(np.abs(values).max()), 1e-12))


SCAN = Score(
    name="scan",
    title="two kinds in its class",
    question="Is its class better described as two groups than other classes are, and is the image in the smaller one?",
    blind_to="poison in all classes at once, or on a small share of a class",
    family="artifact",
    needs="probe",
    function=scan,
    explain=either(
        "Where two kinds of images are mixed under its label, it belongs to the kind that does not fit.",
        "Nothing says that it belongs to a second kind mixed into its label.",
    ),
    source="Tang et al., Demon in the variant (SCAn), USENIX Security 2021",
)
