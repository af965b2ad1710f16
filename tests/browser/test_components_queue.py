"""The relabel queue in a real Chromium: one key, one decision, none twice, none lost."""

from __future__ import annotations

import pytest

from core.cleansing.rule import PROPOSALS, propose
from tests.support.component_harness.fake import make_inspection
from tests.support.component_harness.hands import MARKS, READY, log_of, show, wait_saved

pytest_plugins = ["tests.support.component_harness.browser"]
pytestmark = MARKS


def shown_row(page) -> str:
    return page.locator(".taster").get_attribute("data-row")


def wait_for_row(page, row: str) -> None:
    page.locator(f'.taster[data-row="{row}"]').wait_for()


def decide_and_wait(page, key: str) -> None:
    before = page.evaluate("() => performance.getEntriesByName('taster-painted').length")
    page.keyboard.press(key)
    page.wait_for_function("(n) => performance.getEntriesByName('taster-painted').length > n", arg=before)


def test_thirty_keys_are_thirty_decisions(page, served):
    n = 410
    show(page, served, f"show=queue&n={n}")
    for i in range(30):
        decide_and_wait(page, "akxn"[i % 4])
    wait_saved(page)
    page.get_by_text("30 decided").wait_for()
    lines = log_of(served, n)
    assert len(lines) == len({line.image_id for line in lines}) == 30
    # in the order in which the images were shown
    inspection = make_inspection(n)
    order = (-inspection.suspicion).argsort(kind="stable")[:30]
    assert [line.image_id for line in lines] == [inspection.dataset.ids[row] for row in order]
    assert {line.action for line in lines} == {"relabel", "keep", "exclude", "needs_review"}


def test_a_burst_never_decides_an_image_twice(page, served):
    n = 411
    show(page, served, f"show=queue&n={n}")
    for _ in range(25):
        page.keyboard.press("x")
    page.wait_for_timeout(200)
    wait_saved(page)
    lines = log_of(served, n)
    assert 1 <= len(lines) <= 25
    assert len({line.image_id for line in lines}) == len(lines)


def test_an_image_that_was_not_on_the_screen_is_not_decided(page, served):
    n = 417
    show(page, served, f"show=queue&n={n}")
    # five keys within one frame: only the first met an image that the person has seen
    page.locator(".taster").evaluate(
        """(root) => { for (const key of 'xxxxx') root.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true })); }"""
    )
    wait_saved(page)
    page.wait_for_timeout(200)
    assert len(log_of(served, n)) == 1


def test_a_held_key_decides_once(page, served):
    n = 412
    show(page, served, f"show=queue&n={n}")
    for _ in range(8):
        # a second "down" without "up" arrives as a repeat
        page.keyboard.down("k")
    page.keyboard.up("k")
    wait_saved(page)
    assert len(log_of(served, n)) == 1


def test_undo_steps_back_also_after_a_reload(page, served):
    n = 413
    show(page, served, f"show=queue&n={n}")
    first = shown_row(page)
    decide_and_wait(page, "k")
    second = shown_row(page)
    decide_and_wait(page, "x")
    page.keyboard.press("Control+z")
    wait_for_row(page, second)
    wait_saved(page)
    page.get_by_text("1 decided").wait_for()
    page.reload()
    page.wait_for_selector(READY)
    assert shown_row(page) == second
    page.keyboard.press("u")
    wait_for_row(page, first)
    wait_saved(page)
    keep, exclude, *undos = log_of(served, n)
    assert [(line.action, line.undoes) for line in undos] == [("undo", exclude.seq), ("undo", keep.seq)]


def test_digits_and_search_relabel_and_typing_decides_nothing(page, served):
    n = 414
    show(page, served, f"show=queue&n={n}")
    decide_and_wait(page, "1")
    page.keyboard.press("o")
    page.keyboard.type("frog")
    assert len(log_of(served, n)) <= 1
    page.keyboard.press("Enter")
    page.get_by_text("2 decided").wait_for()
    wait_saved(page)
    inspection = make_inspection(n)
    for line in log_of(served, n):
        assert line.action in ("relabel", "keep")
        assert line.label in ("", *inspection.dataset.classes)


def test_a_nameless_reviewer_is_asked_first(page, served):
    n = 415
    show(page, served, f"show=queue&n={n}&reviewer=")
    page.keyboard.press("k")
    page.get_by_text("Enter your name in the sidebar first").wait_for()
    assert log_of(served, n) == []


def test_the_end_is_said_and_python_hears_of_it(page, served):
    n = 416
    show(page, served, f"show=queue&n={n}&count=3")
    for _ in range(3):
        page.wait_for_timeout(60)
        page.keyboard.press("k")
    page.get_by_text("Queue finished: 3 decided").wait_for()
    page.get_by_text("'finished': True").wait_for(timeout=20_000)
    assert len(log_of(served, n)) == 3


def first_of(n: int, action: str) -> int:
    """The place in the queue of the first image for which `action` is proposed."""
    inspection = make_inspection(n)
    order = (-inspection.suspicion).argsort(kind="stable")
    return next(place for place, row in enumerate(order) if PROPOSALS[propose(inspection).actions[row]] == action)


@pytest.mark.parametrize(("n", "action", "words"), [(418, "exclude", "Accept: exclude"), (419, "relabel", "Accept: relabel to")])
def test_one_key_accepts_what_is_proposed_and_the_button_says_what_that_is(page, served, n, action, words):
    place = first_of(n, action)
    show(page, served, f"show=queue&n={n}")
    for _ in range(place):
        decide_and_wait(page, "ArrowRight")
    page.get_by_role("button", name=words).wait_for()
    decide_and_wait(page, "a")
    wait_saved(page)
    inspection = make_inspection(n)
    row = (-inspection.suspicion).argsort(kind="stable")[place]
    (line,) = log_of(served, n)
    proposed = propose(inspection)
    assert (line.image_id, line.action) == (inspection.dataset.ids[row], action)
    assert line.label == ("" if action == "exclude" else inspection.dataset.classes[proposed.labels[row]])
