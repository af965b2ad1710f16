"""A thousand classes: every page stands, and sends no more to the browser than a list of their names takes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core.types import Inspection, Suggestions
from tests.support.app_server import ROOT
from tests.support.finding_toys import a_finding
from ui.charts.charts import confused_pairs

CLASSES = ("n02979186", *(f"class with a name of usual length {number}" for number in range(1, 1000)))
# a widget's own script goes with its data, and the quadrant's points with what each says under the mouse
MOST_BYTES = 600_000


def thousand(found: Inspection) -> Inspection:
    """The demo under a thousand labels, one of them a WordNet id, a quarter of its images suspicious."""
    n = len(found.dataset)
    labels = np.arange(n, dtype=np.int64) % len(CLASSES)
    suspicion = np.where(np.arange(n) % 4 == 0, 0.9, 0.1).astype(np.float32)
    assert found.evidence is not None
    return replace(
        found,
        dataset=replace(found.dataset, classes=CLASSES, labels=labels, truth=None),
        evidence=replace(found.evidence, classes=CLASSES, labels=labels),
        suspicion=suspicion,
        threshold=0.5,
        suggestions=Suggestions((labels * 7 + 3) % len(CLASSES), np.full(n, 0.95, np.float32)),
        findings=(a_finding(n, np.arange(0, 40, 4), label=0),),
    )


def sent(block: Any) -> int:
    """Bytes of all that a page hands to the browser."""
    own = block.proto.ByteSize() if getattr(block, "proto", None) is not None else 0
    return own + sum(map(sent, getattr(block, "children", {}).values()))


@pytest.mark.parametrize("page", ["overview", "map", "gallery", "relabel", "triggers", "agreement", "prove", "export"])
def test_a_page_of_a_thousand_classes_stands_and_stays_small(app_over, workspace, page):
    app_over(workspace, change=thousand)
    test = AppTest.from_file(str(ROOT / "ui" / "shell.py"), default_timeout=180).run()
    if page != "overview":
        test.switch_page(str(ROOT / "pages" / f"{page}.py")).run()
    assert not test.exception and not test.error
    assert 0 < sent(test.main) < MOST_BYTES


def test_class_lists_name_people_s_names_and_the_overview_tells_the_commonest_pairs(app_over, workspace):
    app_over(workspace, change=thousand)
    test = AppTest.from_file(str(ROOT / "ui" / "shell.py"), default_timeout=180).run()
    pairs = next(table.value for table in test.dataframe if "content looks like" in table.value)
    assert len(pairs) <= 1000 and pairs["images"].is_monotonic_decreasing
    assert "cassette player (n02979186)" in set(pairs["given label"])
    test.switch_page(str(ROOT / "pages" / "gallery.py")).run()
    offered = next(box for box in test.selectbox if box.label == "Given label").options
    assert len(offered) == 1001 and any(words.startswith("cassette player (n02979186)  (") for words in offered)


def test_pairs_count_suspicious_images_whose_labels_differ(app_over, workspace):
    made = app_over(workspace)
    found = made.inspection(made.newest_key("demo"))
    labels = found.dataset.labels.copy()
    suspicion = np.zeros(len(labels), np.float32)
    suspicion[:6] = 1
    labels[:6] = [0, 0, 1, 2, -1, 3]
    suggested = labels.copy()
    suggested[:6] = [5, 5, 7, 2, 4, -1]
    changed = replace(
        found, dataset=replace(found.dataset, labels=labels, truth=None), suspicion=suspicion, threshold=0.5,
        suggestions=Suggestions(suggested, np.where(suggested < 0, np.nan, 0.9).astype(np.float32)),
    )  # fmt: skip
    assert confused_pairs(changed) == [(0, 5, 2), (1, 7, 1)]
    assert confused_pairs(replace(changed, suggestions=None)) == []
