"""Overview: what was found in one glance, the one thing to do next, and where a trained network disagrees."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from streamlit.testing.v1 import AppTest

from core.evaluation import headline
from core.reviews import Reviews
from core.scans import inspection_of, newest_scan
from core.sensitivity import KINDS
from core.types import Inspection
from core.workspace import Workspace
from tests.support.app_server import ROOT
from tests.support.finding_toys import a_finding
from ui.widgets.verdict_card import verdict_card


def at(page: str = "overview") -> AppTest:
    test = AppTest.from_file(str(ROOT / "ui" / "shell.py"), default_timeout=180).run()
    return test if page == "overview" else test.switch_page(str(ROOT / "pages" / f"{page}.py")).run()


def demo_in(workspace: Path) -> Inspection:
    home = Workspace(workspace)
    found = inspection_of(home, newest_scan(home, "demo"))
    assert found is not None
    return found


def html(test: AppTest) -> str:
    return "\n".join(part.proto.body for part in test.get("html"))


def test_the_demo_is_told_in_one_line_with_its_images(app_over, workspace):
    app_over(workspace)
    test, found = at(), demo_in(workspace)
    assert not test.exception and not test.warning
    shown = html(test)
    n = len(found.findings[0].rows)
    assert f"{n} images labelled “0” carry the same small patch." in shown and "Backdoor found" in shown
    assert shown.count("/api/thumb/") >= 6 and f"/api/finding/{found.key}/t1/looks.png" in shown
    assert "images more look mislabelled" in shown
    assert next(b.label for b in test.button if b.key and b.key.startswith("go_")) == f"Review the {n} together"
    assert f"Review · 0 of {int(found.is_suspicious.sum())}" in shown
    assert any("Embedder gradients: images are small" in caption.value.replace("\\", "") for caption in test.caption)


def test_when_all_is_decided_it_says_what_comes_next(app_over, workspace):
    found = demo_in(workspace)
    rows = np.flatnonzero(found.is_suspicious)
    reviews = Reviews(Workspace(workspace).reviews_path)
    reviews.decide(found.dataset.digest, [found.dataset.ids[row] for row in rows], "exclude", reviewer="Ada")
    reviews.close()
    app_over(workspace)
    test = at()
    assert not test.exception and f"All {len(rows)} suspicious images are decided" in test.success[0].value
    assert [b.label for b in test.button if b.key and b.key.startswith("go_")] == ["Prove it", "Export the cleansed set"]


def silent(inspection: Inspection) -> Inspection:
    """The same scan, in which nothing was found."""
    n = len(inspection.dataset)
    none = np.zeros(n, np.float32)
    return replace(inspection, findings=(), suspicion=none, content=none, artifact=none, verdicts=np.zeros(n, np.int8), scores={})


def dissenting(inspection: Inspection) -> Inspection:
    """Nothing was found, and yet a trained network parts a class in two."""
    score = np.zeros(len(inspection.dataset), np.float32)
    score[np.flatnonzero(inspection.dataset.labels == 4)[:30]] = 5.0
    return replace(silent(inspection), scores={"scan": score})


def test_a_set_in_which_nothing_was_found_is_not_called_clean(app_over, workspace):
    app_over(workspace, change=silent)
    test = at()
    assert not test.exception and not test.warning
    assert "Nothing in this set stands out." in html(test) and "not proof" in html(test)
    triggers = at("triggers")
    assert not triggers.exception and not triggers.success
    assert "How small a pattern it would have found in this set is not known" in triggers.info[0].value
    assert "unlikely" not in " ".join(part.value for part in (*triggers.markdown, *triggers.info))


def test_where_a_trained_network_disagrees_the_first_line_says_so(app_over, workspace):
    app_over(workspace, change=dissenting)
    for page in ("overview", "triggers"):
        test = at(page)
        assert not test.exception
        assert "A trained network sees two kinds of images in **4** (30 of" in test.warning[0].value


def test_what_was_measured_is_told_with_its_numbers(app_over, workspace, monkeypatch):
    services = app_over(workspace, change=silent)
    kinds = {kind: {"title": KINDS[kind].title, "tried": [{"images": 24, "found": 2, "of": 2}], "smallest": 24} for kind in KINDS}
    monkeypatch.setattr(services, "sensitivity", lambda key: {"kinds": kinds})
    monkeypatch.setattr("ui.widgets.doubts.services", lambda: services)
    test = at("triggers")
    assert not test.exception and "is measured below" in test.success[0].value
    assert "found from 24 images of a class on" in " ".join(part.value for part in test.markdown).replace("\\", "")


def test_names_of_a_hostile_set_stay_text(app_over, workspace):
    found = demo_in(workspace)
    evil = "<script>alert(1)</script>"
    hostile = replace(found, dataset=replace(found.dataset, classes=(evil, *found.dataset.classes[1:])))
    hostile = replace(hostile, findings=(a_finding(len(found.dataset), np.flatnonzero(found.dataset.labels == 0)[:9]),))
    card = verdict_card(hostile, headline(hostile))
    assert "<script" not in card and "&lt;script&gt;" in card
