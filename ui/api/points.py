"""The map's points as bytes for the browser, and the same points again for the lasso.

Both sides work on the *quantised* coordinates, so that the rows that Python finds inside a polygon are the rows
that the browser showed inside it.
"""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.types import Inspection
from ui.app.cache import CACHE

SPAN = 65535
MARGIN = 0.02
NO_SUSPICION = 255
NO_VERDICT = 255
NO_LABEL = 65535
BYTES_A_POINT = 8
# gzip is worth the browser's time only when it saves a tenth
_WORTH_IT = 0.9


@dataclass(frozen=True)
class PackedPoints:
    """The points of one inspection: `body` (8 bytes a point), `zipped` or b"" where that saves nothing, `version`."""

    body: bytes
    zipped: bytes
    version: str


def quantise(xy: NDArray[Any]) -> NDArray[np.uint16]:
    """Map coordinates (n, 2) as uint16 (n, 2), both axes scaled alike and centred, with a margin of 2 %.

    y keeps its direction (up is more). Rows that are not finite go to (0, 0), outside the margin.
    """
    points = np.asarray(xy, dtype=np.float64).reshape(-1, 2)
    finite = np.isfinite(points).all(axis=1)
    out = np.zeros(points.shape, dtype=np.uint16)
    if not finite.any():
        return out
    low, high = points[finite].min(axis=0), points[finite].max(axis=0)
    extent = float((high - low).max())
    room = SPAN * (1 - 2 * MARGIN)
    factor = room / extent if extent > 0 else 0.0
    placed = SPAN / 2 + (points[finite] - (low + high) / 2) * factor
    out[finite] = np.clip(np.rint(placed), 0, SPAN).astype(np.uint16)
    return out


def rows_in_polygon(xy_quantised: NDArray[Any], polygon: Sequence[Sequence[float]]) -> NDArray[np.int64]:
    """Rows (int64, rising) of the points (n, 2) inside `polygon` ((x, y) vertices, even-odd rule).

    Points are sorted by y once, so that each edge looks only at the points beside it.
    """
    corners = np.asarray(polygon, dtype=np.float64).reshape(-1, 2)
    points = np.asarray(xy_quantised)
    if len(corners) < 3 or len(points) == 0 or not np.isfinite(corners).all():
        return np.empty(0, dtype=np.int64)
    low, high = corners.min(axis=0), corners.max(axis=0)
    near = np.flatnonzero(((points >= low) & (points <= high)).all(axis=1))
    order = near[np.argsort(points[near, 1], kind="stable")]
    x, y = points[order, 0].astype(np.float64), points[order, 1].astype(np.float64)
    inside = np.zeros(len(order), dtype=bool)
    for (x1, y1), (x2, y2) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        # an edge crosses the ray of the points with min(y1, y2) <= y < max(y1, y2)
        first, last = np.searchsorted(y, (min(y1, y2), max(y1, y2)), side="left")
        if first < last:
            beside = slice(first, last)
            inside[beside] ^= x[beside] < (x2 - x1) * (y[beside] - y1) / (y2 - y1) + x1
    return np.sort(order[inside]).astype(np.int64)


def pack_points(inspection: Inspection) -> bytes:
    """Little-endian: n uint16 x, n uint16 y, n uint8 suspicion, n uint8 verdict, n uint16 label (8 bytes a point).

    suspicion: 0…254 for 0…1, 255 none. verdict: index into VERDICTS, 255 none. label: index, 65535 none.
    Raises ValueError where the inspection has no map yet.
    """
    if inspection.xy is None:
        raise ValueError("the inspection has no map")
    n = len(inspection.dataset)
    xy = quantise(inspection.xy).astype("<u2")
    suspicion = np.full(n, NO_SUSPICION, dtype=np.uint8)
    if inspection.suspicion is not None:
        known = np.isfinite(inspection.suspicion)
        suspicion[known] = np.rint(np.clip(inspection.suspicion[known], 0, 1) * 254).astype(np.uint8)
    verdict = np.full(n, NO_VERDICT, dtype=np.uint8)
    if inspection.verdicts is not None:
        known = inspection.verdicts >= 0
        verdict[known] = inspection.verdicts[known].astype(np.uint8)
    labels = inspection.dataset.labels
    label = np.where((labels >= 0) & (labels < NO_LABEL), labels, NO_LABEL).astype("<u2")
    return b"".join(a.tobytes() for a in (xy[:, 0], xy[:, 1], suspicion, verdict, label))


def packed_points(inspection: Inspection) -> PackedPoints:
    """The packed points of `inspection`, made once for as long as it lives; raises ValueError without a map."""
    return CACHE.of(inspection, "points", lambda: _packed(inspection))


def _packed(inspection: Inspection) -> PackedPoints:
    body = pack_points(inspection)
    zipped = gzip.compress(body, compresslevel=6, mtime=0)
    version = blake2b(body, digest_size=16, key=inspection.key.encode()[:64]).hexdigest()
    return PackedPoints(body, zipped if len(zipped) < _WORTH_IT * len(body) else b"", version)


def points_version(inspection: Inspection) -> str:
    """Content hash (32 hex characters) of the points as the browser gets them; raises ValueError without a map."""
    return packed_points(inspection).version


def points_url(inspection: Inspection) -> str:
    """Address of the points, good for ever because it names their content; raises ValueError without a map."""
    return f"/api/points/{inspection.key}/{points_version(inspection)}.bin"
