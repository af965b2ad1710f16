"""The inspector in a real Chromium: opened by key from the queue, led on by mouse, closed by key, at two sizes."""

from __future__ import annotations

import re
import shutil

import pytest

from tests.support.app_server import running_app
from tests.support.component_harness.hands import MARKS

pytest_plugins = ["tests.support.component_harness.browser"]
pytestmark = MARKS


@pytest.fixture
def app(tmp_path, demo_workspace):
    shutil.copytree(demo_workspace, tmp_path / "workspace")
    with running_app(tmp_path, tmp_path / "workspace") as served:
        yield served


def opened(page, app, colours: str = "light") -> None:
    page.emulate_media(color_scheme=colours)
    page.goto(f"{app.address}/relabel")
    page.wait_for_selector('.queue[data-taster-ready="1"]', timeout=60_000)
    page.locator(".taster.queue").click(position={"x": 5, "y": 5})
    page.keyboard.press("i")
    page.wait_for_selector('.inspect[data-taster-ready="1"]', timeout=60_000)


def zoomed_by_keys_wheel_and_fingers(page, stage) -> None:
    def width() -> float:
        return stage.locator("img").first.evaluate("(i) => i.getBoundingClientRect().width")

    def left() -> float:
        return stage.locator("img").first.evaluate("(i) => i.getBoundingClientRect().left")

    whole = width()
    stage.focus()
    page.keyboard.press("+")
    closer, at = width(), left()
    assert closer > whole
    page.keyboard.press("ArrowRight")
    assert left() < at
    page.keyboard.press("0")
    assert width() == whole
    stage.hover()
    page.mouse.wheel(0, -400)
    assert width() > whole
    page.get_by_role("button", name="The whole image").click()
    assert width() == whole
    # two fingers that part
    finger = """(stage, [kind, id, x]) => { const box = stage.getBoundingClientRect();
        stage.setPointerCapture = () => {};
        stage.dispatchEvent(new PointerEvent(kind, { pointerId: id, clientX: box.left + x, clientY: box.top + 100, bubbles: true })); }"""
    for step in (["pointerdown", 1, 100], ["pointerdown", 2, 200], ["pointermove", 2, 300], ["pointerup", 1, 100], ["pointerup", 2, 300]):
        stage.evaluate(finger, step)
    assert width() == pytest.approx(2 * whole, rel=0.02)
    page.keyboard.press("0")


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_key_i_opens_the_image_of_the_queue_and_neighbours_lead_on(page, app, colours):
    opened(page, app, colours)
    row = page.locator(".taster.queue").get_attribute("data-row")
    box = page.locator(".inspect")
    assert box.get_attribute("data-row") == row
    page.wait_for_selector('.inspect[data-taster-whole="1"]', timeout=60_000)
    assert box.locator(".tile[data-state=shown]").count() >= 4 and box.locator(".tile[data-state=waiting]").count() == 0
    # whole factors, and no blur
    for shown in box.locator(".stage img, .tile[data-state=shown] img").all():
        width, natural, way = shown.evaluate("(i) => [i.getBoundingClientRect().width, i.naturalWidth, getComputedStyle(i).imageRendering]")
        assert width % natural == 0 and way == "pixelated"
    zoomed_by_keys_wheel_and_fingers(page, box.locator(".stage"))
    second = box.locator(".neighbour").nth(1)
    wanted = second.get_attribute("data-row")
    second.click()
    page.wait_for_selector(f'.inspect[data-row="{wanted}"][data-taster-ready="1"]')
    box.get_by_role("button", name="Back").click()
    page.wait_for_selector(f'.inspect[data-row="{row}"]')
    page.keyboard.press("Escape")
    page.locator("[role=dialog]").wait_for(state="detached")
    assert page.locator(".taster.queue").get_attribute("data-row") == row


def test_tab_walks_through_the_dialog_and_the_queue_has_the_keys_again_after_it(page, app):
    opened(page, app)
    reached = set()
    for _ in range(14):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("() => document.activeElement.textContent"))
    assert {"full size", "Smooth"} <= reached and len(reached) >= 5
    page.keyboard.press("Escape")
    page.locator("[role=dialog]").wait_for(state="detached")
    page.wait_for_function("() => document.activeElement.shadowRoot?.activeElement?.closest('.queue')")


@pytest.mark.parametrize("size", [(1280, 800), (1920, 1080)], ids=str)
def test_nothing_sticks_out_of_the_dialog(page, app, size):
    page.set_viewport_size({"width": size[0], "height": size[1]})
    opened(page, app)
    assert page.locator(".inspect").evaluate(
        "(root) => [...root.querySelectorAll('*')].every((e) => e.scrollWidth <= root.clientWidth + 1)"
    )
    assert page.evaluate("() => document.documentElement.scrollWidth <= window.innerWidth")
    within = "([a, b]) => a.left >= b.left - 1 && a.right <= b.right + 1 && a.top >= b.top - 1 && a.bottom <= b.bottom + 1"
    for frame in page.locator(".inspect .stage, .inspect .frame").all():
        boxes = "(f) => [...f.children].map((c) => [c.getBoundingClientRect(), f.getBoundingClientRect()])"
        assert frame.evaluate(f"(f) => ({boxes})(f).every({within})")
    # the same figures as the facts say, in words
    text = page.locator(".inspect").inner_text()
    assert re.search(r"labelled\s+\d", text) and "not decided yet" in text and "What the scores say" in text
