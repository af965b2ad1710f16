"""What the HTTP routes refuse: bad addresses, foreign pages, broken bodies; always in one plain line."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.component_harness.answers import HEADERS, N, refused
from tests.support.component_harness.fake import CLASSES
from ui.api.request_checks import MOST_BODY_BYTES
from ui.api.sprites import register_rows

pytest_plugins = ["tests.support.component_harness.client"]


@pytest.mark.parametrize(
    "path, status",
    [
        ("/api/thumb/{key}/-1.png", 404),
        ("/api/thumb/{key}/60.png", 404),
        ("/api/thumb/{key}/99999999999999999999999.png", 404),
        ("/api/thumb/{key}/1e1.png", 404),
        ("/api/thumb/{key}/٣.png", 404),
        ("/api/thumb/nothex/1.png", 400),
        ("/api/thumb/deadbeefdeadbeef/1.png", 404),
        ("/api/thumb/..%2f..%2fetc%2fpasswd/1.png", 404),
        ("/api/image/{key}/..%2f1.png", 404),
        ("/api/points/{key}/..%2f.bin", 404),
        ("/api/points/{key}/zz.bin", 400),
        ("/api/sprite/deadbeefdeadbeef/32.png", 410),
        ("/api/sprite/{token}/33.png", 400),
        ("/api/sprite/{token}/999999999.png", 400),
        ("/api/sprite/{token}/32.png?n=0", 400),
        ("/api/sprite/{token}/32.png?n=401", 400),
        ("/api/queue/{key}/{token}?count=1000000", 400),
        ("/api/queue/{key}/{token}?count=0", 400),
        ("/api/queue/{key}/{token}?from=-5", 400),
        ("/api/queue/{key}/{token}?from=x", 400),
        ("/api/queue/{key}/{other}", 400),
        ("/api/decisions/{key}?after=-1", 400),
        ("/api/decisions/{key}?after=9999999999999999999999", 400),
        ("/api/decisions/%00", 400),
    ],
)
def test_bad_addresses_are_refused_in_one_line(client, inspection, path, status):
    token = register_rows(inspection.key, [1, 2])
    other = register_rows("ab" * 16, [1, 2])
    reply = client.get(path.format(key=inspection.key, token=token, other=other))
    if "%2f" in path:
        # an encoded slash matches no route at all
        assert reply.status_code in (400, 404) and "root:" not in reply.text
    else:
        refused(reply, status)


def test_too_many_images_for_a_sprite(client, services):
    large = services.inspection_of(500)
    token = register_rows(large.key, np.arange(401))
    assert "400" in refused(client.get(f"/api/sprite/{token}/32.png"), 400)


@pytest.mark.parametrize(
    "change",
    [
        {"rows": []},
        {"rows": [-1]},
        {"rows": [N]},
        {"rows": [True]},
        {"rows": [1.0]},
        {"rows": ["1"]},
        {"rows": "1"},
        {"rows": {"0": 1}},
        {"token": "../../x"},
        {"action": "undo"},
        {"action": "accept"},
        {"action": ["keep"]},
        {"action": "relabel"},
        {"action": "relabel", "label": "no such class"},
        {"action": "relabel", "label": 3},
        {"action": "keep", "label": CLASSES[0]},
        {"reviewer": ""},
        {"reviewer": "   "},
        {"reviewer": "x" * 81},
        {"reviewer": 5},
        {"session": ""},
        {"seq": -1},
        {"seq": "1"},
        {"seq": 2**60},
        {"seq": True},
        {"note": "x" * 2001},
        {"key": "../.."},
        {"key": None},
    ],
    ids=str,
)
def test_bad_decisions_write_nothing(services, inspection, decide, change):
    refused(decide(**{"rows": [1], "action": "keep", **change}), 400)
    assert services.reviews().log(inspection.dataset.digest) == []


@pytest.mark.parametrize(
    "headers, status",
    [
        ({"X-Taster-Token": "wrong"}, 403),
        ({"X-Taster-Token": ""}, 403),
        ({"X-Taster-Token": "é".encode()}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://localhost:9999"}, 403),
        ({"Origin": "http://localhost:8501.evil.example"}, 403),
        ({"Content-Type": "text/plain"}, 400),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 400),
    ],
    ids=str,
)
def test_writing_needs_token_origin_and_json(services, inspection, decide, headers, status):
    refused(decide(headers=headers, rows=[1], action="keep"), status)
    refused(decide("/api/undo", headers=headers), status)
    assert services.reviews().log(inspection.dataset.digest) == []


def test_the_own_origin_is_taken(decide):
    assert decide(headers={"Origin": "http://localhost:8501"}, rows=[1], action="keep").status_code == 200


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"3", b"\xff", b"[" * 100_000, b"x" * (MOST_BODY_BYTES + 1)])
def test_bodies_that_are_no_objects(client, body):
    reply = client.post("/api/decide", content=body, headers={**HEADERS, "Content-Type": "application/json"})
    refused(reply, 413 if len(body) > MOST_BODY_BYTES else 400)


def test_reading_and_writing_do_not_mix(client, inspection):
    assert "GET" in refused(client.post(f"/api/thumb/{inspection.key}/1.png"), 405)
    assert "POST" in refused(client.get("/api/decide"), 405)
    assert "POST" in refused(client.put("/api/undo"), 405)


def test_names_of_classes_travel_as_data(client, inspection, decide):
    decide(rows=[1], action="relabel", label="<b>ship</b>")
    reply = client.get(f"/api/decisions/{inspection.key}")
    assert reply.headers["content-type"] == "application/json"
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.json()["changes"][0]["label"] == "<b>ship</b>"
