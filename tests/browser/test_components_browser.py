"""The map in a real Chromium: what is painted, and what a lasso selects on both sides."""

from __future__ import annotations

import pytest

from core.reviews.log import Reviews
from tests.support.component_harness.fake import make_inspection
from tests.support.component_harness.hands import MARKS, show

pytest_plugins = ["tests.support.component_harness.browser"]
pytestmark = MARKS


LEFT_HALF = [(0.2, 0.02), (0.45, 0.02), (0.5, 0.5), (0.4, 0.97), (0.21, 0.95)]


def lasso(page, corners: list[tuple[float, float]]) -> None:
    """Drag along `corners`, given as shares of the plot's width and height."""
    box = page.locator(".plot").bounding_box()
    at = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in corners]
    page.mouse.move(*at[0])
    page.mouse.down()
    for x, y in at[1:]:
        page.mouse.move(x, y, steps=6)
    page.mouse.up()


def counts_on_canvas(page) -> int:
    """Pixels of the map that are not empty, read in the frame in which they are drawn."""
    return page.evaluate(
        """() => new Promise((resolve) => {
          const root = [...document.querySelectorAll('*')].find((e) => e.shadowRoot?.querySelector('.plot')).shadowRoot;
          const canvas = root.querySelector('canvas'), copy = document.createElement('canvas');
          Object.assign(copy, { width: canvas.width, height: canvas.height });
          root.querySelector('button[title^="Show all"]').click();
          requestAnimationFrame(() => {
            const pen = copy.getContext('2d');
            pen.drawImage(canvas, 0, 0);
            const data = pen.getImageData(0, 0, copy.width, copy.height).data;
            let n = 0;
            for (let i = 3; i < data.length; i += 4) n += data[i] > 0;
            resolve(n);
          });
        })"""
    )


@pytest.mark.parametrize("n", [1, 400, 50_000])
def test_map_paints_its_points(page, served, n):
    show(page, served, f"show=scatter&n={n}")
    assert counts_on_canvas(page) > min(n, 400) * 8
    assert page.locator(".status").inner_text().replace(",", "").startswith(f"{n} image")


@pytest.mark.parametrize("n", [400, 50_000])
def test_lasso_finds_the_same_rows_in_python(page, served, n):
    show(page, served, f"show=scatter&n={n}")
    lasso(page, LEFT_HALF)
    said = page.get_by_text("python found")
    said.wait_for()
    python, browser_count = (int(word.strip(";")) for word in said.inner_text().split() if word.strip(";").isdigit())
    assert 0 < python < n
    assert python == browser_count
    assert f"{python:,} selected" in page.locator(".status").inner_text()
    # Escape clears it on both sides
    page.keyboard.press("Escape")
    page.get_by_text("nothing selected").wait_for()


def test_box_with_shift_and_zoomed_in(page, served):
    show(page, served, "show=scatter")
    page.locator(".plot").focus()
    page.locator(".plot").hover(position={"x": 300, "y": 200})
    page.mouse.wheel(0, -600)
    page.keyboard.down("Shift")
    lasso(page, [(0.1, 0.1), (0.6, 0.8)])
    page.keyboard.up("Shift")
    said = page.get_by_text("python found")
    said.wait_for()
    python, browser_count = (int(word.strip(";")) for word in said.inner_text().split() if word.strip(";").isdigit())
    assert 0 < python == browser_count < 400


def test_the_wheel_scrolls_the_page_until_the_map_has_the_focus(page, served):
    show(page, served, "show=scatter")
    taken = """plot => { const event = new WheelEvent("wheel", {deltaY: -200, bubbles: true, cancelable: true});
                         plot.dispatchEvent(event); return event.defaultPrevented; }"""
    plot = page.locator(".plot")
    assert not plot.evaluate(taken)
    plot.focus()
    assert plot.evaluate(taken)


def test_a_box_by_keys_alone(page, served):
    show(page, served, "show=scatter")
    page.locator(".plot").focus()
    page.keyboard.press("s")
    assert "Enter selects" in page.locator(".status").inner_text()
    page.keyboard.press("Escape")
    assert page.locator(".status").inner_text() == "400 images"
    page.keyboard.press("s")
    for key in ["ArrowLeft"] * 4 + ["Shift+ArrowRight"] * 3 + ["Shift+ArrowUp"] * 5:
        page.keyboard.press(key)
    page.locator(".hover .thumb").wait_for(state="visible")
    page.keyboard.press("Enter")
    said = page.get_by_text("python found")
    said.wait_for()
    python, browser_count = (int(word.strip(";")) for word in said.inner_text().split() if word.strip(";").isdigit())
    assert 0 < python == browser_count < 400
    # arrows move the map again, and the selection stays
    page.keyboard.press("ArrowLeft")
    assert f"{python} selected" in page.locator(".status").inner_text()


def test_selection_survives_other_widgets_and_counts_scope_to_it(page, served):
    show(page, served, "show=scatter&keep=1")
    before = [int(text) for text in page.locator(".legend .number").all_inner_texts()]
    lasso(page, LEFT_HALF)
    said = page.get_by_text("python found")
    said.wait_for()
    found = int(said.inner_text().split()[2])
    page.get_by_role("button", name="another widget").click()
    page.wait_for_timeout(300)
    assert f"{found} selected" in page.locator(".status").inner_text()
    assert sum(int(text) for text in page.locator(".legend .number").all_inner_texts()) == found < sum(before)


def test_colours_switch_without_the_server_and_names_are_text(page, served):
    show(page, served, "show=scatter")
    assert "<b>ship</b>" in page.locator(".legend").inner_text()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.get_by_role("button", name="Verdict").click()
    assert "poison, wrong label" in page.locator(".legend").inner_text()
    assert not [url for url in asked if "/api/points" in url or "_stcore" in url]


def test_an_empty_map_says_so(page, served):
    show(page, served, "show=scatter&n=0")
    page.get_by_text("There are no images to show.").wait_for()


def test_without_webgl_python_is_told(page, served):
    page.add_init_script(
        """const getContext = HTMLCanvasElement.prototype.getContext;
        HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {
          return kind === 'webgl2' ? null : getContext.call(this, kind, ...rest);
        };"""
    )
    page.goto(f"{served[0]}/?show=scatter")
    page.get_by_text("python draws another chart").wait_for(timeout=20_000)


def test_map_follows_decisions(page, served):
    n = 409
    show(page, served, f"show=scatter&n={n}&by=decision")
    inspection = make_inspection(n)
    reviews = Reviews(served[1])
    reviews.decide(inspection.dataset.digest, inspection.dataset.ids[:7], "exclude", reviewer="Grace")
    reviews.close()
    page.get_by_role("button", name="excluded 7").wait_for(timeout=60_000)


def test_hover_names_the_image(page, served):
    show(page, served, "show=scatter&n=1")
    box = page.locator(".plot").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2 + 4, box["y"] + box["height"] / 2)
    card = page.locator(".hover")
    card.get_by_text("/00000.png").wait_for()
    assert card.get_by_text("suspicion").count() == 1
    assert page.locator(".hover img").evaluate("(e) => [e.naturalWidth, e.clientWidth]") == [32, 96]
