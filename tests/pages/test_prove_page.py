"""The Prove page: it says what it does, follows the training, shows what came out, and stands again after another page."""

from __future__ import annotations

import json
import os
import shutil
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

import ui.app.services
from core.files.atomic import write_json
from core.proofs.folder import ProofFolder, proofs_of, remember_proof
from core.proofs.options import ProveOptions
from core.proofs.proof import prove
from core.reviews.log import Reviews
from core.scans.pipeline import newest_scan
from core.workspace.progress import State
from core.workspace.workspace import Workspace
from tests.support.app_server import ROOT
from ui.charts.proof_views import (
    COLOURS,
    curves_figure,
    enlarged,
    how_it_was_done,
    rows_in_words,
    seconds_expected,
    verdict,
)

QUICK = ProveOptions(seeds=1, epochs=1, device="cpu")


@pytest.fixture(scope="module")
def proved(tmp_path_factory: pytest.TempPathFactory, demo_workspace: Path) -> Path:
    """A workspace with a scan of the demo and a hasty proof of it."""
    workspace = tmp_path_factory.mktemp("proved") / "workspace"
    shutil.copytree(demo_workspace, workspace)
    found = Workspace(workspace)
    key = newest_scan(found, "demo")
    assert key is not None
    prove(key, QUICK, found)
    return workspace


@pytest.fixture
def served(app_over, tmp_path):
    """The app's services over a copy of a workspace."""
    return lambda workspace: app_over(Path(shutil.copytree(workspace, tmp_path / "workspace")))


def page_of(test: AppTest) -> AppTest:
    return test.switch_page(str(ROOT / "pages" / "prove.py")).run()


def at() -> AppTest:
    return page_of(AppTest.from_file(str(ROOT / "ui" / "shell.py"), default_timeout=180).run())


def said(test: AppTest) -> str:
    return "\n".join(part.value for part in (*test.markdown, *test.subheader, *test.info, *test.caption, *test.warning, *test.error))


def stand(made: Any, **state: Any) -> None:
    """Write into the newest proof how it stands, and take its result away."""
    key = made.newest_key("demo")
    folder = made.proof(key).root
    (folder / "result.json").unlink(missing_ok=True)
    write_json(folder / "progress.json", asdict(replace(State("running", "prove", 300, 1000, 50.0, 14.0), **state)))


# ---- the page


def test_before_a_proof_it_says_what_it_does(served, demo_workspace):
    served(demo_workspace)
    test = at()
    assert not test.exception
    words = said(test)
    assert "Does cleansing help?" in words and "Attack success" in words and "this takes about" in words
    assert test.button(key="start_proof").label == "Train the victims"


def test_the_button_starts_the_command_line(served, demo_workspace, monkeypatch):
    made = served(demo_workspace)
    started: list[tuple[str, int]] = []
    monkeypatch.setattr(made, "start_proof", lambda key, *, seeds: started.append((key, seeds)))
    test = at()
    test.selectbox(key="proof_seeds").set_value(5).run()
    test.button(key="start_proof").click().run()
    assert not test.exception and started == [(made.newest_key("demo"), 5)]


def test_results_stand_and_stand_again_after_another_page(served, proved):
    made = served(proved)
    test = at()
    test.switch_page(str(ROOT / "pages" / "gallery.py")).run()
    page_of(test).run()
    assert not test.exception
    result = made.proof(made.newest_key("demo")).result()
    words = said(test)
    assert "With the trigger on them" in words and "badnets" in words and "The trigger at work" in words
    table = test.dataframe[0].value
    assert list(table["Training set"]) == ["As given", "After automatic cleansing", "As you decided", "Known poison removed"]
    assert table["Accuracy"][0] == f"{100 * result['as_given']['accuracy']:.1f} %"
    assert test.query_params["dataset"] == made.newest_key("demo") and test.query_params["page"] == "prove"
    assert not test.info, "nothing was decided since"


def test_an_address_opens_it(served, proved):
    made = served(proved)
    test = AppTest.from_file(str(ROOT / "ui" / "shell.py"), default_timeout=180)
    test.query_params["page"], test.query_params["dataset"] = "prove", made.newest_key("demo")
    page_of(test.run())
    assert not test.exception and test.title[0].value == "Prove" and len(test.dataframe) == 1


def test_a_decision_since_is_said(served, proved):
    made = served(proved)
    inspection = made.inspection(made.newest_key("demo"))
    reviews = Reviews(made.workspace.reviews_path)
    reviews.decide(inspection.dataset.digest, [inspection.dataset.ids[0]], "exclude", reviewer="Ada")
    test = at()
    assert not test.exception and "Decisions have been taken or undone since" in test.info[0].value


def test_a_running_proof_of_another_process_is_followed_and_cancelled(served, proved, monkeypatch):
    made = served(proved)
    stand(made, pid=os.getpid())
    asked: list[tuple[int, int]] = []
    monkeypatch.setattr("core.workspace.jobs.os.kill", lambda pid, sig: asked.append((pid, int(sig))))
    test = at()
    assert not test.exception
    assert any(button.key == "cancel_proof" for button in test.button) and not any(button.key == "start_proof" for button in test.button)
    test.button(key="cancel_proof").click().run()
    assert (os.getpid(), 15) in asked


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ({"state": "running", "pid": 2**22 + 1}, "interrupted"),
        ({"state": "cancelled"}, "was cancelled"),
        ({"state": "failed", "message": "the disk is <b>full</b>"}, "the disk is"),
    ],
    ids=["killed", "cancelled", "failed"],
)
def test_a_proof_that_ended_early_can_go_on(served, proved, state, words):
    made = served(proved)
    stand(made, **state)
    test = at()
    assert not test.exception and words in said(test) and "<b>" not in said(test)
    assert test.button(key="start_proof").label == "Go on with the training"


def test_an_empty_workspace_says_what_to_do(served, tmp_path):
    (tmp_path / "empty").mkdir()
    served(tmp_path / "empty")
    test = at()
    assert not test.exception and "scanned" in test.info[0].value


def test_the_app_trains_and_a_new_app_finds_it(served, demo_workspace, monkeypatch):
    made = served(demo_workspace)
    key = made.newest_key("demo")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    made.start_proof(key, seeds=1)
    assert made.proof_state(key).state == "running"
    other = ui.app.services.AppServices(made.workspace, "demo")
    for _ in range(600):
        found = other.proof_state(key)
        if found is not None and found.state == "running" and found.done:
            break
        time.sleep(0.1)
    assert found is not None and found.state == "running", "an app that did not start it sees it at work"
    other.cancel_proof(key)
    for _ in range(300):
        if made.proof_state(key).state != "running":
            break
        time.sleep(0.1)
    assert made.proof_state(key).state == "cancelled" and other.proof_state(key).state == "cancelled"


# ---- its parts


def hostile(result: dict[str, Any]) -> dict[str, Any]:
    return {**result, "trigger": {**result["trigger"], "target": "<b>x</b>[a](http://e)", "words": "<script>"}}


def test_words_say_the_numbers_and_tame_the_names(proved):
    found = Workspace(proved)
    key = newest_scan(found, "demo")
    result = ProofFolder(found.proof_dir(proofs_of(found, key)[-1])).result()
    text = verdict(hostile(result))
    assert "<b>" not in text.replace("\\<b\\>", "") and "](http" not in text.replace("\\]\\(http", "")
    assert all("<script>" not in line.replace("\\<script\\>", "") for line in how_it_was_done(hostile(result)))
    assert f"{100 * result['as_given']['attack_success']:.1f} %" in verdict(result)
    unknown = {
        **result,
        "truth_removed": None,
        "as_given": {**result["as_given"], "attack_success": None},
        "trigger": {"reason": "none is known", "how": None},
    }
    assert "No attack was tried: none is known" in verdict(unknown)
    assert rows_in_words(unknown)[3]["Accuracy"] == "truth is not known"
    assert "nothing was decided yet" in rows_in_words(result)[2]["What it is"]


def test_curves_have_a_band_where_two_seeds_are_there():
    curves = {
        "as_given/0": {"accuracy": [0.5, 0.7, 0.9], "attack_success": [0.1, 0.9, 1.0]},
        "as_given/1": {"accuracy": [0.6, 0.8], "attack_success": [0.2, 0.8]},
        "cleansed/0": {"accuracy": [0.4], "attack_success": [0.0]},
    }
    figure = curves_figure(curves, "accuracy", 3)
    lines = {trace.name: trace for trace in figure.data if trace.name}
    assert set(lines) == {"As given", "After automatic cleansing"}
    assert lines["As given"].y == pytest.approx((55, 75, 90)) and lines["As given"].line.color == COLOURS["as_given"]
    bands = [trace for trace in figure.data if trace.fill == "toself"]
    assert len(bands) == 1 and tuple(bands[0].x) == (1, 2, 2, 1)
    assert max(bands[0].y) == pytest.approx(100) and min(bands[0].y) == pytest.approx(0)
    assert len(curves_figure({}, "accuracy", 3).data) == 0


@pytest.mark.parametrize("side", [16, 32, 64])
def test_pictures_are_enlarged_by_whole_pixels(side):
    pair = np.random.default_rng(0).integers(0, 256, (2, side, side, 3), dtype=np.uint8)
    shown = enlarged(pair)
    factor = shown.shape[0] // side
    assert factor >= 1 and shown.shape == (side * factor, 2 * side * factor + 4, 4)
    assert (shown[::factor, : side * factor : factor, :3] == pair[0]).all()
    assert (shown[factor - 1 :: factor, side * factor + 4 + factor - 1 :: factor, :3] == pair[1]).all()
    assert (shown[:, side * factor : side * factor + 4, 3] == 0).all()


def test_more_work_is_said_to_take_longer():
    assert (
        seconds_expected(50_000, 32, 3, known=True)
        > seconds_expected(1_500, 32, 3, known=True)
        > seconds_expected(1_500, 32, 1, known=True)
        > 20
    )


def test_the_list_of_proofs_names_each_once(tmp_path):
    found = Workspace(tmp_path)
    for key in ("aa", "bb", "aa"):
        remember_proof(found, "cc", key)
    assert proofs_of(found, "cc") == ["bb", "aa"]
    assert json.loads((tmp_path / "proofs" / "scan-cc.json").read_text()) == {"proofs": ["bb", "aa"]}
