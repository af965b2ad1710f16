"""The pictures of a finding: pixel for pixel what they claim to show, and only to addresses that name one."""

from __future__ import annotations

import io
import re
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import correlate

from tests.support.component_harness.answers import refused
from tests.support.component_harness.fake import make_inspection
from tests.support.finding_toys import a_finding
from ui.api.finding_pictures import (
    PICTURES,
    amplification,
    detail_rows,
    finding_png,
    mean_images,
    middle,
    outline,
    region,
)
from ui.widgets.trigger_views import marking, shifts

pytest_plugins = ["tests.support.component_harness.client"]


def picture(body: bytes) -> np.ndarray:
    image = Image.open(io.BytesIO(body))
    assert image.format == "PNG" and image.mode == "RGB"
    return np.asarray(image).astype(int)


def test_the_pattern_stands_signed_on_grey_by_the_factor_that_is_told():
    pattern = np.zeros((16, 20, 3), np.float32)
    pattern[3, 4], pattern[5, 6] = (0.02, 0, 0), (0, -0.01, 0)
    mask = (np.abs(pattern).sum(2) > 0).astype(np.float32)
    flat = np.zeros((16, 20), np.float32)
    finding = a_finding(60, [1, 2], pattern=pattern, mask=mask, z_map=flat, spectrum=flat)
    inspection = replace(make_inspection(60), findings=(finding,))
    body, factor = finding_png(inspection, finding, "pattern")
    shown = picture(body)
    assert shown.shape == (16, 20, 3) and factor == 25
    assert np.array_equal(shown, np.round(np.clip(0.5 + 25 * pattern, 0, 1) * 255))
    body, factor = finding_png(inspection, finding, "looks")
    assert factor == 1 and np.array_equal(picture(body), np.round((0.5 + pattern) * 255))


def test_fine_detail_of_a_carrier_and_of_an_ordinary_image_are_equally_amplified():
    inspection = make_inspection(60)
    finding = inspection.findings[0]
    carrier, other = detail_rows(inspection, finding)
    rest = np.flatnonzero((inspection.dataset.labels == finding.label) & ~np.isin(np.arange(60), finding.rows))
    assert carrier == finding.rows[0] and other in rest
    assert np.sum(finding.row_scores[rest] < finding.row_scores[other]) == len(rest) // 2
    shown = [finding_png(inspection, finding, name) for name in ("detail", "usual_detail")]
    assert shown[0][1] == shown[1][1]
    for (body, factor), row in zip(shown, (carrier, other), strict=True):
        pixels = (
            np.asarray(inspection.dataset.load(row).resize((32, 32), Image.Resampling.BILINEAR, reducing_gap=2.0), dtype=np.float32) / 255
        )
        window = np.outer([1, 4, 6, 4, 1], [1, 4, 6, 4, 1]) / 256
        blurred = np.stack([correlate(pixels[..., c], window, mode="nearest") for c in range(3)], axis=2)
        assert np.abs(picture(body) / 255 - (0.5 + factor * (pixels - blurred)).clip(0, 1)).max() < 0.003
    nobody = replace(finding, rows=finding.rows[:0])
    assert detail_rows(inspection, nobody) is None and finding_png(inspection, nobody, "detail")[1] == 1


def test_amplification_never_clips_and_never_blows_up_nothing():
    for largest in (1e-9, 0.003, 0.017, 0.2, 0.5, 0.9, 1.0):
        factor = amplification(np.array([0.0, -largest]))
        assert factor * largest <= 0.5 + 1e-9 and factor <= 100
        assert factor * largest > 0.44 or factor == 100
    assert amplification(np.zeros(3)) == 1


def test_the_means_are_those_of_the_images():
    inspection = make_inspection(60)
    finding = inspection.findings[0]
    carriers, others = mean_images(inspection, finding)

    def loop(rows):
        read = [row for row in rows if row != 7]  # that one is broken
        return np.mean(
            [np.asarray(inspection.dataset.load(row).resize((32, 32), Image.Resampling.BILINEAR, reducing_gap=2.0)) / 255 for row in read],
            axis=0,
        )

    rest = [row for row in range(60) if inspection.dataset.labels[row] == finding.label and row not in finding.rows]
    assert np.allclose(carriers, loop(finding.rows), atol=1e-5) and np.allclose(others, loop(rest), atol=1e-5)
    assert np.array_equal(picture(finding_png(inspection, finding, "carriers")[0]), np.round(carriers * 255))


def test_the_outline_goes_around_the_region_and_hides_none_of_it():
    mask = np.zeros((12, 12), np.float32)
    mask[5, 5] = mask[5, 7] = mask[7, 5] = mask[7, 7] = 1
    finding = a_finding(20, [1], side=12, mask=mask, pattern=np.zeros((12, 12, 3), np.float32), z_map=mask, spectrum=mask)
    sides = {(int(x), int(y), way) for x, y, way in re.findall(r"M(\d+) (\d+)([hv])1", outline(finding))}
    # a checkerboard of 3 × 3 within a box of 5 × 5
    around = {(x, y, "h") for x in range(4, 9) for y in (4, 9)} | {(x, y, "v") for x in (4, 9) for y in range(4, 9)}
    assert sides == around
    assert middle(finding) == (6, 6)


def test_a_pattern_on_the_whole_image_is_not_outlined():
    whole = np.ones((32, 32), np.float32)
    assert marking(a_finding(20, [1], mask=whole)) is None
    assert region(a_finding(20, [1], mask=whole * 0)).all()


def test_a_moving_pattern_is_marked_where_it_is():
    finding = a_finding(20, [5, 9], places=np.array([[4, 20], [10, 10]], np.int32))
    y, x = middle(finding)
    assert shifts(finding, np.array([9, 5, 3])) == [[10 - y, 10 - x], [4 - y, 20 - x], None]
    assert shifts(a_finding(20, [5]), np.array([5])) == [[0.0, 0.0]]


@pytest.mark.parametrize("name", PICTURES)
def test_pictures_come_over_http(client, inspection, name):
    reply = client.get(f"/api/finding/{inspection.key}/t1/{name}.png")
    assert reply.status_code == 200 and reply.headers["content-type"] == "image/png"
    expected, factor = finding_png(inspection, inspection.findings[0], name)
    assert reply.content == expected and float(reply.headers["x-taster-amplified"]) == pytest.approx(factor)
    assert picture(reply.content).shape == (32, 32, 3)
    assert reply.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("{key}/t2/pattern", 404),
        ("{key}/t1/other", 404),
        ("{key}/1/pattern", 400),
        ("{key}/t1x/pattern", 400),
        ("{key}/t٣/pattern", 400),
        ("{key}/t99999999999/pattern", 400),
        ("nothex/t1/pattern", 400),
        ("deadbeefdeadbeef/t1/pattern", 404),
        ("{key}/t1/..%2fpattern", 404),
    ],
)
def test_bad_addresses_of_pictures_are_refused(client, inspection, path, status):
    reply = client.get(f"/api/finding/{path.format(key=inspection.key)}.png")
    if "%2f" in path:
        assert reply.status_code in (400, 404)
    else:
        refused(reply, status)
