"""Triggered images go back to the format in which their originals are stored, so that the file tells nothing of them.

JPEG and PNG: see the modules `jpeg` and `png`. WebP: lossless stays lossless; the quality of a lossy one cannot be read
back, so it is the one at which the untouched image, encoded again, comes nearest to the size of the stored file. GIF and
other palettes: as many colours as before, chosen anew. TIFF keeps its compression (the quality of JPEG inside is not
known), BMP and PPM have none. Greys stay grey, so that a coloured trigger loses its colours; alpha stays as it was. The
orientation that EXIF notes stays noted, and the pixels are turned back to fit. Of animations and of files with several
pages, the first picture is written alone. Images of any other format, and those that Pillow cannot write back, become PNG.
"""

from __future__ import annotations

import struct
from io import BytesIO
from typing import cast

import numpy as np
from PIL import ExifTags, Image, ImageOps
from PIL.JpegImagePlugin import JpegImageFile

from ..types import UInt8
from .jpeg import jpeg_like
from .png import png_like

# written losslessly, in three or four channels: what is read back is what was written
EXACT = ("PNG", "BMP", "PPM")
TURNED_BACK = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
# what Pillow raises on files that it could read but cannot write back
_PILLOW_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    RuntimeError,
    EOFError,
    struct.error,
)


def encoded_like(pixels: UInt8, data: bytes, suffix: str) -> tuple[bytes, str]:
    """(encoded bytes, suffix) of upright `pixels`, uint8 (h, w, 3), stored as `data` are; PNG where that cannot be done."""
    try:
        written = _written_like(pixels, data)
        if decoded(written).shape == pixels.shape:
            return written, suffix
    except _PILLOW_ERRORS:
        pass
    return as_png(pixels), ".png"


def as_png(pixels: UInt8) -> bytes:
    """Lossless PNG of uint8 (h, w, 3)."""
    return _saved(Image.fromarray(pixels), "PNG")


def is_exact(data: bytes) -> bool:
    """Whether an image stored as `data` are keeps all its pixels, so that it need not be decoded to know them."""
    try:
        with Image.open(BytesIO(data)) as image:
            return image.format in EXACT and image.mode in ("RGB", "RGBA")
    except _PILLOW_ERRORS:
        return True  # it will be written as PNG


def decoded(data: bytes) -> UInt8:
    """Upright pixels, uint8 (h, w, 3), of what `encoded_like` wrote."""
    with Image.open(BytesIO(data)) as image:
        ImageOps.exif_transpose(image, in_place=True)
        if image.mode.startswith("I;16"):
            image = Image.fromarray(np.rint(np.asarray(image) / 257.0).astype(np.uint8))
        return np.asarray(image.convert("RGB"))


def _written_like(pixels: UInt8, data: bytes) -> bytes:
    with Image.open(BytesIO(data)) as image:
        form = "JPEG" if image.format == "MPO" else str(image.format)
        is_interlaced = form == "GIF" and bool(image.tile[0][3][1])
        image.load()
        # Pillow turns a TIFF upright by itself and forgets the note
        turn = None if form == "TIFF" else TURNED_BACK.get(image.getexif().get(ExifTags.Base.Orientation, 1))
        upright = Image.fromarray(pixels)
        picture = _in_mode_of(image, upright if turn is None else upright.transpose(turn))
        if form == "JPEG":
            return jpeg_like(picture, cast(JpegImageFile, image), data)
        if form == "PNG":
            return png_like(picture, data)
        notes = {name: image.info[name] for name in ("icc_profile", "exif", "xmp", "dpi", "comment") if name in image.info}
        if form in ("WEBP", "AVIF"):
            return _saved(picture, form, **notes, **_quality(image, form, data, notes))
        if form == "GIF":
            return _saved(picture, form, **notes, interlace=is_interlaced)
        if form == "TIFF":
            return _saved(picture, form, **notes, compression=image.info.get("compression"))
        if form in ("BMP", "PPM"):
            return _saved(picture, form, **notes)
        raise ValueError(f"{form} is not written back")


def _quality(image: Image.Image, form: str, data: bytes, notes: dict[str, object]) -> dict[str, object]:
    """How `image` with its notes is best encoded to come near to the size of `data`, its file."""

    def size(quality: int) -> int:
        return len(_saved(image, form, **notes, quality=quality))

    if form == "WEBP" and b"VP8L" in (data[12:16], _first_frame_kind(data)):
        return {"lossless": True, "exact": True}
    low, high = 1, 100
    while low < high:  # the size grows with the quality; this ends at the first quality that is not too small
        middle = (low + high) // 2
        low, high = (middle + 1, high) if size(middle) < len(data) else (low, middle)
    near = [quality for quality in (low - 1, low) if quality >= 1]
    return {"quality": min(near, key=lambda quality: abs(size(quality) - len(data)))}


def _first_frame_kind(data: bytes) -> bytes:
    """Which of WebP's encodings the picture is in, where its file begins with notes."""
    at = 12
    while at + 8 <= len(data):
        kind = data[at : at + 4]
        if kind in (b"VP8 ", b"VP8L"):
            return kind
        if kind == b"ANMF":
            return data[at + 24 : at + 28]
        length = int.from_bytes(data[at + 4 : at + 8], "little")
        at += 8 + length + length % 2
    return b""


def _in_mode_of(image: Image.Image, picture: Image.Image) -> Image.Image:
    """`picture`, RGB, in the mode of `image`, whose alpha it takes."""
    mode = image.mode
    if mode in ("RGBA", "LA"):
        changed = picture.convert(mode[:-1])
        changed.putalpha(image.getchannel("A"))
        return changed
    if mode == "P":
        assert image.palette is not None
        n_colours = len(image.palette.palette) // len(image.palette.mode)
        return picture.quantize(min(n_colours, 256), dither=Image.Dither.NONE)
    if mode == "CMYK":
        return _as_cmyk(np.asarray(picture), np.asarray(image)[..., 3])
    if mode.startswith("I;16"):
        return Image.fromarray(np.asarray(picture.convert("L")).astype(np.uint16) * 257)
    if mode not in ("1", "L", "RGB"):
        raise ValueError(f"pixels cannot be put back to mode {mode}")
    return picture.convert(mode, dither=Image.Dither.NONE)


def _as_cmyk(rgb: UInt8, black: UInt8) -> Image.Image:
    """CMYK that shows `rgb`, with as much of the `black` that there was as its brightness leaves room for."""
    light = np.maximum(255 - black, rgb.max(axis=2)).astype(np.float64)[..., None]
    inks = np.rint(255.0 * (1.0 - rgb / np.maximum(light, 1.0)))
    return Image.fromarray(np.concatenate([inks, 255.0 - light], axis=2).clip(0, 255).astype(np.uint8), mode="CMYK")


def _saved(picture: Image.Image, form: str, **options: object) -> bytes:
    buffer = BytesIO()
    picture.save(buffer, format=form, **options)
    return buffer.getvalue()
