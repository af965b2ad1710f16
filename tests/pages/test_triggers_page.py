"""The Triggers page: it stands, stands again, says what to do when empty; the audit in a browser."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core.reviews.log import Reviews, fold
from core.scans.pipeline import inspection_of, newest_scan, open_dataset
from core.scans.stored import truth_of
from core.workspace.workspace import Workspace
from tests.support.app_server import ROOT, running_app
from tests.support.component_harness.fake import make_inspection
from tests.support.component_harness.hands import MARKS
from tests.support.finding_toys import a_finding
from tests.support.finding_toys import plant as plant_patterns
from ui.api.inspector_facts import inspector_item
from ui.api.queue_items import queue_item
from ui.widgets.trigger_views import facts, one_line, score_histogram

pytest_plugins = ["tests.support.component_harness.browser"]

# ---- a scan with findings


def carriers_of(inspection) -> np.ndarray:
    """Rows of the demo that really carry its patch: poisoned, and labelled as the attack's target."""
    truth = truth_of(inspection.dataset, open_dataset("demo"))
    return np.flatnonzero(truth.is_poisoned & (inspection.dataset.labels == 0))


def plant(workspace: Path, make) -> None:
    """Write what `make(inspection)` finds into the scan, as the scan itself would."""
    found = Workspace(workspace)
    key = newest_scan(found, "demo")
    inspection = inspection_of(found, key)
    n = len(inspection.dataset)
    columns = {"suspicion": np.array(inspection.suspicion), "verdicts": np.array(inspection.verdicts)}
    columns |= {"content": np.zeros(n, np.float32), "artifact": np.zeros(n, np.float32)}
    plant_patterns(found, key, make(inspection), scores=dict(inspection.scores), threshold=inspection.threshold, **columns)


def two_findings(inspection):
    n, rows = len(inspection.dataset), carriers_of(inspection)
    return [
        a_finding(n, rows),
        a_finding(n, np.arange(5), trigger_id="t2", kind="moving_patch", label=3, places=np.full((5, 2), 9, np.int32), strength=6.5),
    ]


def page_of(test: AppTest) -> AppTest:
    return test.switch_page(str(ROOT / "pages" / "triggers.py")).run()


def at() -> AppTest:
    return page_of(AppTest.from_file(str(ROOT / "ui" / "shell.py"), default_timeout=180).run())


def said(test: AppTest) -> str:
    return "\n".join(part.value for part in (*test.markdown, *test.subheader, *test.info, *test.success))


# ---- the page


def test_the_page_stands_and_stands_again_after_another_page(app_over, workspace):
    plant(workspace, two_findings)
    app_over(workspace)
    test = at()
    test.radio(key="trigger_list").set_value("t2").run()
    test.switch_page(str(ROOT / "pages" / "gallery.py")).run()
    page_of(test).run()
    assert not test.exception
    assert test.radio(key="trigger_list").value == "t2"
    assert "t2: a small patch that changes its place → class 3" in said(test)


def test_one_finding_needs_no_list_and_is_told_in_words(app_over, workspace):
    plant(workspace, lambda inspection: two_findings(inspection)[:1])
    app_over(workspace)
    test = at()
    assert not test.exception and not [box for box in test.radio if box.key == "trigger_list"]
    words = said(test)
    carriers = len(carriers_of(inspection_of(Workspace(workspace), newest_scan(Workspace(workspace), "demo"))))
    assert f"**{carriers}** images carry the pattern" in words and "dirty-label" in words
    assert "**0.04 %**" in words and "counted on images that the pattern was not learnt from" in words


def test_an_address_opens_the_finding(app_over, workspace):
    plant(workspace, two_findings)
    app_over(workspace)
    test = AppTest.from_file(str(ROOT / "ui" / "shell.py"), default_timeout=180)
    test.query_params["page"], test.query_params["sel"] = "triggers", "t2"
    page_of(test.run())
    assert not test.exception
    assert test.radio(key="trigger_list").value == "t2"


def test_no_finding_is_said_calmly_with_what_cannot_be_seen(app_over, workspace):
    plant(workspace, lambda inspection: [])
    app_over(workspace)
    test = at()
    assert not test.exception and not test.error and not test.warning
    words = said(test)
    assert "Nothing was found that predicts a label without being content" in words
    for blind in ("label mistakes", "differ from image to image", "very few images", "smaller than"):
        assert blind in words


def a_group(inspection):
    n, rows = len(inspection.dataset), carriers_of(inspection)
    empty, scores = np.zeros((8, 8), np.float32), np.zeros(n, np.float32)
    scores[rows] = 1
    pictures = {"pattern": np.zeros((8, 8, 3), np.float32), "mask": empty, "z_map": empty, "spectrum": empty}
    return a_finding(n, rows, side=8, kind="group", row_scores=scores, threshold=0.5, contradicted=0.95, usual=0.04, **pictures)


def test_a_group_without_a_pattern_is_told_by_what_its_images_show_and_with_its_doubt(app_over, workspace):
    plant(workspace, lambda inspection: [a_group(inspection)])
    app_over(workspace)
    test = at()
    assert not test.exception
    inspection = inspection_of(Workspace(workspace), newest_scan(Workspace(workspace), "demo"))
    rows, words = carriers_of(inspection), said(test)
    assert f"**{len(rows)}** of {int((inspection.dataset.labels == 0).sum())} images labelled 0 stand apart" in words
    assert "**95 %** of them the content contradicts the label, for **4 %**" in words and "**Doubt**" in words
    most = int(np.bincount(inspection.suggestions.labels[rows]).argmax())
    assert f"They look like {inspection.dataset.classes[most]} (" in words
    assert "carry the pattern" not in words and "What their content looks like" in words
    item = inspector_item(inspection, int(rows[0]))
    assert item["findings"][0]["unseen"] and item["findings"][0]["score"] is None
    assert "stand apart from the others (t1)" in " ".join(queue_item(inspection, int(rows[0]))["why"])


def test_what_most_of_a_class_shares_is_listed_apart_and_is_no_poison(app_over, workspace):
    plant(workspace, lambda inspection: [a_finding(len(inspection.dataset), np.arange(5), trigger_id="s1", label=3, shortcut=True)])
    app_over(workspace)
    test = at()
    assert not test.exception
    assert "Shortcuts: what most of a class shares" in said(test) and "Nothing was found" in said(test)
    assert "class 3 · a small patch in one place · 5 of" in test.expander[0].label
    assert not inspection_of(Workspace(workspace), newest_scan(Workspace(workspace), "demo")).findings


def test_a_scan_without_this_stage_says_what_to_do(app_over, workspace):
    for file in Workspace(workspace).scan_dir(newest_scan(Workspace(workspace), "demo")).glob("fused*"):
        file.unlink()
    app_over(workspace)
    test = at()
    assert not test.exception
    assert "Scan the set again" in test.info[0].value


def test_an_empty_workspace_says_what_to_do(app_over, tmp_path):
    app_over(tmp_path / "empty")
    test = at()
    assert not test.exception
    assert "scanned" in test.info[0].value


# ---- words and chart


def test_hostile_class_names_stay_text():
    inspection = make_inspection(60)
    finding = replace(inspection.findings[0], label=2)
    assert "<b>" not in one_line(inspection, finding) and all("<b>" not in fact for fact in facts(inspection, finding))


@pytest.mark.parametrize(("share", "words"), [(0.97, "*dirty-label*"), (0.02, "*clean-label*"), (0.5, "a mixture")])
def test_the_kind_of_attack_is_said(share, words):
    inspection = make_inspection(60)
    assert any(words in fact for fact in facts(inspection, replace(inspection.findings[0], contradicted=share)))


def test_a_class_that_is_often_misread_does_not_make_right_labels_wrong():
    inspection = make_inspection(60)
    finding = replace(inspection.findings[0], contradicted=0.63, usual=0.61)
    said = next(fact for fact in facts(inspection, finding) if "contradicts" in fact)
    assert "*clean-label*" in said and "63" in said and "61" in said
    assert finding.mislabelled == pytest.approx(0.02 / 0.39)


def test_every_image_is_in_the_chart_once():
    finding = a_finding(500, np.arange(40), covers=np.arange(60, 67))
    figure = score_histogram(finding)
    assert [int(np.sum(bars.y)) for bars in figure.data] == [453, 7, 40]
    assert figure.layout.yaxis.type == "log" and figure.layout.shapes[0].x0 == finding.threshold


# ---- the audit in a browser


class TestInABrowser:
    pytestmark = MARKS

    @pytest.fixture
    def app(self, tmp_path, workspace):
        plant(workspace, two_findings)
        with running_app(tmp_path, workspace) as served:
            yield served

    def open(self, page, app) -> None:
        page.goto(f"{app.address}/triggers")
        page.locator(".evidence[data-taster-ready]").wait_for(timeout=60_000)
        page.locator("#reviewer").fill("Ada")
        page.locator("#reviewer").press("Enter")
        page.get_by_role("button", name="Start the audit").click()

    def answer(self, page, number: int, key: str) -> None:
        """Press `key` until answer `number` has been taken: a press before the image is on screen does not count."""
        page.wait_for_function(
            "(n) => [...document.querySelectorAll('*')].some((e) => e.shadowRoot?.querySelector('.audit .ask .marked svg') && e.shadowRoot.querySelectorAll('.audit .dot.good, .audit .dot.bad, .audit .dot.warn').length === n)",
            arg=number - 1,
        )
        dots = page.locator(".audit .dot.good, .audit .dot.bad, .audit .dot.warn")
        for _ in range(40):
            page.keyboard.press(key)
            page.wait_for_timeout(30)
            if dots.count() >= number:
                return
        raise AssertionError(f"answer {number} was not taken")

    def test_audit_then_decide_all_then_undo(self, page, app):
        found = Workspace(app.workspace)
        inspection = inspection_of(found, newest_scan(found, "demo"))
        rows = inspection.findings[0].rows
        ids = {inspection.dataset.ids[row] for row in rows}
        self.open(page, app)
        assert page.locator(".audit .choice").count() == 0
        for number in range(1, 21):
            self.answer(page, number, "s" if number == 5 else "p")
        page.get_by_text("19 of 20 are poisoned (1 not sure").wait_for()
        page.get_by_role("button", name=re.compile("^Relabel")).click()
        page.locator(".audit .notice").get_by_text("relabelled to their suggestions").wait_for()
        page.locator(".audit .notice button:enabled").wait_for()
        reviews = Reviews(found.reviews_path)
        log = reviews.log(inspection.dataset.digest)
        assert {line.image_id for line in log} <= ids and len({line.event for line in log}) == 1
        suggested = {inspection.dataset.ids[row]: inspection.dataset.classes[inspection.suggestions.labels[row]] for row in rows}
        assert all(line.action == "relabel" and line.label == suggested[line.image_id] for line in log)
        assert len({line.label for line in log}) > 1 and log[0].note.startswith("t1, audit: 19 of 20 poisoned, 95 % interval")
        # the page is opened again: the answers and the decision are still there
        page.reload()
        page.locator(".audit .notice").get_by_text("by Ada").wait_for(timeout=60_000)
        page.get_by_text("19 of 20 are poisoned").wait_for()
        page.locator(".audit .notice button:enabled").click()
        page.locator(".audit .notice").wait_for(state="hidden")
        page.wait_for_function(
            "() => [...document.querySelectorAll('*')].some((e) => /saved ✓ #/.test(e.shadowRoot?.querySelector('.audit .saved')?.textContent || ''))"
        )
        assert fold(reviews.log(inspection.dataset.digest)) == {}
        reviews.close()

    def test_a_held_key_answers_once(self, page, app):
        self.open(page, app)
        self.answer(page, 1, "p")
        page.locator(".audit .ask .marked svg").first.wait_for(state="attached")
        page.wait_for_timeout(300)
        for _ in range(10):
            # a key that is down already repeats
            page.keyboard.down("n")
            page.wait_for_timeout(40)
        page.keyboard.up("n")
        assert page.locator(".audit .dot.good").count() == 1

    def test_a_carrier_of_the_strip_is_looked_at_closely_by_key_and_one_of_the_gallery_by_mouse(self, page, app):
        page.goto(f"{app.address}/triggers")
        page.locator(".evidence[data-taster-ready]").wait_for(timeout=60_000)
        found = Workspace(app.workspace)
        rows = inspection_of(found, newest_scan(found, "demo")).findings[0].rows
        strongest = page.locator(".evidence .strip button").first
        strongest.focus()
        page.keyboard.press("Enter")
        page.locator(f'.inspect[data-row="{rows[0]}"][data-taster-ready="1"]').wait_for(timeout=60_000)
        page.keyboard.press("Escape")
        page.locator("[role=dialog]").wait_for(state="detached")
        page.wait_for_function(
            "() => [...document.querySelectorAll('*')].some((e) => e.shadowRoot?.activeElement?.matches('.strip button'))"
        )
        page.get_by_text("Show them as a gallery").click()
        tile = page.locator(".grid .tile").first
        for _ in range(2):
            tile.hover()
            tile.locator(".look").click()
            page.locator(f'.inspect[data-row="{rows[0]}"][data-taster-ready="1"]').wait_for(timeout=60_000)
            page.keyboard.press("Escape")
            page.locator("[role=dialog]").wait_for(state="detached")
