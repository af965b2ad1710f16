"""A triggered image is stored as its original is, shows what is loaded, and its file tells nothing."""

from __future__ import annotations

import os
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image, features
from PIL.JpegImagePlugin import get_sampling
from PIL.PngImagePlugin import PngInfo
from sklearn.metrics import roc_auc_score

from core.attacks import apply_attack, write_poisoned
from core.attacks.encode import encoded_like
from core.errors import UserError
from core.sources import open_source
from core.sources.decoding import decode
from core.types import Dataset
from tests.support.attack_toys import make_dataset, one_line, random_images

SIZE = (61, 46)


def scene(seed: int, size: tuple[int, int] = SIZE) -> Image.Image:
    """Smooth colours with some grain, as a photograph has them."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(30, 226, (6, 7, 3), dtype=np.uint8)).resize(size, Image.Resampling.BICUBIC)
    return Image.fromarray((np.asarray(coarse) + rng.normal(0, 4, (size[1], size[0], 3))).clip(0, 255).astype(np.uint8))


def saved(image: Image.Image, form: str, **options: object) -> bytes:
    buffer = BytesIO()
    image.save(buffer, format=form, **options)
    return buffer.getvalue()


def opened(data: bytes) -> Image.Image:
    image = Image.open(BytesIO(data))
    image.load()
    return image


def stamped(data: bytes, suffix: str = ".xyz", corner: int = 12) -> tuple[np.ndarray, bytes, str]:
    """(upright pixels with a white corner, how they are stored, under which suffix)."""
    pixels = np.array(decode(data))
    pixels[-corner:, -corner:] = 255
    return pixels, *encoded_like(pixels, data, suffix)


def exif(orientation: int = 1, **more: str) -> Image.Exif:
    notes = Image.Exif()
    notes[0x0112] = orientation
    notes[0x010F] = "a camera"
    return notes


# ---- JPEG

CMYK = scene(1).convert("CMYK")
JPEGS: dict[str, tuple[Image.Image, dict[str, object]]] = {
    "plain": (scene(1), {}),
    "quality 40": (scene(1), {"quality": 40}),
    "4:4:4": (scene(1), {"quality": 92, "subsampling": "4:4:4"}),
    "4:2:2": (scene(1), {"subsampling": "4:2:2"}),
    "progressive": (scene(1), {"progressive": True}),
    "optimised": (scene(1), {"optimize": True}),
    "restarts": (scene(1), {"restart_marker_blocks": 2}),
    "grey": (scene(1).convert("L"), {"quality": 60}),
    "RGB": (scene(1), {"keep_rgb": True}),
    "CMYK": (CMYK, {}),
    "one table": (scene(1), {"qtables": [[7] * 64]}),
    "notes": (scene(1), {"exif": exif(), "comment": b"by hand", "icc_profile": b"profile" * 9, "xmp": b"<x/>", "dpi": (72, 72)}),
}


def parts(data: bytes) -> list[bytes]:
    """All segments before the first scan but the Huffman tables and the frame's size, which this reads by itself."""
    at, found = 2, []
    while data[at + 1] != 0xDA:
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if data[at + 1] != 0xC4:
            found.append(data[at:end])
        at = end
    return found


@pytest.mark.parametrize("name", JPEGS)
def test_a_jpeg_goes_back_to_its_own_tables_sampling_and_notes(name: str) -> None:
    image, options = JPEGS[name]
    data = saved(image, "JPEG", **options)
    pixels, written, suffix = stamped(data)
    before, after = opened(data), opened(written)
    assert suffix == ".xyz" and after.format == "JPEG" and (after.mode, after.size) == (before.mode, before.size)
    assert after.quantization == before.quantization and get_sampling(after) == get_sampling(before)
    assert after.info.keys() == before.info.keys() and parts(written) == parts(data)
    error = np.abs(np.asarray(decode(written)).astype(int) - pixels)
    assert error.mean() < 6 and error[-8:, -8:].mean() < 6  # grain at quality 40; the corner is there
    assert (b"\xff\xdd" in written) == (name == "restarts")


def test_huffman_tables_are_the_standard_ones_or_the_images_own_as_before() -> None:
    def tables(data: bytes) -> int:
        return sum(data[at + 1] == 0xC4 for at in range(len(data) - 1) if data[at] == 0xFF)

    plain, optimised = (saved(scene(2, (200, 200)), "JPEG", optimize=choice) for choice in (False, True))
    for data in (plain, optimised):
        written = stamped(data)[1]
        assert tables(written) == tables(data) == 4
        assert (opened(written).info == opened(data).info) and abs(len(written) / len(data) - 1) < 0.05
    assert len(stamped(optimised)[1]) < len(stamped(plain)[1])


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_a_turned_image_is_not_turned_twice(form: str, orientation: int) -> None:
    options: dict[str, object] = {"lossless": True} if form == "WEBP" else {}
    data = saved(scene(3), form, exif=exif(orientation), **options)
    pixels, written, _ = stamped(data)
    shown = np.asarray(decode(written)).astype(int)
    assert shown.shape == pixels.shape and np.abs(shown - pixels).mean() < 3
    if form != "TIFF":
        assert opened(written).size == opened(data).size and opened(written).getexif() == opened(data).getexif()


def test_what_the_notes_of_a_jpeg_say_of_further_pictures_is_left_out() -> None:
    data = saved(scene(1), "MPO", save_all=True, append_images=[scene(2)])
    _, written, suffix = stamped(data, ".jpg")
    assert opened(data).format == "MPO" and suffix == ".jpg" and opened(written).format == "JPEG"


# ---- other formats


def png_chunks(data: bytes) -> list[bytes]:
    at, kinds = 8, []
    while at < len(data):
        kinds.append(data[at + 4 : at + 8])
        at += 12 + int.from_bytes(data[at : at + 4], "big")
    return kinds


def palette() -> Image.Image:
    return scene(4).quantize(32)


def with_alpha(mode: str) -> Image.Image:
    image = scene(4).convert(mode)
    image.putalpha(Image.linear_gradient("L").resize(SIZE))
    return image


NOTES = PngInfo()
NOTES.add_text("author", "somebody")
# what it is, how it is stored, the largest mean error of a pixel
OTHERS: dict[str, tuple[Callable[[], bytes], float]] = {
    "png": (lambda: saved(scene(4), "PNG"), 0),
    "png grey": (lambda: saved(scene(4).convert("L"), "PNG"), 0),
    "png alpha": (lambda: saved(with_alpha("RGB"), "PNG"), 0),
    "png grey alpha": (lambda: saved(with_alpha("L"), "PNG"), 0),
    "png palette": (lambda: saved(palette(), "PNG"), 6),
    "png 16 bits": (lambda: saved(Image.fromarray(np.asarray(scene(4).convert("L")).astype(np.uint16) * 257), "PNG"), 0),
    "png bilevel": (lambda: saved(scene(4).convert("1"), "PNG"), 0),
    "png notes": (lambda: saved(scene(4), "PNG", pnginfo=NOTES, icc_profile=b"p" * 99, dpi=(72, 72), compress_level=9), 0),
    "gif": (lambda: saved(palette(), "GIF", comment=b"c"), 6),
    "gif in rows": (lambda: saved(palette(), "GIF", interlace=0), 6),
    "gif grey": (lambda: saved(scene(4).convert("L"), "GIF"), 0),
    "bmp": (lambda: saved(scene(4), "BMP", dpi=(72, 72)), 0),
    "bmp alpha": (lambda: saved(with_alpha("RGB"), "BMP"), 0),
    "ppm": (lambda: saved(scene(4), "PPM"), 0),
    "tiff": (lambda: saved(scene(4), "TIFF"), 0),
    "tiff deflate": (lambda: saved(scene(4), "TIFF", compression="tiff_adobe_deflate"), 0),
    "tiff cmyk": (lambda: saved(CMYK, "TIFF", compression="tiff_lzw"), 2),
    "webp lossless": (lambda: saved(scene(4), "WEBP", lossless=True), 0),
    "webp lossless alpha": (lambda: saved(with_alpha("RGB"), "WEBP", lossless=True, exact=True), 0),
    "webp lossless notes": (lambda: saved(scene(4), "WEBP", lossless=True, exif=exif()), 0),
    "webp": (lambda: saved(scene(4), "WEBP", quality=80), 6),
    "webp alpha": (lambda: saved(with_alpha("RGB"), "WEBP", quality=80, exact=True), 6),
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_formats_go_back_to_themselves(name: str) -> None:
    make, error = OTHERS[name]
    data = make()
    pixels, written, suffix = stamped(data)
    before, after = opened(data), opened(written)
    assert suffix == ".xyz" and (after.format, after.mode, after.size) == (before.format, before.mode, before.size)
    assert np.abs(np.asarray(decode(written)).astype(int) - pixels).mean() <= error
    assert after.info.get("compression") == before.info.get("compression")
    if before.mode in ("RGBA", "LA") and "lossless" not in name and before.format != "WEBP":
        assert after.getchannel("A").tobytes() == before.getchannel("A").tobytes()
    if before.format == "PNG":
        assert after.info == before.info
        assert set(png_chunks(written)) == set(png_chunks(data)) and png_chunks(written)[-1] == b"IEND"
    if before.mode == "P":
        assert len(after.palette.palette) <= len(before.palette.palette)
    if name.startswith("gif"):
        assert Image.open(BytesIO(written)).tile[0][3][1] == Image.open(BytesIO(data)).tile[0][3][1]


@pytest.mark.parametrize("quality", [15, 50, 80, 95])
@pytest.mark.parametrize("form", ["WEBP", "AVIF"])
def test_a_lossy_quality_is_found_by_the_size(form: str, quality: int) -> None:
    if form == "AVIF" and not features.check("avif"):
        pytest.skip("this Pillow writes no AVIF")
    data = saved(scene(5, (96, 96)), form, quality=quality)
    pixels = np.array(decode(data))
    pixels[0, 0] = 255 - pixels[0, 0]
    written, _ = encoded_like(pixels, data, ".x")
    assert opened(written).format == form and abs(len(written) / len(data) - 1) < 0.12


@pytest.mark.parametrize("level", [1, 6, 9])
def test_a_png_keeps_its_level_of_compression_and_the_cut_of_its_chunks(level: int) -> None:
    data = saved(scene(5, (160, 160)), "PNG", compress_level=level)
    written = stamped(data)[1]
    assert written[8:] != data[8:] and abs(len(written) / len(data) - 1) < 0.03
    first = data.index(b"IDAT")
    assert data[first + 4 : first + 6] == written[first + 4 : first + 6]  # zlib's header, which names the level


def test_what_cannot_be_written_back_becomes_png() -> None:
    pixels = np.array(scene(6))
    tga, broken = saved(scene(6), "TGA"), saved(scene(6), "JPEG")[:300]
    for data in (tga, broken, b"", b"\xff\xd8\xff", b"RIFF"):
        written, suffix = encoded_like(pixels, data, ".x")
        assert suffix == ".png" and np.array_equal(np.asarray(decode(written)), pixels)


def test_a_jpeg_cut_or_changed_anywhere_gives_an_image_all_the_same() -> None:
    data, rng = saved(scene(7), "JPEG", exif=exif(6), progressive=True), np.random.default_rng(0)
    pixels = np.array(decode(data))
    for at in rng.integers(2, 700, 150).tolist():
        hurt = data[:at] + bytes([data[at] ^ int(rng.integers(1, 256))]) + data[at + 1 :]
        assert np.asarray(decode(encoded_like(pixels, hurt, ".jpg")[0])).shape == pixels.shape


# ---- a whole set


def photographs(folder: Path, n: int = 60, **options: object) -> Dataset:
    """`n` JPEG files of varied content in two classes of the same kind, so that nothing but the trigger parts them."""
    for row in range(n):
        place = folder / ("even", "odd")[row % 2]
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{('even', 'odd')[row % 2]}-{row}.JPG").write_bytes(saved(scene(100 + row, (96, 80)), "JPEG", quality=85, **options))
    return open_source(str(folder))


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return photographs(tmp_path_factory.mktemp("photographs"))


def file_marks(data: bytes) -> tuple[object, ...]:
    image = opened(data)
    return image.format, image.mode, str(image.quantization), get_sampling(image), str(image.info)


def auroc(poisoned: np.ndarray, values: list[float]) -> float:
    return float(roc_auc_score(poisoned, values))


@pytest.mark.parametrize("name", ["badnets", "blended", "sig", "wanet", "adaptive_patch", "noise_specific"])
def test_what_is_loaded_is_what_the_file_shows(photos: Dataset, name: str) -> None:
    new = apply_attack(photos, name, rate=0.1, target="odd", seed=1)
    again = apply_attack(photos, name, rate=0.1, target="odd", seed=1)
    for row in np.flatnonzero((new.image_digests != photos.image_digests).any(axis=1)).tolist():
        assert new.raw(row) == again.raw(row) and new.raw(row)[1] == photos.raw(row)[1] == ".jpg"
        assert np.array_equal(np.asarray(decode(new.raw(row)[0])), np.asarray(new.load(row)))
        assert not np.array_equal(np.asarray(new.load(row)), np.asarray(photos.load(row)))


def test_the_two_encodings_have_names_of_their_own_and_others_are_refused(photos: Dataset) -> None:
    source, lossless = (apply_attack(photos, "badnets", rate=0.1, encode=how) for how in ("source", "lossless"))
    assert source.digest != lossless.digest
    rows = np.flatnonzero(source.truth.is_poisoned).tolist()
    assert {lossless.raw(row)[1] for row in rows} == {".png"}
    with pytest.raises(UserError) as error:
        apply_attack(photos, "badnets", rate=0.1, encode="jpeg")
    one_line(error, "encoding 'jpeg' is not known", "source, lossless")


def test_arrays_stay_lossless_and_an_unchanged_image_stays_itself() -> None:
    flat = make_dataset([np.full((32, 32, 3), 200, dtype=np.uint8)] * 40, np.arange(40) % 4)
    bent = apply_attack(flat, "wanet", rate=0.2)  # bending an even surface changes nothing
    assert all(bent.raw(row) == flat.raw(row) for row in range(40))
    toy = make_dataset(random_images(40), np.arange(40) % 4)
    pngs = [row for row in range(40) if toy.raw(row)[1] == ".png"]
    source, lossless = (apply_attack(toy, "badnets", rate=0.5, encode=how) for how in ("source", "lossless"))
    assert all(source.raw(row) == lossless.raw(row) for row in pngs)


def test_a_second_attack_goes_over_what_the_first_has_stored(photos: Dataset, tmp_path: Path) -> None:
    first = apply_attack(photos, "badnets", rate=0.2, seed=1)
    both = apply_attack(first, "sig", rate=0.3, target="odd", seed=2)
    assert (both.truth.is_poisoned & (first.labels != photos.labels) & (both.labels != first.labels)).any()
    back = open_source(str(write_poisoned(first, tmp_path / "first", recipe={"attack": "badnets"})))
    names = {line["source_id"]: line["id"] for line in pq.read_table(tmp_path / "first" / "truth.parquet").to_pylist()}
    for row in np.flatnonzero(both.truth.is_poisoned).tolist():
        assert first.raw(row)[0] == back.raw(back.row_of(names[photos.ids[row]]))[0]
        assert np.array_equal(np.asarray(decode(both.raw(row)[0])), np.asarray(both.load(row)))


def test_names_times_formats_tables_and_sizes_tell_nothing(photos: Dataset, tmp_path: Path) -> None:
    # hardly a trigger at all, so that what is left to see is the encoding's own trace
    new = apply_attack(photos, "blended", rate=0.3, target="odd", alpha=0.01, seed=4)
    out = write_poisoned(new, tmp_path / "set", recipe={"attack": "blended"})
    lines = [line for line in pq.read_table(out / "truth.parquet").to_pylist() if line["id"].startswith("odd/")]
    poisoned = np.array([line["is_poisoned"] for line in lines])
    files = [out / line["id"] for line in lines]
    assert poisoned.sum() == 18 and len(files) == 48
    assert len({file_marks(file.read_bytes()) for file in files}) == 1
    assert {file.suffix for file in files} == {".jpg"} and len({os.stat(file).st_mtime_ns for file in files}) == 1
    assert all(file.stem.isdigit() for file in files)
    assert abs(auroc(poisoned, [int(file.stem) for file in files]) - 0.5) < 0.2
    originals = {image_id: len(photos.raw(row)[0]) for row, image_id in enumerate(photos.ids)}
    written = auroc(poisoned, [file.stat().st_size for file in files])
    assert abs(written - auroc(poisoned, [originals[line["source_id"]] for line in lines])) < 0.05
    ratios = [file.stat().st_size / originals[line["source_id"]] for file, line in zip(files, lines, strict=True)]
    assert all(0.97 < ratio < 1.03 for ratio in ratios) and sum(ratio != 1 for ratio in ratios) <= 18
