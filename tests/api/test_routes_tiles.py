"""The routes of the gallery: a page of tiles of a list, and the images inside a drawing on the map."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from tests.support.component_harness.answers import HEADERS, N, refused
from tests.support.component_harness.fake import CLASSES
from ui.api.points import quantise
from ui.api.request_checks import MOST_CORNERS
from ui.api.sprites import register_rows
from ui.api.tiles import cell_of, selected_rows, selection, tile, tile_page

pytest_plugins = ["tests.support.component_harness.client"]

ALL = [[-1, -1], [65536, -1], [65536, 65536], [-1, 65536]]


@pytest.fixture
def select(client, inspection):
    def send(headers=None, **body):
        sent = {"key": inspection.key, "polygon": ALL, "count": 10, **body}
        return client.post("/api/select", json=sent, headers=HEADERS if headers is None else headers)

    return send


def test_tiles_are_a_window_of_the_list_with_their_own_sprite(client, inspection):
    rows = [5, 3, 40, 41, 12, 20, 59]
    token = register_rows(inspection.key, rows)
    reply = client.get(f"/api/tiles/{inspection.key}/{token}?from=2&count=4").json()
    assert (reply["from"], reply["total"], reply["rows"]) == (2, 7, [40, 41, 12, 20])
    labels = inspection.dataset.labels
    assert [t["id"] for t in reply["tiles"]] == [inspection.dataset.ids[row] for row in reply["rows"]]
    assert [t["given"] for t in reply["tiles"]] == [CLASSES[labels[row]] if labels[row] >= 0 else None for row in reply["rows"]]
    assert reply["tiles"][3]["given"] is None
    assert reply["tiles"][0]["score"] == pytest.approx(float(inspection.suspicion[40]), abs=1e-4)
    sheet = Image.open(io.BytesIO(client.get(reply["sprite_url"]).content)).convert("RGB")
    cell = cell_of(inspection)
    assert sheet.size == (2 * cell, 2 * cell)
    left, top = (cell - 32) // 2, cell + (cell - 32) // 2
    assert np.array_equal(np.asarray(sheet)[top : top + 32, left : left + 32], np.asarray(inspection.dataset.load(12)))
    beyond = client.get(f"/api/tiles/{inspection.key}/{token}?from=99&count=4").json()
    assert (beyond["rows"], beyond["sprite_url"], beyond["total"]) == ([], "", 7)


def test_tiles_of_a_bare_inspection_say_nothing_that_is_not_known(inspection):
    bare = replace(inspection, evidence=None, suspicion=None, verdicts=None, suggestions=None, findings=())
    assert tile(bare, 0) == {
        "id": inspection.dataset.ids[0],
        "given": CLASSES[inspection.dataset.labels[0]],
        "suggested": None,
        "confidence": None,
        "score": None,
    }


@pytest.mark.parametrize(
    "path, status",
    [
        ("{key}/{token}?count=0", 400),
        ("{key}/{token}?count=401", 400),
        ("{key}/{token}?from=-5", 400),
        ("{key}/{token}?from=1e3", 400),
        ("{key}/{other}", 400),
        ("{key}/deadbeefdeadbeef", 410),
        ("{key}/zz", 400),
        ("deadbeefdeadbeef/{token}", 404),
        ("nothex/{token}", 400),
    ],
)
def test_bad_addresses_of_tiles_are_refused_in_one_line(client, inspection, path, status):
    names = {"key": inspection.key, "token": register_rows(inspection.key, [1, 2]), "other": register_rows("ab" * 16, [1, 2])}
    refused(client.get("/api/tiles/" + path.format(**names)), status)


def test_tiles_are_read_only(client, inspection):
    refused(client.post(f"/api/tiles/{inspection.key}/{register_rows(inspection.key, [1])}"), 405)


# ---- a drawing on the map


def test_select_finds_what_lies_inside_most_suspicious_first(client, inspection, select):
    x = quantise(inspection.xy)[:, 0].astype(float)
    middle = float(np.median(x)) + 0.5
    reply = select(polygon=[[-1, -1], [middle, -1], [middle, 65536], [-1, 65536]]).json()
    expected = sorted(np.flatnonzero(x < middle).tolist(), key=lambda row: (-inspection.suspicion[row], row))
    assert 10 < len(expected) < N
    assert (reply["total"], reply["from"], reply["rows"]) == (len(expected), 0, expected[:10])
    suspicious = sum(bool(inspection.suspicion[row] >= inspection.threshold) for row in expected)
    assert 0 < suspicious < len(expected) and reply["threshold_at"] == suspicious
    assert reply["heading"].startswith(f"{len(expected)} images selected, {suspicious} of them suspicious")
    further = client.get(f"/api/tiles/{inspection.key}/{reply['token']}?from=10&count=400").json()
    assert further["rows"] == expected[10:]


def test_select_answers_what_the_page_would_send(inspection, select):
    rows = selected_rows(inspection, ALL)
    assert select().json() == {**selection(inspection, rows), **tile_page(inspection, rows, 0, 10)}


def test_a_drawing_around_nothing_is_an_empty_list(select):
    reply = select(polygon=[[0, 0], [1, 0], [0, 1]]).json()
    assert (reply["total"], reply["rows"], reply["heading"], reply["threshold_at"]) == (0, [], "", None)


def test_no_score_goes_last_and_no_map_holds_nothing(inspection):
    scores = inspection.suspicion.copy()
    scores[4] = np.nan
    assert selected_rows(replace(inspection, suspicion=scores), ALL)[-1] == 4
    assert len(selected_rows(replace(inspection, xy=None), ALL)) == 0


@pytest.mark.parametrize(
    "change",
    [
        {"polygon": None},
        {"polygon": [[0, 0], [1, 1]]},
        {"polygon": [[0, 0], [1, 1], [2]]},
        {"polygon": [[0, 0], [1, 1], ["2", 2]]},
        {"polygon": [[0, 0], [1, 1], [True, 2]]},
        {"polygon": [[0, 0], [1, 1], [10**400, 2]]},
        {"polygon": [[0, 0]] * (MOST_CORNERS + 1)},
        {"polygon": "0,0 1,1 2,2"},
        {"count": 0},
        {"count": 401},
        {"count": "x"},
        {"count": None},
        {"key": 7},
    ],
)
def test_bad_drawings_are_refused_in_one_line(select, change):
    refused(select(**change), 400)


def test_numbers_that_are_none_are_refused(client, inspection):
    for odd in ("NaN", "Infinity", "-Infinity"):
        body = f'{{"key": "{inspection.key}", "count": 10, "polygon": [[0, 0], [9, 0], [{odd}, 9]]}}'
        refused(client.post("/api/select", content=body, headers={**HEADERS, "Content-Type": "application/json"}), 400)


def test_a_drawing_is_taken_from_this_apps_own_pages_only(select):
    refused(select(headers={}), 403)
    refused(select(headers={**HEADERS, "X-Taster-Token": "wrong"}), 403)
    refused(select(headers={**HEADERS, "Origin": "http://evil.example"}), 403)
    refused(select(key="deadbeefdeadbeef"), 404)
