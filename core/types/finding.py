"""A finding: one pattern that predicts a label although it is no content."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .arrays import Float32, Int32, Int64, check, freeze

FINDING_KINDS = ("patch", "overlay", "periodic", "moving_patch", "resampling", "texture", "group")
# what they add or take is another picture in every image
SHAPELESS = ("resampling", "texture")
# images that other witnesses part from their class, with no pattern to show
UNSEEN = "group"


@dataclass(frozen=True, eq=False)
class Finding:
    """One pattern that predicts a label although it is no content, with the rows that carry it.

    trigger_id: "t1", "t2", … by falling strength; "s1", "s2", … of shortcuts.  kind: one of FINDING_KINDS.
    label: class index that the triggered rows are labelled, −1 where they have many labels (all-to-all).
    rows: int64 (m,), rows judged poisoned by it, by falling score.
    covers: int64 (c,), rows that carry it but whose label it does not explain (another class's images).
    row_scores: float32 (n,), how strongly each row carries it, in robust deviations of rows that do not, levelled for how
        busy its picture is; higher = more.
    threshold: row_scores at or above it count as carrying.
    pattern: float32 (h, w, 3), what the trigger adds to an image on average, signed, 1 = full scale (255);
        for the kinds without a shape (SHAPELESS) how much more fine detail triggered images hold there, natural logarithm.
    mask: float32 (h, w) in 0…1, where the pattern sits.
    z_map: float32 (h, w), the mean triggered image's departure from its class, in standard errors, largest channel, signed.
    spectrum: float32 (h, w), log10 power of the pattern, zero frequency in the middle.
    places: int32 (m, 2), row and column of the pattern's middle in each of `rows`; (0, 2) where it does not move.
    strength: how far the triggered rows stand from the rest, in robust deviations.
    false_alarm: estimated share of rows without the pattern at or above the threshold, counted on rows that had no part in finding it, 0…1.
    contradicted: share of `rows` whose content contradicts their label, 0…1.
    usual: the same share among the label's rows that do not carry it, asked in the same way.
    shortcut: most of the label's images carry it and show what the label says: a spurious feature, not poison.
    """

    trigger_id: str
    kind: str
    label: int
    rows: Int64
    covers: Int64
    row_scores: Float32
    threshold: float
    pattern: Float32
    mask: Float32
    z_map: Float32
    spectrum: Float32
    places: Int32
    strength: float
    false_alarm: float
    contradicted: float
    usual: float = 0.0
    shortcut: bool = False

    @property
    def mislabelled(self) -> float:
        """Estimated share of `rows` with a wrong label, 0…1: near 1 dirty label, near 0 clean label.

        Embeddings misread right labels too, of hard classes half of them: that share is taken off.
        """
        return float(np.clip((self.contradicted - self.usual) / max(1.0 - self.usual, 1e-6), 0.0, 1.0))

    def __post_init__(self) -> None:
        check(self.kind in FINDING_KINDS, f"kind must be one of {', '.join(FINDING_KINDS)}")
        h, w = self.mask.shape
        check(self.pattern.shape == (h, w, 3), "pattern and mask differ in size")
        check(self.z_map.shape == (h, w) and self.spectrum.shape == (h, w), "maps and mask differ in size")
        check(self.places.shape in ((0, 2), (len(self.rows), 2)), "places must be one a row, or none")
        freeze(
            self,
            rows=self.rows,
            covers=self.covers,
            row_scores=self.row_scores,
            pattern=self.pattern,
            mask=self.mask,
            z_map=self.z_map,
            spectrum=self.spectrum,
            places=self.places,
        )
