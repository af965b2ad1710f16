"""The page Agreement: it stands, says what to do when empty, opens again by its address; a drawn box shows its images."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import TimeoutError
from streamlit.testing.v1 import AppTest

import ui.app.services
from core.scans.pipeline import inspection_of, newest_scan, open_dataset
from core.scans.stored import truth_of
from core.types import VERDICTS, Inspection
from core.workspace.workspace import Workspace
from tests.support.app_server import ROOT, running_app
from tests.support.component_harness.hands import MARKS
from tests.support.finding_toys import a_finding, plant
from ui.charts.quadrant import corner_region, encode, quadrant_of, rows_in_region

pytest_plugins = ["tests.support.component_harness.browser"]
POISON, MISTAKE, CLEAN_LABEL = 3, 1, 2


def plant_axes(workspace: Path) -> Inspection:
    """The demo's axes as its truth has them: poison carries the patch, and five clean-labelled images seem to."""
    found = Workspace(workspace)
    key = newest_scan(found, "demo")
    inspection = inspection_of(found, key)
    truth, labels, n = truth_of(inspection.dataset, open_dataset("demo")), inspection.dataset.labels, len(inspection.dataset)
    target = int(np.bincount(labels[truth.is_poisoned]).argmax())
    rng = np.random.default_rng(0)
    wrong, carries = labels != truth.original_labels, truth.is_poisoned & (labels == target)
    carries[rng.choice(np.flatnonzero(~wrong & (labels == target)), 5, replace=False)] = True
    content = np.where(wrong, 0.9, 0.0005 * rng.random(n)).astype(np.float32)
    artifact = np.where(carries, 0.97, 0.02 * rng.random(n)).astype(np.float32)
    verdicts = np.where(wrong, np.where(carries, 2, 1), np.where(carries, 3, 0)).astype(np.int8)
    finding = a_finding(n, np.flatnonzero(carries), side=inspection.dataset.load(0).size[0], label=target)
    scores = {**inspection.scores, "trigger": np.asarray(finding.row_scores)}
    plant(
        found,
        key,
        [finding],
        scores=scores,
        threshold=0.5,
        suspicion=np.maximum(content, artifact),
        verdicts=verdicts,
        content=content,
        artifact=artifact,
    )
    return inspection_of(found, key)


@pytest.fixture
def planted(workspace) -> Inspection:
    return plant_axes(workspace)


@pytest.fixture
def served(app_over, workspace):
    """The app's services over the workspace; `change` stands between them and the page."""
    return lambda change=None: app_over(workspace, change=change)


def shown(test: AppTest) -> str:
    parts = [*test.markdown, *test.caption, *test.subheader, *test.info, *test.warning]
    return "\n".join(part.value for part in parts)


def opened(**asked: str) -> AppTest:
    test = AppTest.from_file(str(ROOT / "ui" / "shell.py"), default_timeout=180)
    for name, value in asked.items():
        test.query_params[name] = value
    test.run()
    return test if asked else test.switch_page(str(ROOT / "pages" / "agreement.py")).run()


def sel(test: AppTest) -> str:
    """`sel` of the address in view."""
    value = test.query_params["sel"]
    return value if isinstance(value, str) else value[0]


def reasons_table(test: AppTest):
    return next(table.value for table in test.table if "what it says here" in table.value)


# ---- without a browser


def test_the_page_stands_and_stands_again(planted, served):
    served()
    test = opened()
    for _ in range(2):
        assert not test.exception
        assert test.title[0].value == "Agreement"
        assert list(reasons_table(test)["detector"])[-1] == "carries a pattern"
        test.switch_page(str(ROOT / "pages" / "gallery.py")).run()
        assert not test.exception
        test.switch_page(str(ROOT / "pages" / "agreement.py")).run()
    test.run()
    assert not test.exception


def test_corner_buttons_count_and_choose(planted, served):
    served()
    test = opened()
    counts = quadrant_of(planted).counts
    for corner, words in ((POISON, "poison, wrong label"), (MISTAKE, "label mistake"), (CLEAN_LABEL, "poison, right label")):
        assert counts[corner] >= 5
        button = test.button(key=f"corner_{corner}")
        assert button.label == f"{words} ({counts[corner]:,})"
        button.click().run()
        assert not test.exception
        assert sel(test) == f"{corner_region(corner)}~"
        # the reasons are those of an image of this corner
        assert quadrant_of(planted).corner[planted.dataset.ids.index(test.selectbox(key="agreement_image").value)] == corner
    test.button(key="agreement_clear").click().run()
    assert "sel" not in test.query_params


def test_a_selection_is_kept_over_a_change_of_page(planted, served):
    served()
    test = opened()
    test.button(key=f"corner_{CLEAN_LABEL}").click().run()
    test.switch_page(str(ROOT / "pages" / "gallery.py")).run().run()
    test.switch_page(str(ROOT / "pages" / "agreement.py")).run().run()
    assert test.button(key="agreement_clear")
    assert sel(test) == f"{corner_region(CLEAN_LABEL)}~"


def test_an_address_opens_the_image_and_the_region(planted, served):
    served()
    name = planted.dataset.ids[123]
    test = opened(page="agreement", sel=name)
    assert test.selectbox(key="agreement_image").value == name
    assert sel(test) == name
    region = encode([(-2, -2), (2, -2), (2, 0.5)])
    test = opened(page="agreement", sel=f"{region}~{name}")
    assert test.selectbox(key="agreement_image").value == name
    assert sel(test) == f"{region}~{name}"


@pytest.mark.parametrize("asked", ["~", "AAAA~no such image", "nothing", "é~é", "~" * 400])
def test_a_broken_address_is_no_fault(planted, served, asked):
    served()
    test = opened(page="agreement", sel=asked)
    assert not test.exception
    assert test.title[0].value == "Agreement"
    assert "agreement_clear" not in {button.key for button in test.button}


def test_choosing_an_image_tells_its_reasons(planted, served):
    served()
    test = opened()
    box = test.selectbox(key="agreement_image")
    before = list(reasons_table(test)["what it says here"])
    box.select(box.options[40]).run()
    assert not test.exception
    assert sel(test) == box.options[40]
    assert list(reasons_table(test)["what it says here"]) != before


def test_both_ways_to_compare(planted, served):
    served()
    test = opened()
    assert "by chance" in shown(test)
    test.button_group(key="agreement_kind").set_value("Same order of all images").run()
    assert not test.exception
    assert "Spearman" in shown(test)


def test_without_the_axes_it_says_what_to_do_and_shows_the_rest(served, workspace):
    served(lambda inspection: replace(inspection, content=None, artifact=None))
    test = opened()
    assert not test.exception
    assert "Scan the set again" in test.info[0].value
    assert "What each detector cannot see" in shown(test)


def test_while_the_search_is_at_work_it_says_so(served, workspace, monkeypatch):
    made = served(lambda inspection: replace(inspection, content=None, artifact=None))
    monkeypatch.setattr(made, "scan_state", lambda identity: ui.app.services.State("running", "score"))
    monkeypatch.setattr("ui.app.services.services", lambda: made)
    assert "still at work" in opened().info[0].value


def test_nothing_found_is_said_calmly(planted, served):
    def calm(inspection: Inspection) -> Inspection:
        n = len(inspection.dataset)
        low = np.full(n, 0.001, np.float32)
        return replace(inspection, content=low, artifact=low, suspicion=low, verdicts=np.zeros(n, np.int8), findings=())

    served(calm)
    test = opened()
    assert not test.exception
    assert "lies in the clean corner" in shown(test)
    assert test.button(key=f"corner_{POISON}").disabled


# ---- in a browser


@pytest.mark.browser
@MARKS[1]
def test_a_drawn_box_shows_exactly_its_images(page, tmp_path, workspace, planted):
    with running_app(tmp_path, workspace) as app:
        page.goto(f"{app.address}/agreement")
        plot = page.locator(".js-plotly-plot").first.locator(".nsewdrag").first
        plot.wait_for(timeout=60_000)
        page.locator(".js-plotly-plot .annotation").first.wait_for()
        box = plot.bounding_box()

        def at(fx: float, fy: float) -> tuple[float, float]:
            return box["x"] + fx * box["width"], box["y"] + fy * box["height"]

        # the upper right quarter, from the middle of the chart outwards: poison with a wrong label
        page.mouse.move(*at(0.51, 0.03))
        page.mouse.down()
        page.mouse.move(*at(0.7, 0.2), steps=4)
        page.mouse.move(*at(0.99, 0.49), steps=4)
        page.mouse.up()
        page.get_by_role("button", name="Clear selection").wait_for(timeout=60_000)
        quadrant = quadrant_of(planted)
        region = page.url.split("sel=")[1].split("~")[0].split("%7E")[0]
        rows = rows_in_region(quadrant, region)
        assert set(rows.tolist()) == set(np.flatnonzero(quadrant.corner == POISON).tolist())
        page.get_by_text(f"{len(rows):,} images selected").wait_for(timeout=60_000)
        worst = rows[np.argsort(-planted.suspicion[rows], kind="stable")]
        for row in worst[:3]:
            page.get_by_text(planted.dataset.ids[row], exact=True).first.wait_for()
        assert page.get_by_test_id("stException").count() == 0
        # the same address opens the same images again
        address = page.url
        page.goto("about:blank")
        page.goto(address)
        page.get_by_text(f"{len(rows):,} images selected").wait_for(timeout=60_000)


@pytest.mark.browser
@MARKS[1]
def test_a_clicked_point_tells_its_reasons(page, tmp_path, workspace, planted):
    with running_app(tmp_path, workspace) as app:
        page.goto(f"{app.address}/agreement?dataset={planted.key}&page=agreement&sel={corner_region(CLEAN_LABEL)}~")
        page.get_by_role("button", name="Clear selection").wait_for(timeout=60_000)
        # Streamlit lets a click choose a point only where the mouse does not draw
        page.get_by_role("radio", name="Click").click()
        page.wait_for_function("() => document.querySelector('.js-plotly-plot')?._fullLayout?.clickmode === 'event+select'", timeout=60_000)
        # the first of the diamonds, clicked where the browser drew it
        place = page.evaluate(
            """() => { const plot = document.querySelector('.js-plotly-plot');
                       const trace = plot.data.findIndex((t) => t.name === 'poison, right label');
                       const spot = plot.querySelectorAll('.scatterlayer .trace')[trace].querySelector('.point').getBoundingClientRect();
                       return [spot.x + spot.width / 2, spot.y + spot.height / 2]; }"""
        )
        page.mouse.move(place[0] - 20, place[1])
        page.mouse.move(*place)
        page.locator(".js-plotly-plot .hoverlayer .hovertext").first.wait_for()
        drawn = quadrant_of(planted).drawn
        name = planted.dataset.ids[drawn[planted.verdicts[drawn] == VERDICTS.index("clean_label_poison")][0]]
        # a click before Streamlit listens to the new picture does not count; it is made again
        for _ in range(4):
            page.mouse.click(*place)
            with contextlib.suppress(TimeoutError):
                page.wait_for_function("(name) => location.href.includes(name)", arg=name, timeout=60_000)
                return
        raise AssertionError(f"no click chose {name}: {page.url}")


def test_the_image_in_view_is_looked_at_closely(planted, served):
    served()
    test = opened()
    looked = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ui.widgets.inspector.inspector", lambda inspection, row, *, key: looked.append(row))
        test.button(key="agreement_inspect").click().run()
    assert not test.exception
    assert [planted.dataset.ids[row] for row in looked] == [test.selectbox(key="agreement_image").value]
