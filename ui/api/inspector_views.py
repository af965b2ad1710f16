"""The pictures of the inspector: one image looked at in several ways, each a lossless PNG and one line in words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image

from core.scans import NotShown, cannot_embed, moved, readable, vote_without, votes_cheaply
from core.types import SHAPELESS, UNSEEN, Finding, Float32, Inspection, UInt8
from core.views import Occlusion, View, boxes, difference, heat_over, high_pass, outlined, reduced, spectrum
from ui.api.sprites import png

# part of every address: pictures are kept for ever under it
VERSION = 2
SIDE, DIFFERENCE_SIDE, HALFTONE_SIDE = 1024, 256, 256
NEIGHBOURS = 10
OUTLINED_SIDE = 320
LEAST_CHANGE = 0.03
# below: rounding; and how far beyond the typical place the strongest one must lie to be called one
NOTHING_MOVES, STANDS_OUT = 1e-6, 1.5
# grey levels by which two ways to resize one picture differ on average; a cut one differs by tens
SAME_PICTURE = 8.0
PATTERN = "pattern-"


# left, top, width and height as shares of the image, so that they hold at any size
Place = tuple[float, float, float, float]


@dataclass(frozen=True)
class Shown:
    """picture: uint8 (h, w, 3).  said: what was done, in one line.  place: where in the image to look, see `Place`."""

    picture: UInt8
    said: str
    place: Place | None = None


@dataclass(frozen=True)
class Way:
    """One way to look. draw(inspection, row) -> Shown; may raise NotShown and UnreadableImage. slow: asked for last."""

    title: str
    look_for: str
    draw: Callable[[Inspection, int], Shown]
    slow: bool = False


def view_png(inspection: Inspection, row: int, name: str) -> tuple[bytes, Shown]:
    """(PNG, what it is) of the view `name` of `row`. Raises NotShown, KeyError for an unknown name, UnreadableImage."""
    shown = _pattern(inspection, row, name.removeprefix(PATTERN)) if name.startswith(PATTERN) else WAYS[name].draw(inspection, row)
    return png(Image.fromarray(shown.picture)), shown


def ways_for(inspection: Inspection) -> list[dict[str, str | bool]]:
    """The views that make sense for a scan, in order: name, title, look_for, slow, and missing (a line, or "")."""
    known: list[dict[str, str | bool]] = []
    for name, way in WAYS.items():
        if name == "vote" and not votes_cheaply(inspection):
            continue
        if name == "difference" and inspection.evidence is None:
            continue
        missing = cannot_embed(inspection) if way.slow else ""
        known.append({"name": name, "title": way.title, "look_for": way.look_for, "slow": way.slow, "missing": missing})
    return known


def working(inspection: Inspection, row: int, side: int) -> tuple[UInt8, str]:
    """(image at most `side` pixels a side, what was done to it in words or "")."""
    return _fitted(inspection.dataset.load(row), side)


def _fitted(image: Image.Image, side: int) -> tuple[UInt8, str]:
    pixels, factor = reduced(np.asarray(image.convert("RGB")), side)
    words = f" Made {factor} times smaller first, because the image is large." if factor > 1 else ""
    return pixels, words


# ---- the ways


def _signed_words(view: View, nothing: str, smaller: str) -> str:
    gain = "as strong as in the image" if view.gain == 1 else "at half strength" if view.gain < 1 else f"amplified {view.gain:g} times"
    return f"Mid-grey: {nothing}; {gain}.{smaller}"


def _high_pass(inspection: Inspection, row: int) -> Shown:
    pixels, smaller = working(inspection, row, SIDE)
    view = high_pass(pixels)
    return Shown(view.picture, _signed_words(view, "nothing", smaller))


def _spectrum(inspection: Inspection, row: int) -> Shown:
    pixels, smaller = working(inspection, row, SIDE)
    return Shown(spectrum(pixels).picture, f"White: strongest; black: 100,000 times weaker or less.{smaller}")


def _halftone(inspection: Inspection, row: int) -> Shown:
    from core.views import halftone

    pixels, smaller = working(inspection, row, HALFTONE_SIDE)
    dotted = np.asarray(halftone(pixels[None])[0], dtype=np.uint8)
    return Shown(dotted, f"{_halftone_words(inspection, row)}{smaller}")


def _halftone_words(inspection: Inspection, row: int) -> str:
    score = inspection.scores.get("halftone_shift")
    if score is None or not np.isfinite(score[row]):
        return "Only full and empty dots are left of each colour."
    # the score is 1 − cosine of the image's and the halftone's features
    cosine = 1 - float(score[row])
    return (
        f"To the embedder it is alike by {cosine:.2f} (cosine, 1 = same); it shifts further than {percentile(score, row):.1f} % of the set."
    )


def _difference(inspection: Inspection, row: int) -> Shown:
    evidence = inspection.evidence
    if evidence is None:
        raise NotShown("The neighbours are not known yet; the scan is still at work.")
    pixels, smaller = working(inspection, row, DIFFERENCE_SIDE)
    size = (pixels.shape[1], pixels.shape[0])
    others = []
    for near in evidence.neighbours[row, :NEIGHBOURS]:
        image = readable(inspection, int(near))
        if image is not None:
            other = Image.fromarray(_fitted(image, DIFFERENCE_SIDE)[0])
            others.append(np.asarray(other if other.size == size else other.resize(size, Image.Resampling.BOX)))
    if not others:
        raise NotShown("None of its neighbours can be read.")
    view = difference(pixels, np.stack(others))
    alike = f"the same as the mean of its {len(others)} nearest neighbours" if len(others) > 1 else "the same as its nearest neighbour"
    return Shown(view.picture, _signed_words(view, alike, smaller))


def _occlusion(inspection: Inspection, row: int) -> Shown:
    held = moved(inspection, row)
    found, (h, w) = held.found, held.seen.shape[:2]
    most, typical = float(found.distances.max()), float(np.median(found.distances))
    least = float(found.heat.min())
    # from the least to the most: the typical cover moves the embedding too, and would paint all of the image
    picture = heat_over(held.seen, found.heat - np.float32(least), most=float(found.heat.max()) - least)
    how = f"{found.distances.size} places of {found.patch} × {found.patch} pixels, on the {w} × {h} pixels that the embedder takes"
    if most < NOTHING_MOVES:
        return Shown(picture, f"Covering moves the embedding nowhere ({how}).")
    times = (
        f" (cosine distance {most:.2g}, {most / typical:.1f} times the typical place's)"
        if typical > 0
        else f" (cosine distance {most:.2g})"
    )
    flat = " No place stands out." if typical > 0 and most < STANDS_OUT * typical else ""
    return Shown(
        picture,
        f"Amber: covering here moves the embedding most{times}.{flat} A cover takes the colour around it, and may draw an edge of its own in an empty place. {how[0].upper()}{how[1:]}.",
        None if flat else _most_telling(inspection, row, held.seen, found),
    )


def _most_telling(inspection: Inspection, row: int, seen: UInt8, found: Occlusion) -> Place | None:
    """The place whose covering moves the embedding most; None where the embedder sees no more than a part of the image."""
    h, w = seen.shape[:2]
    whole = np.asarray(inspection.dataset.load(row).resize((w, h), Image.Resampling.BILINEAR, reducing_gap=2.0), np.float32)
    if float(np.abs(whole - seen).mean()) > SAME_PICTURE:
        return None
    i, j = divmod(int(found.distances.argmax()), found.distances.shape[1])
    return float(found.columns[j]) / w, float(found.rows[i]) / h, found.patch / w, found.patch / h


def _vote(inspection: Inspection, row: int) -> Shown:
    held, share, without = vote_without(inspection, row)
    drop: Float32 = (share - without).astype(np.float32)
    if float(drop.max()) < LEAST_CHANGE:
        raise NotShown(
            f"No single place speaks for it: the given label gets {100 * share:.0f} % of the vote, and covering any one place costs it "
            f"less than {100 * LEAST_CHANGE:.0f} points."
        )
    most = float(np.abs(drop).max())
    # one scale for both signs, at the strongest single place; the mean over overlapping covers is a little paler
    picture = heat_over(held.seen, held.found.spread(drop), most=most)
    least, largest = float(without.min()), float(without.max())
    return Shown(
        picture,
        f"The given label gets {100 * share:.0f} % of the vote; with one place covered, from {100 * least:.0f} % to {100 * largest:.0f} %. "
        "Amber: covering here costs it votes. Blue: covering here wins it votes.",
    )


WAYS: dict[str, Way] = {
    "high_pass": Way("Fine detail", "Look for a crisp shape or a texture that does not follow the object's outlines.", _high_pass),
    "spectrum": Way(
        "Frequencies",
        "Coarse shapes lie in the middle, fine ones at the rim. Look for single bright dots away from the middle: a pattern that repeats.",
        _spectrum,
    ),
    "halftone": Way(
        "As printed dots", "The subject survives, faint detail does not. Look for a label that only makes sense in the original.", _halftone
    ),
    "difference": Way(
        "Against its neighbours",
        "Look for a sharp shape that they do not have. Broad light and dark areas are ordinary differences.",
        _difference,
    ),
    "occlusion": Way(
        "What the embedder looks at",
        "Look for a hot spot beside the object: the embedder should look at the object itself.",
        _occlusion,
        slow=True,
    ),
    "vote": Way(
        "What speaks for the label",
        "Its neighbours vote again while one place is covered. Look for a small amber spot off the object: it alone earns the label.",
        _vote,
        slow=True,
    ),
}


# ---- patterns that were found


def _pattern(inspection: Inspection, row: int, trigger_id: str) -> Shown:
    finding = next((f for f in inspection.findings if f.trigger_id == trigger_id), None)
    if finding is None:
        raise KeyError(trigger_id)
    pixels, smaller = working(inspection, row, OUTLINED_SIDE)
    region, words = region_of(finding, row)
    factor = max(1, OUTLINED_SIDE // max(pixels.shape[:2]))
    return Shown(outlined(pixels, region, factor), f"{words}{smaller}")


def region_of(finding: Finding, row: int) -> tuple[np.ndarray, str]:
    """(bool (h, w), line in words): where the pattern lies in the image of `row`, on the finding's own grid."""
    region = finding.mask > 0.5
    h, w = region.shape
    at = np.flatnonzero(finding.rows == row)
    if finding.kind == UNSEEN:
        return np.zeros((h, w), dtype=bool), "Nothing can be outlined: no pattern was found that these images share."
    if finding.kind in SHAPELESS:
        return np.zeros(
            (h, w), dtype=bool
        ), "This trigger has no fixed shape to outline; it shows in fine detail, here and all over the image."
    if len(finding.places):
        if not len(at):
            return np.zeros((h, w), dtype=bool), "The pattern moves from image to image; its place in this one is not known."
        rows, columns = np.flatnonzero(region.any(axis=1)), np.flatnonzero(region.any(axis=0))
        # its own extent and two pixels of room, a small box where the mask says nothing
        side = (int(np.ptp(rows)) + 3, int(np.ptp(columns)) + 3) if len(rows) and np.ptp(rows) < h - 1 else (max(3, h // 6), max(3, w // 6))
        return boxes((h, w), finding.places[at[:1]], side), "Outlined: where this image carries the pattern."
    share = float(region.mean())
    if share > 0.6:
        return np.zeros((h, w), dtype=bool), "The pattern lies over the whole image, so there is no region to outline."
    return region, f"Outlined: where the pattern lies, {100 * share:.1f} % of the image." if share else "The pattern has no firm region."


def place_of(finding: Finding, row: int) -> Place | None:
    """The box around the pattern in the image of `row`; None where it is everywhere, or not known."""
    region, _ = region_of(finding, row)
    rows, columns = np.flatnonzero(region.any(axis=1)), np.flatnonzero(region.any(axis=0))
    if not len(rows):
        return None
    h, w = region.shape
    return float(columns[0]) / w, float(rows[0]) / h, float(np.ptp(columns) + 1) / w, float(np.ptp(rows) + 1) / h


# ---- ranks


def percentile(column: Float32, row: int) -> float:
    """Share of the scorable rows that lie below `row`, in percent, rounded down to a tenth, so that it never claims too much."""
    known = np.isfinite(column)
    return float(np.floor(1000 * np.count_nonzero(column[known] < column[row]) / max(1, int(known.sum()))) / 10)
