"""Images made to harm: bombs, cuts, garbled bytes; each gives pixels or a reason."""

from __future__ import annotations

import io
import random
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from core.errors import UnreadableImage
from core.sources.decoding import decode
from tests.support.source_files import (
    draw,
    png,
    unreadable,
)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_header(width: int, height: int, *chunks: bytes) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + b"".join(chunks) + chunk(b"IEND", b"")


@pytest.mark.parametrize(("width", "height"), [(8001, 8000), (20_000, 20_000), (2**31 - 1, 2**31 - 1)])
def test_decompression_bombs_are_seen_in_the_header(width: int, height: int) -> None:
    unreadable(png_header(width, height, chunk(b"IDAT", zlib.compress(b""))), "decompression bomb")


def test_odd_shapes_are_refused() -> None:
    unreadable(png_header(0, 10), ".")
    unreadable(png_header(30_000, 10, chunk(b"IDAT", b"")), "times longer")


def test_a_text_chunk_bomb_is_refused() -> None:
    bomb = chunk(b"zTXt", b"a\x00\x00" + zlib.compress(b"\x00" * (64 << 20)))
    unreadable(png_header(4, 4, bomb, chunk(b"IDAT", b"")), "cannot be decoded|too large")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "PPM"])
def test_cut_files_are_unreadable(kind: str) -> None:
    buffer = io.BytesIO()
    Image.fromarray(np.tile(draw()[0], (4, 4, 1))).save(buffer, format=kind)
    data = buffer.getvalue()
    unreadable(data[: len(data) // 2], "truncated" if kind in ("JPEG", "PNG", "BMP", "PPM") else ".")
    for length in (1, 10, 30):
        unreadable(data[:length], ".")


@pytest.mark.parametrize(
    "data", [b"", b"hello", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"GIF89a", b"\xff\xd8\xff", b"%PDF-1.7", b"\x00" * 999]
)
def test_what_is_no_image_says_so(data: bytes) -> None:
    unreadable(data, ".")


def test_postscript_is_never_started() -> None:
    unreadable(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\nshowpage\n", "supported format")


@pytest.mark.parametrize(
    "error",
    [OSError("x"), SyntaxError("x"), struct.error("x"), ValueError("x"), MemoryError(), EOFError(), KeyError("x"), RecursionError()],
)
def test_whatever_pillow_raises_becomes_a_reason(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(Image.Image, "convert", fail)
    unreadable(png(draw()[0]), ".")


@settings(max_examples=150, deadline=None)
@given(st.randoms(use_true_random=False), st.sampled_from(["PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "TGA", "PCX", "ICO", "JPEG2000"]))
def test_garbled_images_decode_or_say_why(rng: random.Random, kind: str) -> None:
    buffer = io.BytesIO()
    Image.fromarray(draw()[0]).save(buffer, format=kind)
    data = bytearray(buffer.getvalue())
    for _ in range(rng.randint(1, 8)):
        data[rng.randrange(min(len(data), 200))] = rng.randrange(256)
    try:
        assert decode(bytes(data)).mode == "RGB"
    except UnreadableImage as error:
        assert error.reason
