"""What a finding looks like: its pattern, its spectrum, and the mean of the images that carry it, as lossless PNG.

One pixel of the finding is one pixel of the picture; the browser enlarges by whole factors. Signed values stand on
mid-grey: lighter adds, darker takes away, and the factor that they were multiplied by is told with the picture.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import binary_dilation, binary_fill_holes

from core.errors import UnreadableImage
from core.types import Bool, Finding, Float32, Inspection, Int64
from core.views import fine_detail
from ui.api.request_checks import Refusal, trigger_name
from ui.api.sprites import png
from ui.app.cache import CACHE

PICTURES = ("pattern", "looks", "spectrum", "departure", "carriers", "others", "difference", "detail", "usual_detail")
MOST_AVERAGED = 300
GREY = 0.5
_EDGE = 0.5  # of the mask's largest value; a pixel at or above it belongs to the pattern's region
_LARGEST_FACTOR = 100.0


def finding_png(inspection: Inspection, finding: Finding, name: str) -> tuple[bytes, float]:
    """(PNG of the picture `name`, one of PICTURES; the factor that its values were multiplied by).

    pattern: signed, on mid-grey.  looks: the pattern in its place, added to a mid-grey image, as strong as it is.
    spectrum: its power, black least, white most.  departure: `z_map`, blue below, red above.
    carriers, others: mean image of those that carry it, and of the rest of their class; difference: of the two.
    detail, usual_detail: fine detail of the strongest carrier, and of an ordinary image of the rest, equally amplified.
    Raises ValueError for another name.
    """
    if name == "pattern":
        return signed_png(np.asarray(finding.pattern))
    if name == "looks":
        return _png(GREY + np.where(region(finding)[..., None], finding.pattern, 0)), 1.0
    if name == "spectrum":
        return _png(np.repeat(_stretched(finding.spectrum)[..., None], 3, axis=2)), 1.0
    if name == "departure":
        return _png(_blue_red(finding.z_map)), 1.0
    if name not in PICTURES:
        raise ValueError(f"picture {name!r} is not known; choose one of: {', '.join(PICTURES)}")
    if name in ("detail", "usual_detail"):
        return _detail_png(inspection, finding, name)
    carriers, others = mean_images(inspection, finding)
    if name == "difference":
        return signed_png(carriers - others)
    return _png(carriers if name == "carriers" else others), 1.0


def asked_png(inspection: Inspection, trigger: str, name: str) -> tuple[bytes, float]:
    """`finding_png` of what an address names; raises Refusal where it names nothing of this inspection."""
    wanted = trigger_name(trigger)
    found = next((finding for finding in (*inspection.findings, *inspection.shortcuts) if finding.trigger_id == wanted), None)
    if found is None:
        raise Refusal(404, "this scan found no such pattern; reload the page")
    if name not in PICTURES:
        raise Refusal(404, f"there is no such picture; choose one of: {', '.join(PICTURES)}")
    return finding_png(inspection, found, name)


def picture_url(inspection: Inspection, finding: Finding, name: str) -> str:
    """Address of a picture; it changes with the finding."""
    version = blake2b(np.ascontiguousarray(finding.pattern).tobytes(), digest_size=6)
    version.update(np.ascontiguousarray(finding.rows).tobytes())
    return f"/api/finding/{inspection.key}/{finding.trigger_id}/{name}.png?v={version.hexdigest()}"


# ---- the region


def region(finding: Finding) -> Bool:
    """bool (h, w): where the pattern sits; everywhere where the mask is empty."""
    largest = float(np.max(finding.mask))
    return np.asarray(finding.mask >= _EDGE * largest) if largest > 0 else np.ones(finding.mask.shape, dtype=bool)


def covers_all(finding: Finding) -> bool:
    """Whether the region is (nearly) the whole image, so that an outline would say nothing."""
    return float(region(finding).mean()) > 0.6


def middle(finding: Finding) -> tuple[float, float]:
    """(row, column) of the region's middle, in pixels of the finding."""
    rows, columns = np.nonzero(region(finding))
    return (float(rows.min() + rows.max()) / 2, float(columns.min() + columns.max()) / 2)


def outline(finding: Finding) -> str:
    """A line around the region, one pixel off so that it hides nothing, as an SVG path in the finding's pixels.

    Gaps inside the region are not outlined; the path is each pixel side that has the widened region on one side alone.
    """
    inside = np.pad(binary_fill_holes(binary_dilation(region(finding), np.ones((3, 3), dtype=bool))), 1)
    # a side above pixel (y, x) runs where the one above it differs; beside it, where the one to its left differs
    level = np.argwhere(inside[1:, 1:-1] != inside[:-1, 1:-1])
    upright = np.argwhere(inside[1:-1, 1:] != inside[1:-1, :-1])
    return "".join([f"M{x} {y}h1" for y, x in level.tolist()] + [f"M{x} {y}v1" for y, x in upright.tolist()])


# ---- fine detail, for what has no shape


def detail_rows(inspection: Inspection, finding: Finding) -> tuple[int, int] | None:
    """(the strongest carrier, the image of the rest whose score is in the middle); None where either is missing."""
    _, others = averaged_rows(inspection, finding)
    if not len(finding.rows) or not len(others):
        return None
    return int(finding.rows[0]), int(others[np.argsort(finding.row_scores[others], kind="stable")[len(others) // 2]])


def _detail_png(inspection: Inspection, finding: Finding, name: str) -> tuple[bytes, float]:
    rows = detail_rows(inspection, finding)
    if rows is None:
        return signed_png(np.zeros_like(finding.pattern))
    h, w = finding.mask.shape
    details = []
    for row in rows:
        try:
            details.append(fine_detail(np.asarray(_sized(inspection.dataset.load(row), (w, h)))) / 255)
        except UnreadableImage:
            details.append(np.zeros((h, w, 3), np.float32))
    # one factor for both, or the quieter would look as loud
    factor = min(amplification(detail) for detail in details)
    return _png(GREY + factor * details[name == "usual_detail"]), factor


# ---- the mean images


def averaged_rows(inspection: Inspection, finding: Finding) -> tuple[Int64, Int64]:
    """(carriers, other images of their class), int64, at most 300 of each, spread evenly over all of them."""
    rest = np.ones(len(inspection.dataset), dtype=bool)
    rest[finding.rows] = rest[finding.covers] = False
    if finding.label >= 0:
        rest &= inspection.dataset.labels == finding.label
    return _spread(finding.rows), _spread(np.flatnonzero(rest))


def _spread(rows: Int64) -> Int64:
    if len(rows) <= MOST_AVERAGED:
        return rows
    return rows[np.linspace(0, len(rows) - 1, MOST_AVERAGED).astype(np.int64)]


def mean_images(inspection: Inspection, finding: Finding) -> tuple[Float32, Float32]:
    """(mean carrier, mean of the other images of its class), float32 (h, w, 3) in 0…1, kept once made.

    Images of another size are brought to the finding's; those that cannot be read are left out.
    """

    def make() -> tuple[Float32, Float32]:
        h, w = finding.mask.shape
        carriers, others = averaged_rows(inspection, finding)
        return _mean(inspection, carriers, (w, h)), _mean(inspection, others, (w, h))

    # three pictures are asked for together, and all need the same two means
    return CACHE.of(finding, "means", make)


def _mean(inspection: Inspection, rows: Int64, size: tuple[int, int]) -> Float32:
    total, count = np.zeros((size[1], size[0], 3)), 0
    for row in rows.tolist():
        try:
            image = inspection.dataset.load(row)
        except UnreadableImage:
            continue
        total += np.asarray(_sized(image, size), dtype=np.float64)
        count += 1
    return (total / (255 * count) if count else np.full_like(total, GREY)).astype(np.float32)


def _sized(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    return image if image.size == size else image.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)


# ---- numbers to pixels


def amplification(values: NDArray[Any]) -> float:
    """The factor, rounded down to two digits and at most 100, by which signed values fill the range around mid-grey."""
    largest = float(np.max(np.abs(values))) if values.size else 0.0
    # what is no more than rounding is not blown up to look like a pattern
    factor = min(GREY / largest, _LARGEST_FACTOR) if largest > 0 else 1.0
    step = 10.0 ** (np.floor(np.log10(factor)) - 1)
    return float(np.floor(factor / step + 1e-9) * step)


def signed_png(values: NDArray[Any]) -> tuple[bytes, float]:
    """(PNG of signed `values` (h, w, 3) on mid-grey, the factor they were multiplied by)."""
    factor = amplification(values)
    return _png(GREY + factor * values), factor


def _stretched(values: NDArray[Any]) -> NDArray[Any]:
    low, high = float(np.min(values)), float(np.max(values))
    return (values - low) / (high - low) if high > low else np.zeros_like(values)


def _blue_red(values: NDArray[Any]) -> NDArray[Any]:
    largest = float(np.max(np.abs(values)))
    share = np.clip(values / largest, -1, 1)[..., None] if largest > 0 else np.zeros((*values.shape, 1))
    red, blue = np.array([0.75, 0.10, 0.12]), np.array([0.10, 0.30, 0.75])
    return np.asarray(1 - np.abs(share) + np.abs(share) * np.where(share > 0, red, blue))


def _png(values: NDArray[Any]) -> bytes:
    return png(Image.fromarray(np.round(np.clip(values, 0, 1) * 255).astype(np.uint8)))
