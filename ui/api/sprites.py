"""Images for the browser: thumbnails, full pictures, and many small ones laid out on one sprite.

Images are evidence. What fits is sent pixel for pixel, as lossless PNG; only what is too large is made smaller,
with an antialiasing filter and in its own aspect, and nothing is ever enlarged here: the browser enlarges, small images by
whole factors. A part of a large image is sent pixel for pixel too (`crop_png`).
"""

from __future__ import annotations

import io
import math
import threading
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from core.errors import UnreadableImage
from core.sources import decode
from core.types import Dataset, Int64
from ui.app.cache import CACHE

# the last one is for large tiles of photographs, and for screens with two pixels to one
CELLS = (32, 64, 96, 192)
MOST_IMAGES = 400
THUMB_SIDE = 96
IMAGE_SIDE = 1024
# a JPEG is decoded at no less than this many times the side that is asked for: the filter does the rest
_DRAFT = 2
# a relabel queue may name every row of a large set, so the register is bounded by rows as well as by tokens
_MOST_TOKENS = 20_000
_MOST_ROWS = 8_000_000
_WORKERS = 4
Rows = Sequence[int] | NDArray[np.integer[Any]]
_CROSS = (128, 128, 128, 255)


# ---- which rows a token names


class RowRegister:
    """Tokens for lists of rows, content-addressed; the least recently used are forgotten. Safe for many threads."""

    def __init__(self, most_tokens: int = _MOST_TOKENS, most_rows: int = _MOST_ROWS) -> None:
        self._most_tokens, self._most_rows = most_tokens, most_rows
        self._held: OrderedDict[str, tuple[str, Int64]] = OrderedDict()
        self._rows = 0
        self._lock = threading.Lock()

    def add(self, key: str, rows: Rows) -> str:
        """Token (32 hex characters) of `rows` of the inspection `key`; the same rows always get the same one."""
        # a copy, because the caller may go on using its own array
        kept = np.array(rows, dtype=np.int64).reshape(-1)
        kept.setflags(write=False)
        token = blake2b(key.encode() + b"\x00" + kept.astype("<i8").tobytes(), digest_size=16).hexdigest()
        with self._lock:
            if token not in self._held:
                self._held[token] = (key, kept)
                self._rows += len(kept)
            self._held.move_to_end(token)
            while len(self._held) > 1 and (len(self._held) > self._most_tokens or self._rows > self._most_rows):
                _, (_, gone) = self._held.popitem(last=False)
                self._rows -= len(gone)
        return token

    def get(self, token: str) -> tuple[str, Int64] | None:
        """(key, rows) that `token` names, or None when it is not known (any more)."""
        with self._lock:
            found = self._held.get(token)
            if found is not None:
                self._held.move_to_end(token)
            return found


_register = RowRegister()


def register_rows(key: str, rows: Rows) -> str:
    """Token (hex) by which the browser may ask for `rows` of inspection `key`, for the life of this process."""
    return _register.add(key, rows)


def registered_rows(token: str) -> tuple[str, Int64] | None:
    """(key, rows) of a token made by `register_rows`, or None when it is not known (any more)."""
    return _register.get(token)


# ---- one image


def png(image: Image.Image) -> bytes:
    """`image` as lossless PNG, packed fast rather than small."""
    out = io.BytesIO()
    image.save(out, format="PNG", compress_level=1)
    return out.getvalue()


def _webp(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, format="WEBP", quality=90, method=1)
    return out.getvalue()


def picture_type(body: bytes) -> str:
    """The media type of what `png` and `make_sprite` make."""
    return "image/webp" if body.startswith(b"RIFF") else "image/png"


def fitted(image: Image.Image, side: int) -> Image.Image:
    """`image` itself where it fits into side × side pixels, else a smaller one of the same aspect."""
    if max(image.size) <= side:
        return image
    factor = side / max(image.size)
    size = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
    return image.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0)


def _draft(dataset: Dataset, row: int, side: int) -> Image.Image:
    """`row`, of a large JPEG only as much of it as side × side pixels take. Raises UnreadableImage."""
    body, suffix = dataset.raw(row)
    return decode(body, at_least=_DRAFT * side) if suffix.lower() in (".jpg", ".jpeg") else dataset.load(row)


def thumb_png(dataset: Dataset, row: int) -> bytes:
    """PNG of `row`, at most 96 pixels a side, never enlarged; raises UnreadableImage."""
    return png(fitted(_draft(dataset, row, THUMB_SIDE), THUMB_SIDE))


def image_png(dataset: Dataset, row: int) -> bytes:
    """PNG of `row` at full size, at most 1024 pixels a side; raises UnreadableImage."""
    return png(fitted(dataset.load(row), IMAGE_SIDE))


def crop_png(dataset: Dataset, row: int, left: int, top: int, width: int, height: int) -> bytes:
    """PNG of a rectangle of `row` in its own pixels, cut at the image's edges; raises ValueError where nothing is left."""
    image = dataset.load(row)
    box = (left, top, min(left + width, image.width), min(top + height, image.height))
    if box[0] >= box[2] or box[1] >= box[3]:
        raise ValueError(f"the image has {image.width} × {image.height} pixels")
    return png(image.crop(box))


# ---- many images


def sprite_columns(n: int) -> int:
    """Columns of a sprite of `n` images: the least square that holds them."""
    return math.isqrt(n - 1) + 1 if n > 0 else 1


def sprite_cell(side: int) -> int:
    """The smallest cell that shows an image whose longer side is `side` pixels unchanged, at most 96."""
    return min(THUMB_SIDE, next((cell for cell in CELLS if side <= cell), THUMB_SIDE))


def make_sprite(dataset: Dataset, rows: Int64, cell: int) -> tuple[bytes, bool]:
    """(`rows` on a grid of cell × cell pixels, whether every image could be read).

    Lossless PNG, unless every image had to be made smaller: then WebP, a sixth of the bytes.

    Images are centred in their cells, `sprite_columns(len(rows))` to a line; what is not covered is transparent;
    a cross stands for an image that cannot be read.
    """
    columns = sprite_columns(len(rows))
    sheet = Image.new("RGBA", (columns * cell, -(-len(rows) // columns) * cell), (0, 0, 0, 0))
    complete, exact = True, False
    for place, tile in enumerate(_workers().map(lambda row: _tile(dataset, int(row), cell), rows)):
        left, top = place % columns * cell, place // columns * cell
        if tile is None:
            complete = False
            _cross_out(sheet, left, top, cell)
        else:
            shown = fitted(tile, cell)
            exact = exact or shown is tile
            sheet.paste(shown.convert("RGBA"), (left + (cell - shown.width) // 2, top + (cell - shown.height) // 2))
    if len(rows) and not exact:
        return _webp(sheet), complete
    opaque = complete and sheet.getchannel("A").getextrema() == (255, 255)
    return png(sheet.convert("RGB") if opaque else sheet), complete


def _tile(dataset: Dataset, row: int, cell: int) -> Image.Image | None:
    try:
        return _draft(dataset, row, cell)
    except UnreadableImage:
        return None


def _cross_out(sheet: Image.Image, left: int, top: int, cell: int) -> None:
    pen, right, bottom = ImageDraw.Draw(sheet), left + cell - 1, top + cell - 1
    pen.rectangle((left, top, right, bottom), outline=_CROSS)
    pen.line((left, top, right, bottom), fill=_CROSS)
    pen.line((left, bottom, right, top), fill=_CROSS)


_pool: ThreadPoolExecutor | None = None
_pool_lock = threading.Lock()


def _workers() -> ThreadPoolExecutor:
    global _pool
    with _pool_lock:
        if _pool is None:
            _pool = ThreadPoolExecutor(_WORKERS, thread_name_prefix="taster-sprite")
        return _pool


def sprite_png(dataset: Dataset, token: str, rows: Int64, cell: int) -> tuple[bytes, bool]:
    """`make_sprite` of the rows that `token` names (or the first of them), remembered where it is complete."""
    name = ("sprite", token, cell, len(rows))
    held: bytes | None = CACHE.get(name)
    if held is not None:
        return held, True
    body, complete = make_sprite(dataset, rows, cell)
    if complete:
        CACHE.put(name, body)
    return body, complete


def sprite_url(token: str, cell: int) -> str:
    """Address of the sprite of a token, good for ever because it names its content."""
    return f"/api/sprite/{token}/{cell}.png"
