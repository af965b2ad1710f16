"""The inspector: what it says of an image is true, its pictures arrive whole, and the dialog stands."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from urllib.parse import unquote

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

import core.scans.ask_embedder as inspector_model
from core.scans.ask_embedder import NotShown, moved, vote_without
from core.scans.embedding import Model
from core.types import Recipe
from core.views import high_pass, outlined
from tests.support.component_harness.answers import N, refused
from tests.support.component_harness.fake import BROKEN, CLASSES, LARGE, WIDE
from tests.support.finding_toys import a_finding
from ui.api.inspector_facts import inspector_item
from ui.api.inspector_views import SIDE, VERSION, WAYS, percentile, region_of, ways_for

pytest_plugins = ["tests.support.component_harness.client"]


class Pixels:
    """An embedder whose features are 4 × 4-pixel means, and how much of the lower right corner is white, forty times; quick, and known."""

    key, batch_size = "pixels", 50

    def pixels(self, image: Image.Image) -> np.ndarray:
        return np.asarray(image.resize((32, 32), Image.Resampling.BOX), dtype=np.uint8)

    def features(self, batch, rows) -> np.ndarray:
        images = np.stack(batch).astype(np.float32) / 255
        means = images.reshape(len(batch), 8, 4, 8, 4, 3).mean((2, 4, 5)).reshape(len(batch), 64)
        corner = (images[:, 29:, 29:] > 0.99).mean((1, 2, 3))
        return np.c_[means, np.repeat(corner[:, None], 40, axis=1)]


@pytest.fixture(autouse=True)
def embedder(monkeypatch) -> Model:
    made = Pixels()
    monkeypatch.setattr(inspector_model, "_loaded", {"gradients": made})
    monkeypatch.setattr(inspector_model, "_known", type(inspector_model._known)())
    return made


def view(client, inspection, row, name, query=f"?v={VERSION}"):
    return client.get(f"/api/view/{inspection.key}/{row}/{name}.png{query}")


def pixels_of(reply) -> np.ndarray:
    assert reply.status_code == 200, reply.text
    return np.asarray(Image.open(io.BytesIO(reply.content)).convert("RGB"))


# ---- pictures


@pytest.mark.parametrize("name", [name for name in WAYS if name != "vote"])
def test_every_view_is_a_picture_with_words(client, inspection, name):
    reply = view(client, inspection, 3, name)
    assert pixels_of(reply).shape == (32, 32, 3)
    assert len(unquote(reply.headers["x-taster-said"])) > 20
    assert "immutable" in reply.headers["cache-control"] and reply.headers["x-content-type-options"] == "nosniff"


def test_the_picture_is_the_view_pixel_for_pixel(client, inspection):
    image = np.asarray(inspection.dataset.load(3))
    reply = view(client, inspection, 3, "high_pass")
    assert np.array_equal(pixels_of(reply), high_pass(image).picture)
    assert f"amplified {high_pass(image).gain:g} times" in unquote(reply.headers["x-taster-said"])


def test_only_the_current_version_is_kept_for_ever(client, inspection):
    for query in ("", "?v=0", "?v=x"):
        assert view(client, inspection, 3, "spectrum", query).headers["cache-control"] == "no-store"


def test_large_and_wide_images_are_shown_at_a_working_size_that_is_said(client, inspection):
    large = view(client, inspection, LARGE, "high_pass")
    assert pixels_of(large).shape == (600, 750, 3) and max(pixels_of(large).shape) <= SIDE
    assert "2 times smaller" in unquote(large.headers["x-taster-said"])
    wide = view(client, inspection, WIDE, "difference")
    assert pixels_of(wide).shape == (20, 64, 3)
    assert "smaller" not in unquote(wide.headers["x-taster-said"])


@pytest.mark.parametrize("name", ["nothing", "pattern-t9", "pattern-", "pattern-..", "__class__", "HIGH_PASS", "%00"])
def test_an_unknown_view_is_refused(client, inspection, name):
    assert "no such view" in refused(view(client, inspection, 3, name), 404)


@pytest.mark.parametrize("path", ["{key}/60/spectrum", "{key}/-1/spectrum", "{key}/x/spectrum", "deadbeefdeadbeef/1/spectrum"])
def test_a_row_or_set_that_is_not_there_is_refused(client, inspection, path):
    refused(client.get(f"/api/view/{path.format(key=inspection.key)}.png"), 404)
    refused(client.get(f"/api/inspect/{path.format(key=inspection.key).removesuffix('/spectrum')}"), 404)


@pytest.mark.parametrize("name", ["high_pass", "difference", "occlusion"])
def test_an_unreadable_image_says_why(client, inspection, name):
    assert "ends too early" in refused(view(client, inspection, BROKEN, name), 404)


def test_a_neighbour_that_cannot_be_read_is_left_out(client, inspection):
    row = next(r for r in range(N) if BROKEN in inspection.evidence.neighbours[r, :10])
    assert "9 nearest" in unquote(view(client, inspection, row, "difference").headers["x-taster-said"])


# ---- what the embedder and the vote depend on


def planted_set(inspection):
    """The corner patch of every 11th row is the label: those rows are called "frog", and nobody else is."""
    patched = np.arange(N) % 11 == 0
    plain = inspection.dataset.load

    def load(row: int) -> Image.Image:
        # dimmed, because bright stripes would saturate like the patch
        image = np.array(plain(row)) // 2
        if patched[row]:
            image[-3:, -3:] = 255
        return Image.fromarray(image)

    labels = np.where(patched, 4, inspection.dataset.labels % 4).astype(np.int64)
    near = np.array([[r for r in range(N) if r != row and r not in (BROKEN, LARGE, WIDE)][:4] for row in range(N)], np.int32)
    evidence = replace(inspection.evidence, labels=labels, neighbours=near, similarity=np.full(near.shape, 0.5, np.float32))
    return replace(inspection, dataset=replace(inspection.dataset, labels=labels, loader=load), evidence=evidence), np.flatnonzero(patched)


def test_the_vote_for_the_label_falls_where_the_planted_patch_is_covered(inspection):
    planted, patched = planted_set(inspection)
    for row in patched[1:4]:
        held, share, without = vote_without(planted, int(row))
        assert share > 0.5
        a, b = np.unravel_index(without.argmin(), without.shape)
        assert held.found.rows[a] + held.found.patch >= 30 and held.found.columns[b] + held.found.patch >= 30
        assert share - without.min() > 0.3 > share - np.median(without)


def test_the_vote_picture_is_amber_at_the_patch(client, services, inspection):
    planted, patched = planted_set(inspection)
    services._by_key[planted.key] = planted
    reply = view(client, planted, int(patched[1]), "vote")
    picture = pixels_of(reply).astype(int)
    warm = picture[:, :, 0] - picture[:, :, 2]
    assert warm[29:, 29:].min() > warm[:16, :16].max()
    assert "given label gets" in unquote(reply.headers["x-taster-said"])


def test_a_vote_that_hangs_on_no_place_is_said_in_a_line(client, services, inspection):
    one_label = replace(inspection, dataset=replace(inspection.dataset, labels=np.zeros(N, np.int64)))
    services._by_key[inspection.key] = one_label
    assert "No single place speaks for it" in refused(view(client, one_label, 3, "vote"), 404)


def test_an_unlabelled_image_has_no_vote(inspection):
    with pytest.raises(NotShown, match="no label"):
        vote_without(inspection, 20)


def test_covers_are_asked_for_once(inspection, embedder, monkeypatch):
    asked = []
    plain = embedder.features
    monkeypatch.setattr(embedder, "features", lambda batch, rows: asked.append(len(batch)) or plain(batch, rows))
    first = moved(inspection, 3)
    assert sum(asked) == 1 + first.found.distances.size
    assert moved(inspection, 3) is first and sum(asked) == 1 + first.found.distances.size


@pytest.mark.parametrize(
    ("recipe", "line"),
    [(Recipe("precomputed"), "made elsewhere"), (Recipe("resnet18", options=(("weights", "ab"),)), "weights from a file")],
)
def test_an_embedder_that_cannot_be_asked_is_said_in_one_line(client, services, inspection, recipe, line):
    closed = replace(inspection, recipe=recipe)
    services._by_key[inspection.key] = closed
    shown = {way["name"]: way["missing"] for way in ways_for(closed)}
    assert line in shown["occlusion"] and not shown["high_pass"] and "vote" not in shown
    assert line in refused(view(client, closed, 3, "occlusion"), 404)


# ---- words and numbers


def test_the_item_tells_labels_verdict_decision_and_neighbours(client, inspection, decide):
    decide(rows=[11], action="relabel", label=CLASSES[2])
    item = client.get(f"/api/inspect/{inspection.key}/11").json()
    assert (item["given"], item["suggested"]) == tuple(CLASSES[c[11]] for c in (inspection.dataset.labels, inspection.suggestions.labels))
    assert item["verdict_words"] in ("clean", "label mistake", "poison, wrong label")
    assert (item["decision"]["action"], item["decision"]["label"], item["decision"]["reviewer"]) == ("relabel", CLASSES[2], "Ada")
    assert [n["row"] for n in item["neighbours"]] == inspection.evidence.neighbours[11, :12].tolist()
    assert item["version"] == VERSION and item["suspicious"] == bool(inspection.is_suspicious[11])


def test_scores_are_ranked_in_the_set_and_rounded_down(inspection):
    rng = np.random.default_rng(0)
    column = rng.random(N).astype(np.float32)
    column[[4, 5]] = np.nan
    scored = replace(inspection, scores={"knn_disagreement": column, "my_own_score": column})
    for row in (0, 4, int(np.nanargmax(column)), int(np.nanargmin(column))):
        lines = {line["name"]: line for line in inspector_item(scored, row)["scores"]}
        line = lines["knn_disagreement"]
        assert line["asks"].endswith("?") and line["blind"] and line["says"]
        if np.isnan(column[row]):
            assert line["value"] is None and line["percentile"] is None
            continue
        below = sum(1 for other in column if other < column[row]) / 58 * 100
        assert line["percentile"] == int(below * 10 + 1e-9) / 10 <= below + 1e-9
        assert line["value"] == pytest.approx(column[row], abs=1e-4)
        assert lines["my_own_score"]["words"] == "My own score"
    assert percentile(column, int(np.nanargmax(column))) < 100


def test_the_axes_lead_the_list_once_they_are_known(inspection):
    assert [line["name"] for line in inspector_item(inspection, 3)["scores"]] == ["suspicion"]
    assert any("Scan the set again" in line for line in inspector_item(inspection, 3)["notes"])
    axis = np.linspace(0, 1, N, dtype=np.float32)
    whole = replace(inspection, content=axis, artifact=axis)
    item = inspector_item(whole, 30)
    assert [line["name"] for line in item["scores"]] == ["suspicion", "content", "artifact"]
    assert item["scores"][1]["percentile"] == 50.0 and item["notes"] == []


def test_a_bare_scan_has_an_item(inspection):
    bare = replace(inspection, evidence=None, suspicion=None, verdicts=None, suggestions=None, findings=())
    item = inspector_item(bare, 0)
    assert item["neighbours"] == [] and item["scores"] == [] and item["findings"] == [] and item["suspicious"] is None
    assert "difference" not in {way["name"] for way in item["views"]}
    assert len(item["notes"]) == 2
    json.dumps(item, allow_nan=False)


def test_only_patterns_that_the_image_carries_are_told(inspection):
    finding = a_finding(N, [3, 4], covers=np.array([9]), label=1)
    carried = replace(inspection, findings=(finding, a_finding(N, [5], trigger_id="t2", label=-1)))
    told = {row: inspector_item(carried, row)["findings"] for row in (3, 5, 9, 10)}
    assert [line["id"] for line in told[3]] == ["t1"] and told[3][0]["poisoned"] and told[3][0]["label"] == CLASSES[1]
    assert [line["label"] for line in told[5]] == [None]
    assert [(line["id"], line["poisoned"]) for line in told[9]] == [("t1", False)] and told[10] == []
    assert told[3][0]["view"] == "pattern-t1" and told[3][0]["score"] >= told[3][0]["threshold"]


# ---- the pattern's region


def test_the_pattern_is_outlined_and_what_lies_in_it_untouched(client, services, inspection):
    finding = a_finding(N, [3], label=1)
    services._by_key[inspection.key] = replace(inspection, findings=(finding,))
    drawn = pixels_of(view(client, inspection, 3, "pattern-t1"))
    image = np.asarray(inspection.dataset.load(3))
    assert np.array_equal(drawn, outlined(image, finding.mask > 0.5, 10))
    for y, x in np.argwhere(finding.mask > 0.5):
        assert (drawn[10 * y : 10 * y + 10, 10 * x : 10 * x + 10] == image[y, x]).all()


def test_a_moving_pattern_is_outlined_where_this_image_has_it():
    places = np.array([[5, 6], [20, 25]], np.int32)
    finding = a_finding(N, [3, 4], kind="moving_patch", places=places, covers=np.array([9]))
    for at, row in enumerate((3, 4)):
        region, _ = region_of(finding, row)
        middle = np.argwhere(region).mean(axis=0)
        assert np.abs(middle - places[at]).max() <= 1 and 9 <= region.sum() <= 49
    region, words = region_of(finding, 9)
    assert not region.any() and "not known" in words


def test_a_pattern_over_the_whole_image_is_said_and_not_outlined():
    region, words = region_of(a_finding(N, [3], kind="texture"), 3)
    assert not region.any() and "no fixed shape" in words
    region, words = region_of(a_finding(N, [3], kind="overlay", mask=np.ones((32, 32), np.float32)), 3)
    assert not region.any() and "whole image" in words


# ---- the dialog


def _page() -> None:
    from tests.support.component_harness.services import SERVICES
    from ui.widgets.inspector import open_inspector

    open_inspector(SERVICES.inspection_of(60), 3)


def test_the_dialog_opens_on_a_page():
    test = AppTest.from_function(_page, default_timeout=180).run()
    assert not test.exception


def test_a_row_that_is_not_there_is_refused(inspection):
    from ui.widgets.inspector import inspector

    for row in (-1, N):
        with pytest.raises(ValueError, match="not in the set"):
            inspector(inspection, row, key="x")


# ---- where to look


def test_a_pattern_s_place_is_told_in_shares_of_the_image(inspection):
    rows = np.array([3, LARGE])
    fixed = a_finding(N, rows)
    moving = a_finding(N, rows, trigger_id="t2", kind="moving_patch", places=np.array([[10, 20], [25, 6]], np.int32))
    everywhere = a_finding(N, rows, trigger_id="t3", kind="overlay", mask=np.ones((32, 32), np.float32))
    found = inspector_item(replace(inspection, findings=(fixed, moving, everywhere)), LARGE)
    assert found["size"] == [1500, 1200]
    places = [finding["place"] for finding in found["findings"]]
    assert places[0] == pytest.approx((28 / 32, 28 / 32, 3 / 32, 3 / 32))
    left, top, width, height = places[1]
    assert left <= 6 / 32 <= left + width and top <= 25 / 32 <= top + height
    assert places[2] is None


def test_an_image_that_cannot_be_read_has_no_size(inspection):
    assert inspector_item(inspection, BROKEN)["size"] is None


def test_the_place_that_moves_the_embedding_most_is_told_where_one_stands_out(client, inspection):
    # the white corner of every 11th row is what these features look at
    reply = view(client, inspection, 11, "occlusion")
    left, top, width, height = map(float, reply.headers["x-taster-place"].split(","))
    assert left + width > 29 / 32 and top + height > 29 / 32 and 0 < width < 0.5
    assert "x-taster-place" not in view(client, inspection, 11, "spectrum").headers


def test_no_place_where_the_embedder_sees_but_a_part(client, inspection, embedder, monkeypatch):
    monkeypatch.setattr(embedder, "pixels", lambda image: np.asarray(image.crop((0, 0, 32, 32)), dtype=np.uint8), raising=False)
    assert "x-taster-place" not in view(client, inspection, LARGE, "occlusion").headers
