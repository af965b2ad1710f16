"""Pixels as a model will see them: depths, modes, alpha, rotation, first frames."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.sources import open_source
from core.sources.decoding import decode
from tests.support.source_files import LABELS, draw, folder

REPOSITORY = Path(__file__).resolve().parents[3]


def encode(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format=kind, **options)
    return buffer.getvalue()


def pixels(data: bytes) -> np.ndarray:
    image = decode(data)
    assert image.mode == "RGB"
    return np.asarray(image)


GREY = np.arange(0, 256, dtype=np.uint8).reshape(16, 16)


def test_alpha_is_dropped_as_training_loaders_do() -> None:
    rgba = draw()[0, :, :, :].copy()
    alpha = np.dstack([rgba, np.zeros((32, 32), np.uint8)])
    np.testing.assert_array_equal(pixels(encode(Image.fromarray(alpha), "PNG")), rgba)
    la = np.dstack([GREY, np.zeros_like(GREY)])
    np.testing.assert_array_equal(pixels(encode(Image.fromarray(la, "LA"), "PNG")), np.dstack([GREY] * 3))


def test_palette_with_transparency_keeps_the_palette_colours() -> None:
    image = Image.new("P", (4, 4), 1)
    image.putpalette([0, 0, 0, 200, 100, 50] + [0] * 762)
    assert (pixels(encode(image, "PNG", transparency=1)) == (200, 100, 50)).all()
    assert (pixels(encode(image, "GIF", transparency=1)) == (200, 100, 50)).all()


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_16_bit_greys_are_scaled_not_clipped(kind: str) -> None:
    deep = GREY.astype(np.uint16) * 257
    np.testing.assert_array_equal(pixels(encode(Image.fromarray(deep), kind))[:, :, 1], GREY)


def test_other_depths_are_scaled() -> None:
    wide = Image.fromarray(GREY.astype(np.int32) * 100_000)
    np.testing.assert_array_equal(pixels(encode(wide, "TIFF"))[:, :, 0], GREY)
    for factor in (1 / 255, 1.0, 50.0):
        floats = Image.fromarray((GREY * factor).astype(np.float32))
        np.testing.assert_array_equal(pixels(encode(floats, "TIFF"))[:, :, 2], GREY)
    bits = Image.fromarray(GREY > 100)
    np.testing.assert_array_equal(pixels(encode(bits, "PNG"))[:, :, 0], np.where(GREY > 100, 255, 0))


def test_cmyk_becomes_rgb() -> None:
    assert (pixels(encode(Image.new("CMYK", (4, 4), (0, 255, 255, 0)), "TIFF")) == (255, 0, 0)).all()


def test_exif_rotation_is_applied_and_broken_exif_is_no_harm() -> None:
    wide = Image.fromarray(draw()[0][:16])
    exif = Image.Exif()
    exif[0x0112] = 6
    np.testing.assert_array_equal(pixels(encode(wide, "PNG", exif=exif.tobytes())), np.rot90(draw()[0][:16], -1))
    assert pixels(encode(wide, "JPEG", exif=b"Exif\x00\x00II*\x00\xff\xff\xff\xff")).shape == (16, 32, 3)


def test_only_the_first_frame_counts() -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    for kind in ("GIF", "TIFF", "WEBP"):
        shown = pixels(encode(frames[0], kind, save_all=True, append_images=frames[1:]))
        assert shown[:, :, 0].min() > 240 and shown[:, :, 2].max() < 15


@pytest.mark.parametrize(
    ("kind", "suffix"),
    [("JPEG", ".jpg"), ("PNG", ".png"), ("BMP", ".bmp"), ("GIF", ".gif"), ("WEBP", ".webp"), ("TIFF", ".tif"), ("PPM", ".ppm")],
)
def test_raw_gives_the_stored_bytes_and_the_suffix_of_what_they_are(tmp_path: Path, kind: str, suffix: str) -> None:
    folder(tmp_path, draw(), LABELS)
    data = encode(Image.fromarray(draw()[0]), kind)
    (tmp_path / "ant/00.png").write_bytes(data)
    assert open_source(tmp_path).raw(0) == (data, suffix)


@pytest.mark.parametrize("at_least, side", [(0, 1600), (100, 200), (201, 400), (700, 800), (1601, 1600), (9999, 1600)])
def test_a_jpeg_is_decoded_no_larger_than_it_takes(at_least: int, side: int) -> None:
    image = Image.linear_gradient("L").resize((1600, 400)).convert("RGB")
    found = decode(encode(image, "JPEG"), at_least=at_least)
    assert found.size == (side, side // 4)
    assert abs(float(np.asarray(found).mean()) - float(np.asarray(image).mean())) < 2


def test_a_draft_is_upright_too_and_other_formats_are_whole() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    assert decode(encode(Image.new("RGB", (1600, 400)), "JPEG", exif=exif), at_least=100).size == (50, 200)
    assert decode(encode(Image.new("RGB", (1600, 400)), "PNG"), at_least=100).size == (1600, 400)
