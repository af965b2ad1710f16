"""The HTTP routes: what they answer, and that pictures come through pixel for pixel."""

from __future__ import annotations

import gzip
import io
import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from core.cleansing.rule import PROPOSALS, propose
from core.errors import UserError
from core.reviews import fold
from core.types import VERDICTS
from tests.support.component_harness.answers import N, refused
from tests.support.component_harness.fake import BROKEN, CLASSES, LARGE, WIDE
from ui.api.points import points_url, quantise
from ui.api.queue_items import queue_item
from ui.api.sprites import register_rows

pytest_plugins = ["tests.support.component_harness.client"]


def picture(reply) -> Image.Image:
    assert reply.status_code == 200
    assert reply.headers["content-type"] == "image/png"
    return Image.open(io.BytesIO(reply.content))


def pixels(image: Image.Image) -> np.ndarray:
    return np.asarray(image.convert("RGB"))


# ---- points


def test_points_carry_the_map_suspicion_verdict_and_label(client, inspection):
    reply = client.get(points_url(inspection))
    body = reply.content
    assert len(body) == 8 * N
    xy = np.frombuffer(body, "<u2", 2 * N).reshape(2, N).T
    assert np.array_equal(xy, quantise(inspection.xy))
    suspicion, verdict = np.frombuffer(body, "u1", 2 * N, 4 * N).reshape(2, N)
    assert np.abs(suspicion / 254 - inspection.suspicion).max() <= 0.5 / 254 + 1e-6
    assert np.array_equal(verdict, inspection.verdicts)
    label = np.frombuffer(body, "<u2", N, 6 * N)
    assert np.array_equal(np.where(label == 65535, -1, label.astype(int)), inspection.dataset.labels)
    assert -1 in inspection.dataset.labels
    assert "immutable" in reply.headers["cache-control"]


def test_points_are_kept_for_ever_only_under_their_own_hash(client, inspection):
    reply = client.get(f"/api/points/{inspection.key}/{'0' * 32}.bin")
    assert reply.status_code == 200 and reply.headers["cache-control"] == "no-store"


def test_points_are_zipped_for_those_who_accept_it(client, services):
    large = services.inspection_of(2000)
    plain = client.get(points_url(large), headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    with client.stream("GET", points_url(large), headers={"Accept-Encoding": "gzip"}) as reply:
        raw = b"".join(reply.iter_raw())
    assert reply.headers["content-encoding"] == "gzip" and reply.headers["vary"] == "Accept-Encoding"
    assert gzip.decompress(raw) == plain.content and len(raw) < len(plain.content)


# ---- pictures


def test_small_images_come_pixel_for_pixel(client, inspection):
    for kind in ("thumb", "image"):
        reply = client.get(f"/api/{kind}/{inspection.key}/3.png")
        assert np.array_equal(pixels(picture(reply)), np.asarray(inspection.dataset.load(3)))
        assert "immutable" in reply.headers["cache-control"]
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert reply.headers["x-taster-id"].endswith("/00003.png")


def test_large_images_are_made_to_fit(client, inspection):
    assert picture(client.get(f"/api/thumb/{inspection.key}/{LARGE}.png")).size == (96, 77)
    assert picture(client.get(f"/api/image/{inspection.key}/{LARGE}.png")).size == (1024, 819)


def test_an_unreadable_image_says_why(client, inspection):
    assert "ends too early" in refused(client.get(f"/api/thumb/{inspection.key}/{BROKEN}.png"), 404)


def test_a_part_of_an_image_comes_pixel_for_pixel(client, inspection):
    whole = np.asarray(inspection.dataset.load(LARGE))
    reply = client.get(f"/api/crop/{inspection.key}/{LARGE}.png?x=1100&y=300&w=200&h=150")
    assert np.array_equal(pixels(picture(reply)), whole[300:450, 1100:1300])
    assert "immutable" in reply.headers["cache-control"]
    edge = picture(client.get(f"/api/crop/{inspection.key}/{LARGE}.png?x=1490&y=1190&w=1024&h=1024"))
    assert edge.size == (10, 10)


@pytest.mark.parametrize(
    "asked, status",
    [
        ("x=0&y=0&w=9", 400),
        ("x=0&y=0&w=0&h=9", 400),
        ("x=0&y=0&w=1025&h=9", 400),
        ("x=-1&y=0&w=9&h=9", 400),
        ("x=0.5&y=0&w=9&h=9", 400),
        ("x=1500&y=0&w=9&h=9", 404),
    ],
)
def test_parts_that_are_none_are_refused_in_one_line(client, inspection, asked, status):
    refused(client.get(f"/api/crop/{inspection.key}/{LARGE}.png?{asked}"), status)


def test_a_part_of_an_unreadable_image_says_why(client, inspection):
    assert "ends too early" in refused(client.get(f"/api/crop/{inspection.key}/{BROKEN}.png?x=0&y=0&w=9&h=9"), 404)


def test_a_sprite_is_lossless_unless_every_image_on_it_was_made_smaller(client, inspection):
    def kind(rows):
        return client.get(f"/api/sprite/{register_rows(inspection.key, rows)}/96.png").headers["content-type"]

    assert [kind([LARGE, 3]), kind([3, 4]), kind([LARGE])] == ["image/png", "image/png", "image/webp"]
    reply = client.get(f"/api/sprite/{register_rows(inspection.key, [LARGE])}/96.png")
    shown, wanted = (
        Image.open(io.BytesIO(reply.content)).convert("RGBA"),
        inspection.dataset.load(LARGE).resize((96, 77), Image.Resampling.LANCZOS),
    )
    assert np.asarray(shown)[:, :, 3].any(axis=1).sum() == 77
    assert np.abs(np.asarray(shown)[9:86, :, :3].astype(int) - np.asarray(wanted)).mean() < 6


@pytest.mark.parametrize("cell", [32, 64, 96, 192])
def test_sprite_holds_every_image_unchanged_in_its_cell(client, inspection, cell):
    rows = [5, 3, 40, 41, 12, 3 + 20, 59]
    token = register_rows(inspection.key, rows)
    sheet = picture(client.get(f"/api/sprite/{token}/{cell}.png"))
    assert sheet.size == (3 * cell, 3 * cell)
    for place, row in enumerate(rows):
        left, top = place % 3 * cell + (cell - 32) // 2, place // 3 * cell + (cell - 32) // 2
        piece = sheet.crop((left, top, left + 32, top + 32))
        assert np.array_equal(pixels(piece), np.asarray(inspection.dataset.load(row)))


def test_sprite_makes_large_ones_fit_and_crosses_out_broken_ones(client, inspection):
    token = register_rows(inspection.key, [BROKEN, LARGE, WIDE, 0])
    reply = client.get(f"/api/sprite/{token}/32.png")
    sheet = np.asarray(picture(reply).convert("RGBA"))
    assert sheet.shape == (64, 64, 4)
    assert tuple(sheet[0, 0]) == (128, 128, 128, 255)
    # 1500 × 1200 becomes 32 × 26, 64 × 20 becomes 32 × 10, both in the middle of their cells
    assert (sheet[:32, 32:, 3].any(axis=1).sum(), sheet[32:, :32, 3].any(axis=1).sum()) == (26, 10)
    # a picture may become readable again, so this sprite must not be kept
    assert reply.headers["cache-control"] == "no-store"


def test_sprite_of_the_first_n(client, inspection):
    token = register_rows(inspection.key, np.arange(N))
    assert picture(client.get(f"/api/sprite/{token}/32.png?n=4")).size == (64, 64)
    first = client.get(f"/api/sprite/{token}/32.png?n=4")
    assert first.content == client.get(f"/api/sprite/{token}/32.png?n=4").content


# ---- the queue


def test_queue_gives_windows_of_items(client, inspection):
    token = register_rows(inspection.key, np.arange(30))
    reply = client.get(f"/api/queue/{inspection.key}/{token}?from=10&count=5").json()
    assert [item["row"] for item in reply["items"]] == [10, 11, 12, 13, 14]
    assert (reply["from"], reply["total"]) == (10, 30) and "rows" not in reply
    item = reply["items"][0]
    assert item["id"] == inspection.dataset.ids[10]
    assert item["given"] == CLASSES[inspection.dataset.labels[10]]
    assert item["suggested"] == CLASSES[inspection.suggestions.labels[10]]
    assert item["verdict"] in VERDICTS
    assert [n["row"] for n in item["neighbours"]] == inspection.evidence.neighbours[10, :12].tolist()
    assert picture(client.get(f"/api/sprite/{item['sprite']}/32.png")).size == (128, 96)
    assert client.get(f"/api/queue/{inspection.key}/{token}?from=28&count=5&rows=1").json()["rows"] == list(range(30))
    assert client.get(f"/api/queue/{inspection.key}/{token}?from=99&count=5").json()["items"] == []


def test_queue_candidates_are_the_weighted_vote(inspection):
    evidence = inspection.evidence
    row = 11
    votes: dict[str, float] = {}
    for near, similarity in zip(evidence.neighbours[row], evidence.similarity[row], strict=True):
        if evidence.labels[near] >= 0:
            name = CLASSES[evidence.labels[near]]
            votes[name] = votes.get(name, 0) + float(similarity)
    found = {c["label"]: c["share"] for c in queue_item(inspection, row)["candidates"]}
    assert found == pytest.approx({name: v / sum(votes.values()) for name, v in votes.items()}, abs=1e-4)
    assert list(found.values()) == sorted(found.values(), reverse=True)


def test_queue_says_why_in_true_numbers(inspection):
    labels, near = inspection.dataset.labels, inspection.evidence.neighbours
    row = next(r for r in range(N) if labels[r] >= 0 and not (labels[near[r, :12]] == labels[r]).any())
    counts = np.bincount(labels[near[row, :12]][labels[near[row, :12]] >= 0])
    why = queue_item(inspection, row)["why"]
    assert 2 <= len(why) <= 4
    most, given_name = CLASSES[counts.argmax()], CLASSES[labels[row]]
    assert why[0] == f"{counts.max()} of the 12 nearest images are labelled {most}; none is labelled {given_name}."
    below = float((inspection.suspicion < inspection.suspicion[row]).mean() * 100)
    assert float(why[1].split("that of ")[1].split(" %")[0]) == pytest.approx(below, abs=0.1)


def test_queue_items_carry_what_is_proposed(inspection):
    # every second suspect has the right label, so that leaving it out is proposed
    right = inspection.is_suspicious & (np.cumsum(inspection.is_suspicious) % 2 == 0)
    inspection = replace(inspection, verdicts=np.where(right, VERDICTS.index("clean_label_poison"), inspection.verdicts).astype(np.int8))
    made = propose(inspection)
    for row in range(N):
        proposed = queue_item(inspection, row)["proposal"]
        action = PROPOSALS[made.actions[row]]
        if inspection.dataset.labels[row] < 0:
            # a proposal to keep no label would be none
            assert (proposed["action"], proposed["label"]) == ("relabel", CLASSES[inspection.suggestions.labels[row]])
        else:
            assert (proposed["action"], proposed["label"]) == (action, None if action == "exclude" else CLASSES[made.labels[row]])
            assert proposed["confidence"] == pytest.approx(float(made.confidence[row]), abs=1e-4)
    assert {PROPOSALS[a] for a in made.actions} == {"keep", "relabel", "exclude"}


def test_an_unlabelled_row_and_a_bare_inspection_have_items(inspection):
    assert queue_item(inspection, 20)["given"] is None
    bare = replace(inspection, evidence=None, suspicion=None, verdicts=None, suggestions=None, findings=())
    item = queue_item(bare, 0)
    assert (item["suggested"], item["confidence"], item["proposal"], item["neighbours"], item["why"]) == (None, None, None, [], [])
    json.dumps(item, allow_nan=False)


# ---- decisions


def test_deciding_following_and_undoing(client, inspection, decide):
    empty = client.get(f"/api/decisions/{inspection.key}").json()
    assert empty == {"head": 0, "changes": []}
    saved = decide(rows=[4, 2], action="relabel", label=CLASSES[2]).json()
    assert saved["saved"] == 2 and saved["head"] == 2
    assert [(c["row"], c["action"], c["label"], c["reviewer"]) for c in saved["changes"]] == [
        (4, "relabel", CLASSES[2], "Ada"),
        (2, "relabel", CLASSES[2], "Ada"),
    ]
    decide(rows=[4], action="exclude")
    news = client.get(f"/api/decisions/{inspection.key}?after=2").json()
    assert news["head"] == 3 and [(c["row"], c["action"]) for c in news["changes"]] == [(4, "exclude")]
    # taking the last one back brings the one before back
    undone = decide("/api/undo").json()
    assert [(c["row"], c["action"], c["seq"]) for c in undone["changes"]] == [(4, "relabel", 1)]
    undone = decide("/api/undo").json()
    assert [(c["row"], c["action"]) for c in undone["changes"]] == [(4, None), (2, None)]
    assert decide("/api/undo").json()["saved"] == 0
    after = client.get(f"/api/decisions/{inspection.key}?after=0").json()
    assert {c["row"]: c["action"] for c in after["changes"]} == {4: None, 2: None}


def test_the_feed_equals_the_fold_of_the_log(client, services, inspection, decide):
    rng = np.random.default_rng(0)
    for step in range(40):
        if step % 4 == 3:
            decide("/api/undo", reviewer=str(rng.choice(["Ada", "Grace"])))
        else:
            rows = [int(r) for r in rng.integers(0, 6, 2)]
            decide(rows=rows, action=str(rng.choice(["keep", "exclude"])), reviewer=str(rng.choice(["Ada", "Grace"])))
        if step % 10 == 0:
            client.get(f"/api/decisions/{inspection.key}?after=0")
    state = fold(services.reviews().log(inspection.dataset.digest))
    shown = client.get(f"/api/decisions/{inspection.key}").json()["changes"]
    assert {inspection.dataset.ids[c["row"]]: c["seq"] for c in shown if c["action"]} == {
        image: decision.seq for image, decision in state.items()
    }


def test_sending_again_writes_once(services, inspection, decide):
    first = decide(rows=[1], action="keep", seq=500).json()
    assert decide(rows=[1], action="keep", seq=500).json() == first
    assert len(services.reviews().log(inspection.dataset.digest)) == 1
    # the same number for something else is not silently lost
    refused(decide(rows=[2], action="keep", seq=500), 409)
    refused(decide(rows=[1], action="exclude", seq=500), 409)
    refused(decide("/api/undo", seq=500), 409)


def test_a_whole_token_is_one_event(services, inspection, decide):
    token = register_rows(inspection.key, [9, 8, 9])
    assert decide(token=token, action="exclude").json()["saved"] == 2
    lines = services.reviews().log(inspection.dataset.digest)
    assert len({line.event for line in lines}) == 1 and lines[0].score_version == inspection.key


def test_a_log_that_cannot_be_written_may_be_tried_again(client, services, inspection, decide, monkeypatch):
    def full(*_, **__):
        raise UserError("the disk is full", "", "make room")

    monkeypatch.setattr(services.reviews(), "decide", full)
    assert "the disk is full" in refused(decide(rows=[1], action="keep"), 503)
