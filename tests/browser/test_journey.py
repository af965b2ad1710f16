"""Journeys through the real app in a real browser: triage, map, gallery, two people, addresses."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from playwright.sync_api import TimeoutError, expect

from core.cleansing.rule import RELABEL, propose
from core.scans.pipeline import inspection_of, newest_scan, open_dataset
from core.scans.stored import truth_of
from core.workspace.workspace import Workspace
from tests.support.app_server import ROOT, running_app
from tests.support.component_harness.hands import MARKS, READY

pytest_plugins = ["tests.support.component_harness.browser"]
pytestmark = MARKS


@pytest.fixture
def app(tmp_path, demo_workspace):
    workspace = tmp_path / "workspace"
    shutil.copytree(demo_workspace, workspace)
    with running_app(tmp_path, workspace) as served:
        yield served


def sign(page, name: str) -> None:
    page.locator("#reviewer").fill(name)
    page.locator("#reviewer").press("Enter")
    page.wait_for_function("() => !document.querySelector('.taster-reviewer')?.classList.contains('missing')")


def open_page(page, app, name: str, query: str = "") -> None:
    page.goto(f"{app.address}/{name}{query}")
    page.get_by_role("heading", level=1).wait_for(timeout=60_000)
    if name in ("map", "gallery", "relabel"):
        page.wait_for_selector(READY, timeout=60_000)


def decide_all(page, key: str, count: int) -> None:
    """Press `key` until `count` images are decided; a press before the image is really on screen does not count."""
    finished = "[...document.querySelectorAll('*')].some((e) => /Queue finished/.test(e.shadowRoot?.textContent || ''))"
    painted = "performance.getEntriesByName('taster-painted').length"
    for _ in range(4 * count):
        before = page.evaluate(f"() => {painted}")
        page.keyboard.press(key)
        try:
            page.wait_for_function(f"(n) => {painted} > n || {finished}", arg=before, timeout=2_000)
        except TimeoutError:
            continue
        if page.evaluate(f"() => {finished}"):
            return


def inspection_in(workspace: Path):
    found = Workspace(workspace)
    inspection = inspection_of(found, newest_scan(found, "demo"))
    return inspection, truth_of(inspection.dataset, open_dataset("demo"))


def test_triage_of_the_demo_by_keyboard_and_export(page, app, tmp_path):
    inspection, truth = inspection_in(app.workspace)
    suspects = int(inspection.is_suspicious.sum())
    open_page(page, app, "relabel")
    sign(page, "Ada")
    page.locator(".taster").click(position={"x": 5, "y": 5})
    decide_all(page, "a", suspects)
    page.get_by_text(f"Queue finished: {suspects} decided").wait_for()
    out = tmp_path / "scores.parquet"
    subprocess.run(
        [sys.executable, "-m", "core", "export", "demo", "--to", "parquet", "--out", str(out), "--workspace", str(app.workspace)],
        cwd=ROOT, check=True, capture_output=True,
    )  # fmt: skip
    table = pq.read_table(out).to_pydict()
    relabelled, excluded = ([row for row, action in enumerate(table["action"]) if action == wanted] for wanted in ("relabel", "exclude"))
    made = propose(inspection)
    assert set(relabelled) == set(np.flatnonzero(made.actions == RELABEL)) and len(relabelled) + len(excluded) == suspects
    right = sum(table["corrected_label"][row] == inspection.dataset.classes[truth.original_labels[row]] for row in relabelled)
    assert right >= 0.97 * len(relabelled) > 50
    # what is left out is what no suggestion is sure of
    assert not excluded or truth.is_poisoned[excluded].mean() >= 0.97
    assert {table["reviewer"][row] for row in relabelled + excluded} == {"Ada"}


def test_lasso_shows_the_selected_images_and_survives_a_change_of_page(page, app):
    open_page(page, app, "map")
    box = page.locator(".taster canvas").first.bounding_box()
    corners = [(0.02, 0.02), (0.98, 0.02), (0.98, 0.98), (0.02, 0.98), (0.02, 0.02)]
    places = [(box["x"] + fx * box["width"], box["y"] + fy * box["height"]) for fx, fy in corners]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=8)
    page.mouse.up()
    page.get_by_text("images selected").wait_for()
    said = page.get_by_text("images selected").inner_text()
    page.get_by_role("link", name="Gallery").click()
    page.get_by_role("heading", name="Gallery").wait_for()
    page.get_by_role("link", name="Map").click()
    page.get_by_text("images selected").wait_for()
    assert page.get_by_text("images selected").inner_text() == said
    assert "sel=" in page.url and "dataset=" in page.url


def shown_choice(page, label: str, wanted: str) -> None:
    """Until the select box `label` shows a value that matches `wanted`."""
    expect(page.get_by_label(label, exact=True)).to_have_value(re.compile(wanted), timeout=60_000)


def test_an_address_opens_the_same_view_again(page, app):
    open_page(page, app, "gallery", "?page=gallery&sel=3.outlier.1")
    shown_choice(page, "Given label", r"^3 +\(\d+ suspicious of")
    shown_choice(page, "Sorted by", "^out of place$")
    address = page.url
    page.goto("about:blank")
    page.goto(address.replace("/gallery?", "/?"))
    page.get_by_role("heading", name="Gallery").wait_for(timeout=60_000)
    shown_choice(page, "Given label", r"^3 +\(\d+ suspicious of")
    shown_choice(page, "Sorted by", "^out of place$")


def test_two_people_see_each_others_decisions(browser, app):
    contexts = [browser.new_context(viewport={"width": 1280, "height": 800}) for _ in range(2)]
    ada, bob = (context.new_page() for context in contexts)
    for page, name in ((ada, "Ada"), (bob, "Bob")):
        open_page(page, app, "gallery")
        sign(page, name)
    ada.get_by_role("option").first.or_(ada.get_by_role("checkbox").first).click()
    ada.keyboard.press("x")
    bob.get_by_text("excluded", exact=False).first.wait_for(timeout=20_000)
    for context in contexts:
        context.close()


def test_every_page_stands_without_a_fault(page, app):
    for name, heading in (("", "Demo"), ("map", "Map"), ("gallery", "Gallery"), ("relabel", "Relabel"), ("export", "Export")):
        page.goto(f"{app.address}/{name}")
        page.get_by_role("heading", name=heading).first.wait_for(timeout=60_000)
        assert page.get_by_test_id("stException").count() == 0
        assert page.evaluate("() => document.documentElement.scrollWidth <= window.innerWidth")
    assert "Traceback" not in app.log.read_text()


def test_streamlit_run_serves_the_same_app(page, tmp_path, demo_workspace):
    workspace = tmp_path / "workspace"
    shutil.copytree(demo_workspace, workspace)
    with running_app(tmp_path, workspace, command="streamlit") as served:
        open_page(page, served, "relabel")
        page.get_by_text("1 of ").first.wait_for()


def test_a_fresh_workspace_analyses_the_demo_by_itself(page, tmp_path):
    with running_app(tmp_path, tmp_path / "workspace") as served:
        page.goto(served.address)
        page.get_by_text("Step ", exact=False).first.wait_for(timeout=60_000)
        page.get_by_text("How suspicious").wait_for(timeout=300_000)
        page.get_by_role("link", name="Map", exact=True).click()
        page.wait_for_selector(READY, timeout=300_000)


def test_only_a_browser_that_was_given_the_key_gets_in(page, browser, tmp_path, demo_workspace):
    workspace = tmp_path / "workspace"
    shutil.copytree(demo_workspace, workspace)
    with running_app(tmp_path, workspace, access=("--key", "a key & more")) as app:
        assert page.goto(f"{app.address}/gallery").status == 403
        expect(page.get_by_role("heading", name="Taster needs its key")).to_be_visible()
        page.goto(f"{app.address}/gallery?key=a+key+%26+more")
        page.get_by_role("heading", level=1, name="Gallery").wait_for(timeout=60_000)
        # pictures and the WebSocket are let in too, and the key is in no address any more
        page.wait_for_selector(READY, timeout=60_000)
        assert "key=" not in page.url
        page.reload()
        page.wait_for_selector(READY, timeout=60_000)
        other = browser.new_context().new_page()
        assert other.goto(app.address).status == 403
        other.context.close()
