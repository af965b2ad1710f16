"""The pages of a gallery in a real Chromium: turned without Python, asked about, and filled by a drawing on the map."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tests.browser.test_components_browser import LEFT_HALF, lasso
from tests.support.component_harness.fake import make_inspection
from tests.support.component_harness.hands import MARKS, log_of, show, wait_saved
from ui.api.points import quantise, rows_in_polygon

pytest_plugins = ["tests.support.component_harness.browser"]
pytestmark = MARKS

PAGES = "show=grid&n={n}&count=50&size=20&told=1"
IDS = "(tiles) => tiles.map((tile) => tile.querySelector('.foot').title)"


def worst_ids(n: int) -> list[str]:
    inspection = make_inspection(n)
    return [inspection.dataset.ids[row] for row in np.argsort(-inspection.suspicion, kind="stable")]


def shown_ids(page) -> list[str]:
    return page.locator(".tile").evaluate_all(IDS)


def wait_first(page, image: str) -> None:
    page.locator(f'.tile >> nth=0 >> .foot[title="{image}"]').wait_for(state="attached", timeout=60_000)


def test_turning_shows_the_next_images_and_their_pixels_without_a_rerun(page, served):
    n = 410
    show(page, served, PAGES.format(n=n))
    expected = worst_ids(n)
    assert shown_ids(page) == expected[:20]
    page.wait_for_timeout(400)
    sprites, frames = [], []
    page.on("request", lambda request: sprites.append(request.url) if "/api/sprite/" in request.url else None)
    client = page.context.new_cdp_session(page)
    client.send("Network.enable")
    client.on("Network.webSocketFrameSent", lambda event: frames.append(event))
    page.get_by_role("button", name="Next").first.click()
    wait_first(page, expected[20])
    assert shown_ids(page) == expected[20:40]
    assert frames == []
    page.wait_for_timeout(400)
    assert len(sprites) <= 1
    assert page.get_by_text("21–40 of 50 images").count() == 1
    page.locator(".tile").first.focus()
    page.keyboard.press("PageDown")
    wait_first(page, expected[40])
    assert shown_ids(page) == expected[40:50]
    assert page.evaluate("() => document.activeElement.shadowRoot.activeElement.dataset.i") == "0"
    assert page.get_by_role("button", name="Next").first.is_disabled()
    page.keyboard.press("PageUp")
    wait_first(page, expected[20])
    # Python hears of the page at last, and drawing goes on undisturbed
    page.get_by_text("page 2", exact=True).wait_for(timeout=60_000)
    assert shown_ids(page) == expected[20:40]


def test_each_tile_shows_its_own_image_on_every_page(page, served):
    n = 411
    show(page, served, PAGES.format(n=n))
    inspection, expected = make_inspection(n), worst_ids(n)
    page.get_by_label("Page", exact=True).first.fill("3")
    page.keyboard.press("Enter")
    wait_first(page, expected[40])
    page.wait_for_function(
        "() => [...document.querySelectorAll('*')].some((e) => e.shadowRoot?.querySelector('[data-taster-ready=\"1\"]'))"
    )
    place = next(i for i in range(10) if inspection.dataset.ids.index(expected[40 + i]) > 9)
    drawn = page.evaluate(
        """async (place) => {
          const root = [...document.querySelectorAll('*')].find((e) => e.shadowRoot?.querySelector('.tile')).shadowRoot;
          const style = root.querySelectorAll('.pic')[place].style, sheet = new Image();
          sheet.src = style.backgroundImage.slice(5, -2);
          await sheet.decode();
          const factor = parseInt(style.backgroundSize) / sheet.naturalWidth, pen = new OffscreenCanvas(32, 32).getContext('2d');
          const [x, y] = style.backgroundPosition.split(' ').map((v) => -parseInt(v) / factor);
          pen.drawImage(sheet, -x, -y);
          return [...pen.getImageData(0, 0, 32, 32).data];
        }""",
        place,
    )
    row = inspection.dataset.ids.index(expected[40 + place])
    assert np.array_equal(np.array(drawn).reshape(32, 32, 4)[..., :3], np.asarray(inspection.dataset.load(row)))


def test_what_is_chosen_on_a_later_page_is_what_is_decided(page, served):
    n = 412
    show(page, served, PAGES.format(n=n) + "&page=2")
    expected = worst_ids(n)
    assert shown_ids(page) == expected[20:40]
    page.locator(".tile").nth(2).click()
    page.get_by_role("button", name="Next").first.click()
    wait_first(page, expected[40])
    # a choice that is out of sight would be decided unseen
    assert page.locator('.tile[aria-selected="true"]').count() == 0
    page.locator(".tile").nth(4).click()
    page.keyboard.press("x")
    wait_saved(page)
    assert [line.image_id for line in log_of(served, n)] == [expected[44]]
    page.get_by_role("button", name="Back").first.click()
    wait_first(page, expected[20])
    page.get_by_role("button", name="Next").first.click()
    wait_first(page, expected[40])
    assert page.locator(".tile").nth(4).locator(".badge.exclude").count() == 1


def test_a_page_that_does_not_come_is_said_and_the_old_one_stays(page, served):
    n = 413
    page.route(
        "**/api/tiles/**", lambda route: route.fulfill(status=410, body="the server has forgotten this list of images; reload the page")
    )
    show(page, served, PAGES.format(n=n))
    page.get_by_role("button", name="Next").first.click()
    page.get_by_text("forgotten this list").wait_for()
    assert shown_ids(page) == worst_ids(n)[:20]
    page.unroute("**/api/tiles/**")
    page.get_by_role("button", name="Next").first.click()
    wait_first(page, worst_ids(n)[20])


@pytest.mark.parametrize("how", ["key", "double click", "button"])
def test_asking_about_an_image_tells_its_row_each_time(page, served, how):
    n = 414
    show(page, served, PAGES.format(n=n) + "&page=2")
    row = make_inspection(n).dataset.ids.index(worst_ids(n)[23])
    tile = page.locator(".tile").nth(3)

    def ask() -> None:
        if how == "key":
            tile.focus()
            page.keyboard.press("i")
        elif how == "button":
            tile.hover()
            tile.locator(".look").click()
        else:
            tile.dblclick()

    ask()
    page.get_by_text(f"asked {json.dumps([row])}").wait_for(timeout=60_000)
    ask()
    page.get_by_text(f"asked {json.dumps([row, row])}").wait_for(timeout=60_000)
    assert tile.get_attribute("aria-selected") == "false"


# ---- the gallery of a drawing


def drawn_rows(n: int, polygon) -> list[int]:
    inspection = make_inspection(n)
    rows = rows_in_polygon(quantise(inspection.xy), polygon)
    return rows[np.argsort(-inspection.suspicion[rows], kind="stable")].tolist()


def test_a_drawing_fills_the_gallery_before_python_hears_of_it(page, served):
    n = 415
    show(page, served, f"show=follow&n={n}&slow=3")
    page.get_by_text("nothing drawn").wait_for()
    asked = []
    page.on("request", lambda request: asked.append(request.post_data_json) if "/api/select" in request.url else None)
    lasso(page, LEFT_HALF)
    page.locator(".tile").first.wait_for(timeout=2_500)
    rows = drawn_rows(n, asked[0]["polygon"])
    ids = make_inspection(n).dataset.ids
    assert 20 < len(rows) < n
    assert shown_ids(page) == [ids[row] for row in rows[:20]]
    assert page.get_by_text(f"{len(rows)} images selected").count() == 1
    # turned before Python answers: its answer must not turn back
    page.get_by_role("button", name="Next").first.click()
    wait_first(page, ids[rows[20]])
    page.get_by_text(f"python has {rows[:20]} of {len(rows)}").wait_for(timeout=15_000)
    assert shown_ids(page) == [ids[row] for row in rows[20:40]]
    page.locator(".plot").focus()
    page.keyboard.press("Escape")
    page.get_by_text("nothing drawn").wait_for()
    page.get_by_text("python has [] of 0").wait_for(timeout=15_000)


def test_where_the_server_does_not_answer_python_fills_the_gallery(page, served):
    n = 416
    page.route("**/api/select", lambda route: route.abort())
    show(page, served, f"show=follow&n={n}")
    lasso(page, LEFT_HALF)
    page.locator(".tile").first.wait_for(timeout=60_000)
    assert page.get_by_text("images selected").count() == 1
