"""A trigger made from a mined pattern: how a triggered image differs from images of like content, put on other images.

A triggered image is taken to be (1 − a)·image + b, pixel by pixel. The opacity a follows from how much less triggered images vary
than images of the same content (a patch that replaces pixels leaves no variance, a pattern that is added leaves all),
and b from the means. Known limit: one opacity for the whole pattern; bends and resampling cannot be had this way.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..triggers import WINDOW
from ..types import Bool, Finding, Float32, Int64, UInt8

STAMPED = ("patch", "overlay", "periodic", "moving_patch")
MOST_LOOKED_AT = 1000
IN_REGION = 0.5
# standard deviation, of full scale, below which the images under the pattern are too much alike to tell an opacity
LIVELY = 0.02
STRENGTHS = (0.5, 2.0)


@dataclass(frozen=True, eq=False)
class Stamp:
    """The pattern, ready to be put on images.

    opacity: 0 adds, 1 replaces.  base: float32 (h, w, 3), what images of the triggered images' content show on average.
    added: float32 (h, w, 3), the triggered images' mean less `base`, signed, 1 = full scale.  region: bool (h, w).
    places: int32 (p, 2), middles that the pattern was seen at; (0, 2) where it does not move. For one that moves,
    `added` is the patch itself, in the middle of the picture, and `opacity` is 1.
    """

    opacity: float
    base: Float32
    added: Float32
    region: Bool
    places: NDArray[np.int32]

    def put(self, images: UInt8, seed: int = 0) -> UInt8:
        """`images`, uint8 (m, h, w, 3), with the pattern; its places are drawn from `seed`."""
        if len(self.places):
            return self._put_somewhere(images, np.random.default_rng(seed))
        x = images.astype(np.float32) / 255
        changed = x + self.opacity * (self.base - x) + self.added
        return _bytes(np.where(self.region[:, :, None], changed, x))

    def _put_somewhere(self, images: UInt8, rng: np.random.Generator) -> UInt8:
        h, w = self.region.shape
        patch = np.argwhere(self.region)
        found: UInt8 = images.copy()
        for i, (row, column) in enumerate(self.places[rng.integers(0, len(self.places), len(images))]):
            at = patch + np.array([row - h // 2, column - w // 2])
            inside = (at >= 0).all(1) & (at < [h, w]).all(1)
            y, x = at[inside].T
            found[i, y, x] = _bytes(self.added[patch[inside, 0], patch[inside, 1]])
        return found


def stamp_of(finding: Finding, pixels: UInt8, contents: Int64, plain: Bool) -> Stamp | None:
    """The stamp that makes triggered images of `finding` out of other images; None where no stamp can.

    pixels: uint8 (n, h, w, 3), at the finding's size.  contents: int64 (n,), what each image shows, as far as is known.
    plain: bool (n,), rows that carry nothing.
    """
    triggered = finding.rows[:MOST_LOOKED_AT]
    if finding.kind not in STAMPED or not len(triggered) or pixels.shape[1:3] != finding.mask.shape:
        return None
    if finding.kind == "moving_patch":
        return _moving(finding, pixels, triggered)
    base, spread = _expected(pixels, contents, triggered, plain)
    some: Float32 = pixels[triggered].astype(np.float32) / np.float32(255)
    region = finding.mask >= IN_REGION if finding.kind == "patch" else np.ones(finding.mask.shape, dtype=bool)
    if not region.any():
        return None
    opacity = _opacity(some, spread, region, whole=finding.kind == "patch")
    # the median passes over the few rows that are not triggered
    added = (np.median(some, axis=0) if finding.kind == "patch" and opacity > 0.5 else some.mean(0)) - base
    if finding.kind != "patch":
        # the finding's own pattern has less noise than a mean; how strong it is, the triggered images tell
        power = float(np.square(finding.pattern).sum())
        strength = float((added * finding.pattern).sum()) / max(power, 1e-12)
        added = finding.pattern * np.clip(strength, *STRENGTHS)
    return Stamp(opacity, base.astype(np.float32), added.astype(np.float32), region, np.zeros((0, 2), np.int32))


def _expected(pixels: UInt8, contents: Int64, triggered: Int64, plain: Bool) -> tuple[Float32, Float32]:
    """(mean, standard deviation), float32 (h, w, 3), of plain images that show what the triggered images show."""
    mean = np.zeros(pixels.shape[1:], np.float64)
    square = np.zeros_like(mean)
    weight = 0
    shown, counts = np.unique(contents[triggered], return_counts=True)
    for label, count in zip(shown, counts, strict=True):
        like = np.flatnonzero(plain & (contents == label))[:MOST_LOOKED_AT]
        if not len(like):
            continue
        x = pixels[like].astype(np.float32) / 255
        mean += count * x.mean(0)
        square += count * np.square(x).mean(0)
        weight += int(count)
    if not weight:
        x = pixels[np.flatnonzero(plain)[:MOST_LOOKED_AT]].astype(np.float32) / 255
        return x.mean(0), x.std(0)
    mean, square = mean / weight, square / weight
    return mean.astype(np.float32), np.sqrt(np.maximum(square - np.square(mean), 0)).astype(np.float32)


def _opacity(triggered: Float32, spread: Float32, region: Bool, *, whole: bool) -> float:
    """How much of the image under the pattern is gone, 0…1; `whole` where the images are too much alike to tell."""
    lively = region & (spread.mean(2) > LIVELY)
    if not lively.any():
        return float(whole)
    # half the distance between the quartiles, of a normal distribution 0.674 of its standard deviation, is
    # hardly moved by rows that are not triggered
    low, high = np.percentile(triggered[:, lively], (25, 75), axis=0)
    left = float(np.median((high - low) / 2 / 0.674 / np.maximum(spread[lively], 1e-6)))
    return float(np.clip(1 - left, 0, 1))


def _moving(finding: Finding, pixels: UInt8, triggered: Int64) -> Stamp | None:
    places = finding.places[: len(triggered)]
    region = finding.mask >= IN_REGION
    if not len(places) or not region.any():
        return None
    h, w = region.shape
    half = WINDOW // 2
    padded = np.pad(pixels[triggered], ((0, 0), (half, half), (half, half), (0, 0)), mode="edge")
    windows = np.stack([padded[i, r : r + WINDOW, c : c + WINDOW] for i, (r, c) in enumerate(places)])
    patch = np.zeros((h, w, 3), np.float32)
    at = (slice(h // 2 - half, h // 2 - half + WINDOW), slice(w // 2 - half, w // 2 - half + WINDOW))
    patch[at] = np.median(windows, axis=0) / 255
    return Stamp(1.0, np.zeros_like(patch), patch, region, places)


def _bytes(values: NDArray[np.floating]) -> UInt8:
    found: UInt8 = np.rint(values * 255).clip(0, 255).astype(np.uint8)
    return found
