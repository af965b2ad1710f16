"""The scan's own embedder, asked about covered versions of one image. Loaded once; on the CPU, one question at a time."""

from __future__ import annotations

import functools
import threading
from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
from PIL import Image

from ..embedders import Model, Settings, find_embedder
from ..errors import UnreadableImage, UserError
from ..neighbours import TEMPERATURES, class_shares
from ..types import UNLABELLED, Float32, Inspection, Int64, UInt8
from ..views import Occlusion, occlusion

# small inputs are embedded by the thousand a second; for large ones 25 covered versions take about two seconds
SMALL_INPUT = 64
PLACES_SMALL, PLACES_LARGE = 9, 5
SPREAD = 300
MOST_RETAINED = 64


class NotShown(Exception):
    """A view that cannot be drawn, with one plain line that says why."""

    def __init__(self, line: str) -> None:
        self.line = line
        super().__init__(line)


@dataclass(frozen=True, eq=False)
class Moved:
    """seen: the image as the embedder takes it, uint8 (h, w, 3).  found: what covering it does."""

    seen: UInt8
    found: Occlusion


_loading, _working, _covering = threading.Lock(), threading.Lock(), threading.Lock()
_loaded: dict[str, Model] = {}
_known: OrderedDict[tuple[str, int], Moved] = OrderedDict()


def cannot_embed(inspection: Inspection) -> str:
    """Why the scan's embedder cannot be asked about a changed image, in one line; "" where it can."""
    entry = find_embedder(inspection.recipe.embedder)
    if entry.learns:
        return "This scan learned its embedder from the set; Taster does not ask it about covered versions of an image yet."
    if entry.by_row:
        return "This scan uses vectors made elsewhere, so Taster cannot ask how they would change if a part of the image were covered."
    if any(name == "weights" for name, _ in inspection.recipe.options):
        return "This scan used weights from a file that Taster does not keep, so covered versions of the image cannot be embedded."
    return ""


def model_of(inspection: Inspection) -> Model:
    """The scan's embedder on the CPU: graphics memory belongs to scans. Raises NotShown where it cannot be had."""
    line = cannot_embed(inspection)
    if line:
        raise NotShown(line)
    name = inspection.recipe.embedder
    with _loading:
        if name not in _loaded:
            try:
                _loaded[name] = find_embedder(name).load(Settings(device="cpu", seed=inspection.recipe.seed))
            except UserError as error:
                raise NotShown(f"The embedder cannot be loaded here: {error.what}.") from error
        return _loaded[name]


def features(model: Model, images: list[UInt8]) -> Float32:
    """Raw features float32 (m, D) of images that are as the model takes them."""
    with _working:
        parts = [images[start : start + model.batch_size] for start in range(0, len(images), model.batch_size)]
        return np.concatenate([model.features(part, np.zeros(len(part), dtype=np.int64)) for part in parts])


def moved(inspection: Inspection, row: int) -> Moved:
    """How far the raw features of `row` move when a place is covered; the last few are retained. Raises NotShown, UnreadableImage."""
    name = (inspection.key, row)
    # one at a time: two views of one image ask for the same covers
    with _covering:
        held = _known.get(name)
        if held is None:
            held = _known[name] = _covered(model_of(inspection), inspection.dataset.load(row))
            while len(_known) > MOST_RETAINED:
                _known.popitem(last=False)
        return held


def _covered(model: Model, image: Image.Image) -> Moved:
    seen = np.asarray(model.pixels(image), dtype=np.uint8)
    side = min(seen.shape[:2])
    patch = max(1, side // 4)
    places = PLACES_SMALL if side <= SMALL_INPUT else PLACES_LARGE
    stride = max(1, -(-(side - patch) // (places - 1)))
    return Moved(seen, occlusion(lambda batch: features(model, list(batch)), seen, patch, stride))


# ---- the vote


def votes_cheaply(inspection: Inspection) -> bool:
    """Whether asking the vote about covered versions is quick: the embedder is fast, and the row has neighbours."""
    return (
        find_embedder(inspection.recipe.embedder).fast and inspection.evidence is not None and inspection.evidence.neighbours.shape[1] > 0
    )


def vote_without(inspection: Inspection, row: int) -> tuple[Moved, float, Float32]:
    """(covers, share of the vote for the given label uncovered 0…1, the same with each place covered, float32 (a, b)).

    The vote of the scan is over all images and finished vectors. Here it is over the row's neighbours and some 300
    rows spread over the set, in raw features brought to the spread rows' mean and deviation: alike in kind, not in
    the third digit. Raises NotShown where the row has no label.
    """
    evidence, given = inspection.evidence, int(inspection.dataset.labels[row])
    if given == UNLABELLED or evidence is None:
        raise NotShown("The image has no label that a vote could be about.")
    held = moved(inspection, row)
    spread, beside = _spread(inspection), evidence.neighbours[row]
    rows, vectors = _features_of_rows(inspection, np.setdiff1d(beside, [*spread.rows, row]))
    if len(rows):
        rows, vectors = np.concatenate([rows, spread.rows]), np.concatenate([vectors, spread.vectors])
    else:
        rows, vectors = spread.rows, spread.vectors
    others = rows != row
    asked = np.concatenate([held.found.plain[None], held.found.covered])
    cosine = _unit((asked - spread.mean) / spread.deviation) @ _unit((vectors[others] - spread.mean) / spread.deviation).T
    near = np.argsort(-cosine, axis=1, kind="stable")[:, : len(beside)]
    similarity = np.take_along_axis(cosine, near, axis=1).astype(np.float32)
    labels = inspection.dataset.labels[rows[others]][near]
    shares = class_shares(labels, similarity, len(inspection.dataset.classes), TEMPERATURES[len(TEMPERATURES) // 2])[:, given]
    return held, float(shares[0]), shares[1:].reshape(held.found.distances.shape)


@dataclass(frozen=True, eq=False)
class _Spread:
    """Rows spread over the set, their raw features (m, D), and the mean and deviation of those (D,)."""

    rows: Int64
    vectors: Float32
    mean: Float32
    deviation: Float32


@functools.lru_cache(maxsize=4)
def _spread(inspection: Inspection) -> _Spread:
    n = len(inspection.dataset)
    rows, vectors = _features_of_rows(inspection, np.unique(np.linspace(0, n - 1, min(n, SPREAD)).astype(np.int64)))
    if len(rows) < 2:
        raise NotShown("Too few images of the set can be read to ask them for a vote.")
    deviation = vectors.std(axis=0)
    # a feature that hardly ever shows must not drown the others
    return _Spread(rows, vectors, vectors.mean(axis=0), np.maximum(deviation, np.median(deviation) + 1e-6))


def _features_of_rows(inspection: Inspection, rows: Int64) -> tuple[Int64, Float32]:
    """(rows that can be read, their raw features)."""
    model = model_of(inspection)
    read: list[tuple[int, UInt8]] = []
    for row in rows:
        image = readable(inspection, int(row))
        if image is not None:
            read.append((int(row), np.asarray(model.pixels(image), dtype=np.uint8)))
    vectors = features(model, [pixels for _, pixels in read]) if read else np.empty((0, 0), dtype=np.float32)
    return np.array([row for row, _ in read], dtype=np.int64), vectors


def readable(inspection: Inspection, row: int) -> Image.Image | None:
    """The image of `row`, or None where it cannot be read."""
    try:
        return inspection.dataset.load(row)
    except UnreadableImage:
        return None


def _unit(vectors: Float32) -> Float32:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-12), dtype=np.float32)
