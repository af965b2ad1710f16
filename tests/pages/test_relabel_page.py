"""The Relabel page: its orders, what it proposes, and many proposals accepted at once after an audit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core.cleansing.rule import KEEP, PROPOSALS, RELABEL, propose
from core.reviews.log import Reviews, fold
from core.reviews.order import review_order
from core.scans.pipeline import inspection_of, newest_scan
from core.types import VERDICTS
from core.workspace.workspace import Workspace
from tests.support.app_server import ROOT, running_app
from tests.support.component_harness.fake import make_inspection
from tests.support.component_harness.hands import MARKS, READY
from ui.widgets.audit import decided_together
from ui.widgets.proposal_audit import GROUP, counts_by_class, in_words, proposal_group, sure_rows

pytest_plugins = ["tests.support.component_harness.browser", "tests.support.component_harness.client"]


def inspection_in(workspace: Path):
    found = Workspace(workspace)
    return inspection_of(found, newest_scan(found, "demo"))


# ---- the group that is accepted


def a_group():
    """A made-up scan with hostile class names, in which all three proposals occur."""
    inspection = make_inspection(400)
    right = inspection.is_suspicious & (np.cumsum(inspection.is_suspicious) % 2 == 0)
    verdicts = np.where(right, VERDICTS.index("clean_label_poison"), inspection.verdicts).astype(np.int8)
    inspection = replace(inspection, verdicts=verdicts)
    made = propose(inspection)
    assert {PROPOSALS[a] for a in made.actions} == set(PROPOSALS)
    return inspection, made


def test_the_group_is_all_proposals_that_are_sure_enough_and_says_what_becomes_of_each():
    inspection, made = a_group()
    group = proposal_group(inspection, made, 80)
    expected = [row for row in range(400) if made.actions[row] != KEEP and round(float(made.confidence[row]), 4) >= 0.8]
    assert group.rows.tolist() == expected and len(expected) > 5
    (accept,) = group.actions
    assert accept["rows"] == expected and accept["undecided"]
    for row, action, label in zip(expected, accept["actions"], accept["labels"], strict=True):
        assert action == PROPOSALS[made.actions[row]]
        assert label == (int(made.labels[row]) if made.actions[row] == RELABEL else None)
    asked = dict(zip(group.drawn.tolist(), group.shown, strict=True))
    for row, said in asked.items():
        words = "".join(part if isinstance(part, str) else part["name"] for part in said["question"])
        assert words == (
            f"Should this image be labelled {inspection.dataset.classes[made.labels[row]]}?"
            if made.actions[row] == RELABEL
            else "Should this image be left out?"
        )


def test_nobody_can_draw_again_by_moving_the_confidence():
    inspection, made = a_group()
    wide, narrow = proposal_group(inspection, made, 70), proposal_group(inspection, made, 85)
    kept = [row for row in wide.drawn.tolist() if row in narrow.rows]
    assert narrow.drawn.tolist()[: len(kept)] == kept and len(kept) > 3
    assert wide.name == narrow.name and wide.mark != narrow.mark
    other = replace(inspection, dataset=replace(inspection.dataset, digest="0" * 32))
    assert proposal_group(other, made, 70).drawn.tolist() != wide.drawn.tolist()


def test_a_confidence_of_exactly_the_threshold_is_enough():
    _, made = a_group()
    at = replace(made, confidence=np.full(400, 0.9, np.float32))
    assert len(sure_rows(at, 90)) == int((made.actions != KEEP).sum()) and len(sure_rows(at, 91)) == 0


def test_the_counts_add_up_and_hostile_names_stay_text():
    inspection, made = a_group()
    rows = sure_rows(made, 60)
    table = counts_by_class(inspection, made, rows)
    assert sum(line["relabelled"] for line in table) == int((made.actions[rows] == RELABEL).sum())
    assert sum(line["relabelled"] + line["left out"] for line in table) == len(rows)
    assert "<b>ship</b>" in {line["given label"] for line in table}
    # the sentence, which is Markdown, holds no names at all
    undecided = np.ones(400, bool)
    undecided[rows[:2]] = False
    words = in_words(made, rows, undecided, 60)
    assert f"**{len(rows) - 2}** undecided images" in words and "2 more are decided already" in words and "<b>" not in words
    assert "decided already" in in_words(made, rows, np.zeros(400, bool), 60)
    assert "Move the slider" in in_words(made, rows[:0], undecided, 100)


def test_what_was_accepted_together_is_known_again_whatever_the_confidence(services, inspection, decide):
    note = "proposals from 90 %, audit: 19 of 20 right, 95 % interval 76–100 % of 129"
    answer = decide(rows=[1, 2], actions=["relabel", "exclude"], labels=[4, None], note=note, group=GROUP, undecided=True).json()
    log = services.reviews().log(inspection.dataset.digest)
    standing = decided_together(log, inspection, GROUP)
    assert (standing["event"], standing["action"], standing["images"]) == (answer["event"], "mixed", 2)
    decide("/api/undo", event=answer["event"])
    assert decided_together(services.reviews().log(inspection.dataset.digest), inspection, GROUP) is None


# ---- the page


def page_of(test: AppTest) -> AppTest:
    return test.switch_page(str(ROOT / "pages" / "relabel.py")).run()


def at() -> AppTest:
    return page_of(AppTest.from_file(str(ROOT / "ui" / "shell.py"), default_timeout=180).run())


def review(test: AppTest):
    return next(box for box in test.selectbox if box.label == "Review")


def test_most_harm_comes_first_and_a_choice_outlives_a_change_of_page(app_over, workspace):
    app_over(workspace)
    test = at()
    assert review(test).value == "suspicious, most harm first"
    inspection = inspection_in(workspace)
    shown = test.session_state["harm_order"][inspection.key]
    assert shown.tolist() == review_order(inspection, propose(inspection).confidence).rows.tolist()
    review(test).select("suspicious, most suspicious first").run()
    test.switch_page(str(ROOT / "pages" / "gallery.py")).run()
    page_of(test).run()
    assert not test.exception
    assert review(test).value == "suspicious, most suspicious first"


def test_decided_suspects_come_last_when_the_order_is_made(app_over, workspace):
    inspection = inspection_in(workspace)
    first = review_order(inspection, propose(inspection).confidence).rows[:3]
    made = app_over(workspace)
    made.reviews().decide(inspection.dataset.digest, [inspection.dataset.ids[row] for row in first], "keep", reviewer="Bob")
    shown = at().session_state["harm_order"][inspection.key]
    assert set(shown[-3:].tolist()) == set(first.tolist())
    assert sorted(shown.tolist()) == np.flatnonzero(inspection.is_suspicious).tolist()


def test_an_address_of_before_opens_what_it_opened_then(app_over, workspace):
    app_over(workspace)
    test = AppTest.from_file(str(ROOT / "ui" / "shell.py"), default_timeout=180)
    test.query_params["page"], test.query_params["sel"] = "relabel", "3.0"
    page_of(test.run())
    assert review(test).value == "suspicious, most suspicious first"


def test_many_at_once_counts_and_stands_again_after_another_page(app_over, workspace):
    made = app_over(workspace)
    inspection = inspection_in(workspace)
    rows = sure_rows(propose(inspection), 95)
    made.reviews().decide(inspection.dataset.digest, [inspection.dataset.ids[rows[0]]], "keep", reviewer="Bob")
    test = at()
    assert not test.slider
    # left open, and come back to
    test.session_state["accept_many_open"] = True
    test.switch_page(str(ROOT / "pages" / "gallery.py")).run()
    page_of(test).run()
    test.slider[0].set_value(95).run()
    test.switch_page(str(ROOT / "pages" / "gallery.py")).run()
    page_of(test).run()
    assert not test.exception
    assert test.slider[0].value == 95
    words = " ".join(part.value for part in test.markdown)
    assert f"**{len(rows) - 1}** undecided images" in words and "1 more is decided already" in words
    table = test.dataframe[0].value
    assert int(table["relabelled"].sum() + table["left out"].sum()) == len(rows) - 1


# ---- in a browser


class TestInABrowser:
    pytestmark = MARKS

    @pytest.fixture
    def app(self, tmp_path, workspace):
        with running_app(tmp_path, workspace) as served:
            yield served

    def answer(self, page, number: int, key: str) -> None:
        """Press `key` until answer `number` has been taken: a press before the image is on screen does not count."""
        dots = page.locator(".audit .dot.good, .audit .dot.bad, .audit .dot.warn")
        for _ in range(60):
            if dots.count() >= number:
                return
            page.keyboard.press(key)
            page.wait_for_timeout(50)
        raise AssertionError(f"answer {number} was not taken")

    def test_audit_accept_all_and_undo_leave_what_people_decided(self, page, app):
        inspection = inspection_in(app.workspace)
        made, ids = propose(inspection), inspection.dataset.ids
        rows = sure_rows(made, 90)
        reviews = Reviews(Workspace(app.workspace).reviews_path)
        page.goto(f"{app.address}/relabel")
        page.wait_for_selector(READY, timeout=60_000)
        page.locator("#reviewer").fill("Ada")
        page.locator("#reviewer").press("Enter")
        page.get_by_text("Accept many proposals at once").click()
        page.get_by_role("button", name="Start the audit").click()
        # meanwhile somebody else decides one of them
        reviews.decide(inspection.dataset.digest, [ids[rows[0]]], "keep", reviewer="Bob")
        assert page.get_by_role("button", name="Accept all").count() == 0
        for number in range(1, 21):
            # two answers in one step cannot be told apart, so each is waited for
            self.answer(page, number, "s" if number == 2 else "r")
            assert page.locator(".audit .dot.good, .audit .dot.bad, .audit .dot.warn").count() == number
        page.get_by_text("19 of 20 are right (1 not sure, counted as wrong)").wait_for()
        page.get_by_role("button", name=f"Accept all {len(rows) - 1}").click()
        page.locator(".audit .notice button:enabled").wait_for()
        page.get_by_text(f"{len(rows)} of {int(inspection.is_suspicious.sum())} suspicious images decided").wait_for()
        # the keys are not left in the void: one Tab leads to Undo, which a held Enter must not reach
        page.wait_for_function("() => document.activeElement.shadowRoot?.activeElement?.matches('.audit')")
        page.keyboard.press("Tab")
        page.wait_for_function("() => document.activeElement.shadowRoot?.activeElement?.textContent === 'Undo'")
        state = fold(reviews.log(inspection.dataset.digest))
        assert state[ids[rows[0]]].reviewer == "Bob" and len(state) == len(rows)
        for row in rows[1:]:
            line = state[ids[row]]
            assert (line.action, line.reviewer) == (PROPOSALS[made.actions[row]], "Ada")
            assert line.label == (inspection.dataset.classes[made.labels[row]] if made.actions[row] == RELABEL else "")
        assert len({line.event for line in state.values()}) == 2
        assert {line.action for line in state.values()} == {"keep"} | {PROPOSALS[made.actions[row]] for row in rows[1:]}
        assert state[ids[rows[1]]].note.startswith("proposals from 90 %, audit: 19 of 20 right, 95 % interval")
        # the sidebar hears of it
        page.get_by_text(f"{len(rows)} of {int(inspection.is_suspicious.sum())} suspicious images decided").wait_for()
        page.locator(".audit .notice button:enabled").click()
        page.locator(".audit .notice").wait_for(state="hidden")
        page.get_by_text(f"1 of {int(inspection.is_suspicious.sum())} suspicious images decided").wait_for()
        assert {d.reviewer for d in fold(reviews.log(inspection.dataset.digest)).values()} == {"Bob"}
        reviews.close()

    def test_moving_the_confidence_keeps_the_answers(self, page, app):
        page.goto(f"{app.address}/relabel")
        page.wait_for_selector(READY, timeout=60_000)
        page.locator("#reviewer").fill("Ada")
        page.locator("#reviewer").press("Enter")
        page.get_by_text("Accept many proposals at once").click()
        page.get_by_role("button", name="Start the audit").click()
        for number in range(1, 7):
            self.answer(page, number, "w" if number % 2 else "r")
        made = propose(inspection_in(app.workspace))
        slider = page.get_by_role("slider")
        slider.focus()
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowRight")
        page.get_by_text("92 % sure:").wait_for()
        assert slider.evaluate("(node) => node === document.activeElement")
        inspection = inspection_in(app.workspace)
        before, after = (proposal_group(inspection, made, p).drawn.tolist() for p in (90, 92))
        expected = [("bad" if place % 2 == 0 else "good") for place, row in enumerate(before[:6]) if row in after[:20]]
        page.wait_for_function(
            "(n) => [...document.querySelectorAll('*')].some((e) => e.shadowRoot?.querySelectorAll('.audit .dot.good, .audit .dot.bad').length === n)",
            arg=len(expected),
        )
        assert page.locator(".audit .dot.bad").count() == expected.count("bad")
