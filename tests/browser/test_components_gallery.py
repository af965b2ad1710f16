"""The gallery in a real Chromium: chosen by hand and keyboard, decided, and written to the log."""

from __future__ import annotations

from core.reviews.log import Reviews
from tests.support.component_harness.fake import make_inspection
from tests.support.component_harness.hands import MARKS, READY, log_of, show, wait_saved

pytest_plugins = ["tests.support.component_harness.browser"]
pytestmark = MARKS


def selected(page) -> list[int]:
    return [int(i) for i in page.locator('.tile[aria-selected="true"]').evaluate_all("(t) => t.map((e) => e.dataset.i)")]


def test_gallery_by_keyboard(page, served):
    show(page, served, "show=grid&n=401")
    page.locator(".tile").first.focus()
    page.keyboard.press("Space")
    assert selected(page) == [0]
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Shift+ArrowRight")
    assert selected(page) == [0, 1, 2]
    page.keyboard.press("Escape")
    assert selected(page) == []
    page.keyboard.press("End")
    page.keyboard.press("Space")
    assert selected(page) == [59]
    page.keyboard.press("Control+a")
    assert len(selected(page)) == 60
    page.keyboard.press("Escape")
    page.locator(".tile").nth(3).click()
    page.locator(".tile").nth(6).click(modifiers=["Shift"])
    assert selected(page) == [3, 4, 5, 6]
    page.keyboard.press("ArrowDown")
    focused = page.evaluate("() => document.activeElement.shadowRoot.activeElement.dataset.i")
    columns = page.evaluate(
        """() => getComputedStyle(document.activeElement.shadowRoot.querySelector('.tiles'))
             .gridTemplateColumns.split(' ').length"""
    )
    assert int(focused) == 6 + columns


def test_gallery_decides_marks_and_undoes(page, served):
    n = 402
    show(page, served, f"show=grid&n={n}")
    for i in (10, 11, 12):
        page.locator(".tile").nth(i).click()
    page.keyboard.press("x")
    wait_saved(page)
    assert page.locator(".tile .badge.exclude").count() == 3
    assert selected(page) == []
    lines = log_of(served, n)
    assert [(line.action, line.reviewer) for line in lines] == [("exclude", "Ada")] * 3
    assert len({line.event for line in lines}) == 1
    page.keyboard.press("u")
    page.locator(".tile .badge").first.wait_for(state="detached")
    # the badge goes at once, the log follows
    for _ in range(100):
        if len(log_of(served, n)) > 3:
            break
        page.wait_for_timeout(100)
    assert [line.action for line in log_of(served, n)][3:] == ["undo"] * 3


def test_gallery_accepts_each_suggestion_and_searches_classes(page, served):
    n = 403
    show(page, served, f"show=grid&n={n}")
    for i in range(1, 5):
        page.locator(".tile").nth(i).click()
    page.keyboard.press("a")
    wait_saved(page)
    inspection = make_inspection(n)
    for line in log_of(served, n):
        row = inspection.dataset.ids.index(line.image_id)
        assert line.label == inspection.dataset.classes[inspection.suggestions.labels[row]]
    assert len(log_of(served, n)) == 4
    page.locator(".tile").nth(8).click()
    page.keyboard.press("o")
    page.keyboard.type("ship")
    page.keyboard.press("Enter")
    page.locator(".tile").nth(8).locator(".badge.relabel").wait_for()
    wait_saved(page)
    assert log_of(served, n)[-1].label == "<b>ship</b>"


def test_gallery_shows_what_somebody_else_decides(page, served):
    n = 404
    show(page, served, f"show=grid&n={n}")
    inspection = make_inspection(n)
    worst = int((-inspection.suspicion).argsort(kind="stable")[2])
    reviews = Reviews(served[1])
    reviews.decide(inspection.dataset.digest, [inspection.dataset.ids[worst]], "keep", reviewer="Grace")
    reviews.close()
    other = page.locator(".tile").nth(2).locator(".badge.keep")
    other.wait_for(timeout=20_000)
    assert "Grace" in other.inner_text()


def test_gallery_gives_a_failed_decision_back_and_sends_it_again(page, served):
    n = 405
    show(page, served, f"show=grid&n={n}")
    page.route("**/api/decide", lambda route: route.fulfill(status=503, body="the disk is full"))
    page.locator(".tile").nth(5).click()
    page.keyboard.press("k")
    page.get_by_text("the disk is full").wait_for()
    assert page.locator(".tile .badge.keep").count() == 0
    assert page.locator(".tile .badge.unsaved").count() == 1
    page.unroute("**/api/decide")
    page.get_by_role("button", name="Retry").click()
    page.locator(".tile .badge.keep").wait_for()
    wait_saved(page)
    assert [line.action for line in log_of(served, n)] == ["keep"]


def test_nothing_is_lost_by_a_reload(page, served):
    n = 406
    show(page, served, f"show=grid&n={n}")
    page.route("**/api/decide", lambda route: route.abort())
    page.locator(".tile").nth(5).click()
    page.keyboard.press("k")
    page.get_by_text("does not answer").wait_for()
    page.unroute("**/api/decide")
    page.reload()
    page.wait_for_selector(READY)
    page.locator(".tile .badge.keep").wait_for()
    wait_saved(page)
    assert [line.action for line in log_of(served, n)] == ["keep"]


def test_large_view_enlarges_by_whole_pixels_and_moves(page, served):
    show(page, served, "show=grid&n=407")
    page.locator(".tile").nth(3).focus()
    page.keyboard.press("Enter")
    image = page.locator("dialog img")
    page.locator("dialog").get_by_text("shown").wait_for()
    natural, width = image.evaluate("(e) => [e.naturalWidth, e.clientWidth]")
    assert width % natural == 0 and width > natural
    page.keyboard.press("ArrowRight")
    page.locator("dialog").get_by_text("5 of 60").wait_for()
    page.keyboard.press("Escape")
    page.locator("dialog").wait_for(state="hidden")
    # the browser gives the focus back first, and the gallery then moves it to the image looked at last
    page.wait_for_function("() => document.activeElement.shadowRoot?.activeElement?.dataset.i === '4'")
