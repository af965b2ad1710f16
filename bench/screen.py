"""What a person waits for, in headless Chromium on the same machine: map, lasso, gallery page, decisions.

python bench/screen.py [--source PATH] [--others 5]

Source: CIFAR-10 (50,000 images; see bench/common.py), scanned into a temporary workspace unless --workspace holds it. WebGL2 is
drawn in software where there is no GPU. The decision figures are measured with `--others` more browsers on the page.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

from common import data_folder, keep
from playwright.sync_api import Page, sync_playwright

from core.scans.options import ScanOptions
from core.scans.pipeline import scan
from core.workspace.workspace import Workspace
from tests.support.app_server import running_app
from tests.support.component_harness.browser import ARGS
from tests.support.component_harness.hands import CHROMIUM, READY

# milliseconds from the last mark of a name to the first gallery painted after it
PAINTED_AFTER = """(name) => {
  const from = performance.getEntriesByName(name).at(-1)?.startTime;
  const hit = from && performance.getEntriesByName('taster-grid-painted').find((entry) => entry.startTime > from);
  return hit ? hit.startTime - from : null;
}"""
# time from the address to the mark, on the page's own clock
MARK = "(name) => performance.getEntriesByName(name).at(-1)?.startTime ?? null"


PAUSE_MS = 2000


class Wire:
    """Bytes that the page received, over HTTP and WebSocket, since the last reset."""

    def __init__(self, page: Page) -> None:
        self.bytes, self.requests = 0, 0
        client = page.context.new_cdp_session(page)
        client.send("Network.enable")
        client.on("Network.loadingFinished", lambda event: self._add(event["encodedDataLength"]))
        client.on(
            "Network.webSocketFrameReceived",
            lambda event: self._add(len(event["response"]["payloadData"]) * (0.75 if event["response"]["opcode"] == 2 else 1)),
        )
        client.on("Network.requestWillBeSent", lambda event: self._count(event["request"]["url"]))

    def _add(self, count: float) -> None:
        self.bytes += int(count)

    def _count(self, url: str) -> None:
        self.requests += "/api/sprite/" in url or "/api/thumb/" in url or "/api/image/" in url

    def reset(self) -> None:
        self.bytes, self.requests = 0, 0


def sign(page: Page, name: str) -> None:
    page.locator("#reviewer").fill(name)
    page.locator("#reviewer").press("Enter")
    page.wait_for_timeout(800)


def map_figures(browser, address: str, rounds: int) -> dict:
    paints, first_bytes, lassos, later = [], [], [], []
    for _ in range(rounds):
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        page = context.new_page()
        # the browser keeps Streamlit's own scripts, as on every visit but the very first
        page.goto(f"{address}/export")
        page.get_by_role("heading", name="Export").first.wait_for(timeout=60_000)
        wire = Wire(page)
        page.goto(f"{address}/map")
        page.wait_for_selector(READY, timeout=60_000)
        paints.append(page.evaluate(MARK, "taster-map-painted"))
        page.wait_for_timeout(500)
        first_bytes.append(wire.bytes)
        wire.reset()
        lassos.append(_lasso(page))
        page.wait_for_timeout(800)
        wire.reset()
        page.get_by_role("button", name="Verdict").click()
        page.get_by_role("button", name="Label", exact=True).click()
        page.wait_for_timeout(500)
        later.append(wire.bytes / 2)
        context.close()
    return {
        "first_paint_ms": round(statistics.median(paints)),
        "first_kb": round(statistics.median(first_bytes) / 1000),
        "recolour_kb": round(statistics.median(later) / 1000, 1),
        "lasso_to_gallery_ms": round(statistics.median(lassos)),
    }


def _lasso(page: Page) -> float:
    """Milliseconds from letting go of the mouse to the painted gallery of the selection."""
    box = page.locator(".taster canvas").first.bounding_box()
    corners = [(0.35, 0.35), (0.55, 0.33), (0.6, 0.5), (0.5, 0.62), (0.36, 0.55)]
    places = [(box["x"] + fx * box["width"], box["y"] + fy * box["height"]) for fx, fy in corners]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=8)
    page.evaluate("() => addEventListener('pointerup', () => performance.mark('bench-up'), { capture: true, once: true })")
    page.mouse.up()
    return page.wait_for_function(PAINTED_AFTER, arg="bench-up", timeout=30_000).json_value()


def gallery_figures(browser, address: str, rounds: int) -> dict:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.goto(f"{address}/gallery")
    page.wait_for_selector(READY, timeout=60_000)
    page.wait_for_timeout(1500)
    wire = Wire(page)
    times, requests = [], []
    for _ in range(rounds):
        wire.reset()
        page.evaluate("() => addEventListener('click', () => performance.mark('bench-click'), { capture: true, once: true })")
        page.get_by_role("button", name="Next").first.click()
        times.append(page.wait_for_function(PAINTED_AFTER, arg="bench-click", timeout=30_000).json_value())
        # long enough for what is fetched ahead, and for Python to hear of the page
        page.wait_for_timeout(PAUSE_MS)
        requests.append(wire.requests)
    context.close()
    return {"next_page_ms": round(statistics.median(times)), "next_page_worst_ms": round(max(times)), "image_requests": max(requests)}


def decision_figures(browser, address: str, others: int, presses: int) -> dict:
    contexts = [browser.new_context(viewport={"width": 1280, "height": 900}) for _ in range(others + 1)]
    pages = [context.new_page() for context in contexts]
    for number, page in enumerate(pages):
        # the whole set as the queue, so that it does not run out
        page.goto(f"{address}/{'gallery' if number % 2 else 'relabel?page=relabel&sel=-2.1'}")
        page.wait_for_selector(READY, timeout=60_000)
        sign(page, f"Person {number}")
    page = pages[0]
    page.bring_to_front()
    page.wait_for_timeout(1500)
    for _ in range(presses):
        before = page.evaluate("() => performance.getEntriesByName('taster-painted').length")
        page.keyboard.press("n")
        page.wait_for_function("(n) => performance.getEntriesByName('taster-painted').length > n", arg=before, timeout=30_000)
        page.wait_for_timeout(60)
    times = page.evaluate(
        "() => { const k = performance.getEntriesByName('taster-key'), p = performance.getEntriesByName('taster-painted');"
        " return k.map((e) => p.find((q) => q.startTime >= e.startTime)?.startTime - e.startTime).filter((t) => t !== undefined); }"
    )
    for context in contexts:
        context.close()
    ranked = sorted(times)
    return {
        "median_ms": round(statistics.median(ranked)),
        "p95_ms": round(ranked[int(0.95 * (len(ranked) - 1))]),
        "decisions": len(ranked),
        "other_browsers": others,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source")
    parser.add_argument("--workspace", type=Path)
    parser.add_argument("--others", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--presses", type=int, default=60)
    chosen = parser.parse_args()
    if CHROMIUM is None:
        sys.exit("skipped: no chromium, chromium-browser or google-chrome on the path")
    source = chosen.source or str(data_folder() / "cifar10-train.parquet")
    with tempfile.TemporaryDirectory() as folder:
        workspace = chosen.workspace or Path(folder) / "workspace"
        scan(source, ScanOptions(), Workspace(workspace))
        with running_app(Path(folder), workspace, source=source) as app, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGS)
            result = {
                "map": map_figures(browser, app.address, chosen.rounds),
                "gallery": gallery_figures(browser, app.address, chosen.rounds),
                "decision": decision_figures(browser, app.address, chosen.others, chosen.presses),
            }
            browser.close()
    keep("screen", result)


if __name__ == "__main__":
    main()
