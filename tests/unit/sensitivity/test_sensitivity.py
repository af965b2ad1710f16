"""Known patterns planted in memory: what is changed and what is not, which counts are tried, what counts as found, what is kept."""

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
from core.sensitivity.kinds import TURNS, alter_of
from core.sensitivity.measuring import _Tried, is_found
from core.sensitivity.planting import Planting, honest_rows, open_classes, plan, planted
from core.types import Inspection
from core.workspace import Workspace
from tests.support.core_toys import draw
from tests.support.finding_toys import a_finding

MODULE = __import__("core.sensitivity.measuring", fromlist=["measure"])


@pytest.fixture(scope="module")
def demo(demo_workspace: Path) -> Inspection:
    home = Workspace(demo_workspace)
    found = inspection_of(home, newest_scan(home, "demo"))
    assert found is not None
    return found


# ---- kinds


@pytest.mark.parametrize("kind", list(KINDS))
@pytest.mark.parametrize("size", [(32, 32), (90, 140)])
def test_every_kind_changes_an_image_a_little_and_always_alike(kind: str, size: tuple[int, int]) -> None:
    pixels = np.asarray(draw(1, 1, height=size[0], width=size[1]))
    alter = alter_of(kind, min(size), 0)
    changed = alter(pixels, 3)
    assert changed.shape == pixels.shape and changed.dtype == np.uint8
    assert not np.array_equal(changed, pixels) and np.array_equal(changed, alter(pixels, 3))
    # noise is what a bend changes most
    assert np.abs(changed.astype(int) - pixels).mean() < 32


def test_a_turned_pattern_lies_elsewhere() -> None:
    pixels = np.zeros((40, 60, 3), np.uint8)
    places = {
        tuple(np.argwhere(alter_of("patch", 40, turn)(pixels, 0).any(axis=2)).mean(axis=0).round().astype(int)) for turn in range(TURNS)
    }
    assert len(places) == 4 and all(place[0] in range(40) and place[1] in range(60) for place in places)


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


# ---- which counts


@pytest.mark.parametrize(
    ("known", "levels", "wanted"),
    [
        ({}, (12, 24, 48), 24),
        ({}, (12,), 12),
        ({24: (2, 2)}, (12, 24, 48), 12),
        ({24: (1, 2)}, (12, 24, 48), 48),
        ({24: (2, 2), 12: (0, 2)}, (12, 24, 48), None),
        ({24: (2, 2), 12: (2, 2)}, (12, 24, 48), None),
        ({24: (0, 2), 48: (2, 2)}, (12, 24, 48), None),
        ({24: (0, 2), 48: (0, 2)}, (12, 24, 48, 96), 96),
        ({24: (0, 2), 48: (0, 2)}, (12, 24, 48), None),
    ],
)
def test_fewer_are_tried_after_a_find_and_more_after_a_miss(known: dict[int, tuple[int, int]], levels: tuple[int, ...], wanted: int | None):
    assert _Tried(dict(known)).next(levels) == wanted


@pytest.mark.parametrize(("label", "share", "found"), [(2, 1.0, True), (2, 0.5, True), (2, 0.4, False), (3, 1.0, False), (-1, 1.0, True)])
def test_found_is_half_of_the_images_in_a_finding_of_the_class(label: int, share: float, found: bool) -> None:
    rows = np.arange(20)
    analysis: Any = SimpleNamespace(findings=[a_finding(100, rows[: round(20 * share)], label=label)])
    assert is_found(Planting("patch", 2, rows, 0), analysis) == found


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
