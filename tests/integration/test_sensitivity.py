"""Known patterns planted in memory in the demo: what is changed and what is not, what is told and kept."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from core.cli.program import main
from core.errors import UserError
from core.scans import inspection_of, newest_scan
from core.sensitivity import KINDS, SensitivityFolder, measure, sensitivity_text
from core.sensitivity import measure as measuring
from core.sensitivity.planting import honest_rows, open_classes, plan, planted
from core.types import Inspection
from core.workspace import Workspace
from tests.support.finding_toys import a_finding

MODULE = __import__("core.sensitivity.measuring", fromlist=["measure"])


@pytest.fixture(scope="module")
def demo(demo_workspace: Path) -> Inspection:
    home = Workspace(demo_workspace)
    found = inspection_of(home, newest_scan(home, "demo"))
    assert found is not None
    return found


# ---- planting


def test_only_planted_rows_change_and_no_suspect_is_used(demo: Inspection) -> None:
    classes = open_classes(demo, 24)
    plantings = plan(demo, dict.fromkeys(KINDS, 12), classes, 1, 0)
    made = planted(demo.dataset, plantings, 32)
    rows = np.concatenate([planting.rows for planting in plantings])
    assert len(plantings) == len(KINDS) and len(np.unique(rows)) == len(rows) == 12 * len(KINDS)
    assert honest_rows(demo)[rows].all() and len({planting.label for planting in plantings}) == len(KINDS)
    changed = np.flatnonzero((made.image_digests != demo.dataset.image_digests).any(axis=1))
    assert np.array_equal(changed, np.sort(rows)) and np.array_equal(np.flatnonzero(made.labels != demo.dataset.labels), np.sort(rows))
    for planting in plantings:
        assert (made.labels[planting.rows] == planting.label).all() and (demo.dataset.labels[planting.rows] != planting.label).all()
    other = next(row for row in range(len(made)) if row not in rows)
    assert np.array_equal(np.asarray(made.load(other)), np.asarray(demo.dataset.load(other)))
    assert not np.array_equal(np.asarray(made.load(int(rows[0]))), np.asarray(demo.dataset.load(int(rows[0]))))
    assert made.truth is None


def test_no_more_than_a_fifth_is_planted_and_no_class_twice(demo: Inspection) -> None:
    plantings = plan(demo, dict.fromkeys(KINDS, 96), open_classes(demo, 24), 4, 0)
    assert sum(len(planting.rows) for planting in plantings) <= 0.2 * len(demo.dataset)
    labels = [planting.label for planting in plantings]
    assert len(labels) == len(set(labels))


def test_a_class_of_which_a_finding_speaks_is_left_alone(demo: Inspection) -> None:
    assert demo.findings, "the demo holds a backdoor"
    assert demo.findings[0].label not in open_classes(demo, 24)


# ---- the whole


def finds(kinds: set[str]) -> Callable[..., Any]:
    """Stands for a search that finds the plantings of some kinds whatever their number."""

    def searched(self: Any, dataset: Any, pixels: Any) -> Any:
        changed = np.flatnonzero(dataset.labels != self.inspection.dataset.labels)
        plantings = dataset.loader.__self__.plantings
        assert np.array_equal(changed, np.sort(np.concatenate([planting.rows for planting in plantings])))
        findings = [a_finding(len(dataset), p.rows, label=p.label) for p in plantings if p.kind in kinds]
        return SimpleNamespace(findings=findings)

    return searched


def test_what_is_found_and_what_is_not_is_told_with_numbers_and_kept(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = Workspace(workspace)
    key = newest_scan(home, "demo")
    assert key is not None
    monkeypatch.setattr(MODULE._Measurement, "_searched", finds({"patch", "overlay"}))
    found = measure(home, key)
    assert found["kinds"]["patch"]["smallest"] == 12 and found["kinds"]["wave"]["smallest"] is None
    assert [entry["images"] for entry in found["kinds"]["patch"]["tried"]] == [12, 24]
    assert [entry["images"] for entry in found["kinds"]["wave"]["tried"]] == [24, 48]
    said = sensitivity_text(found)
    assert "found from 12 images of a class on (12 images: 1 of 1; 24 images: 1 of 1)" in said
    assert "not found (24 images: 0 of 1; 48 images: 0 of 1)" in said
    # kept, and not measured again
    monkeypatch.setattr(MODULE._Measurement, "_searched", None)
    assert measure(home, key) == found
    assert not (SensitivityFolder(home, key).root / "scratch").exists()


def test_a_damaged_result_is_measured_again(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = Workspace(workspace)
    key = newest_scan(home, "demo")
    assert key is not None
    monkeypatch.setattr(MODULE._Measurement, "_searched", finds({"patch"}))
    measure(home, key)
    file = SensitivityFolder(home, key).root / "result.json"
    file.write_text(file.read_text().replace('"smallest": 12', '"smallest": 11'))
    assert SensitivityFolder(home, key).result() is None
    assert measure(home, key)["kinds"]["patch"]["smallest"] == 12


def test_a_scan_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError):
        measuring(Workspace(tmp_path / "workspace"), "ab" * 16)


@pytest.mark.slow
def test_the_command_searches_for_real(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sensitivity", "demo", "--workspace", str(workspace), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    patch = found["kinds"]["patch"]
    assert patch["smallest"] in (12, 24, 48) and found["embedded"] and found["passes"] == 2
    assert found["kinds"]["wave"]["tried"]
