"""The detection benchmark measures what it says; its quick form, on real images, keeps the order it claims."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from core.types import VERDICTS, Dataset, Suggestions
from tests.support.finding_toys import a_finding

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bench"))

from detection_case import StageClock  # noqa: E402
from detection_measure import carried, likeness, measure, true_pattern  # noqa: E402
from detection_table import averaged, markdown  # noqa: E402
from peers import PEERS, Opinion  # noqa: E402

from core.attacks.apply import apply_attack  # noqa: E402
from tests.support.attack_toys import toy_dataset  # noqa: E402

DATA = Path(os.environ.get("TASTER_DATA") or ROOT.parent / "shared" / "data")
needs_cifar = pytest.mark.skipif(
    not (DATA / "cifar10-train.parquet").is_file(),
    reason="no cifar10-train.parquet: set TASTER_DATA to the folder that holds it",
)


def pixels_of(dataset: Dataset) -> np.ndarray:
    return np.stack([np.asarray(dataset.load(row)) for row in range(len(dataset))])


# ---- the pattern


@pytest.fixture(scope="module")
def toy() -> Dataset:
    return toy_dataset()


def test_the_true_pattern_is_the_mean_change_of_poisoned_images_alone(toy):
    new = apply_attack(toy, "adaptive_blend", rate=0.2, seed=1)
    before, after = pixels_of(toy), pixels_of(new)
    expected = np.zeros((32, 32, 3))
    rows = np.flatnonzero(new.truth.is_poisoned)
    for row in rows:
        expected += (after[row].astype(float) - before[row]) / 255 / len(rows)
    found = true_pattern(before, after, new.truth.is_poisoned)
    assert np.allclose(found, expected)
    assert not np.allclose(found, true_pattern(before, after, new.truth.is_poisoned | new.truth.is_cover))
    assert true_pattern(before, before, new.truth.is_poisoned) is None


def test_likeness_is_correlation_without_sign_or_scale():
    rng = np.random.default_rng(0)
    one, other = rng.normal(size=(2, 32, 32, 3))
    assert likeness(one, -3 * one + 0.5) == pytest.approx(1)
    assert likeness(one, other) == pytest.approx(abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]))
    assert likeness(one, np.ones_like(one)) == 0 and likeness(one, one[:16]) == 0


def test_a_moving_patch_is_recognised_wherever_the_finding_draws_it(toy):
    grey = np.full((60, 32, 32, 3), 128, dtype=np.uint8)
    new = apply_attack(toy, "moving_patch", rate=0.3, seed=1)
    after = grey.copy()
    alter = new.loader.__self__.alter
    for row in np.flatnonzero(new.truth.is_poisoned):
        after[row] = alter(grey[row], int(row))
    still = true_pattern(grey, after, new.truth.is_poisoned)
    true = true_pattern(grey, after, new.truth.is_poisoned, moving=True)
    patch = true[:4, :4]
    assert np.abs(true[4:]).max() == 0 and np.abs(true[:, 4:]).max() == 0 and np.abs(patch).max() > 0.4
    drawn = np.zeros((32, 32, 3))
    drawn[11:15, 20:24] = patch
    assert likeness(drawn, true, moving=True) == pytest.approx(1)
    small = np.zeros((9, 9, 3))
    small[2:6, 3:7] = patch
    assert likeness(small, true, moving=True) > 0.9
    assert likeness(drawn, still) < 0.5
    assert likeness(np.random.default_rng(0).normal(size=(32, 32, 3)), true, moving=True) < 0.5


def test_carried_is_the_strongest_finding_of_each_row():
    findings = (a_finding(50, [1, 2]), a_finding(50, [2, 3], threshold=4.0))
    found = carried(findings, 50)
    assert set(np.flatnonzero(found >= 1)) == {1, 2, 3}
    assert found[3] == pytest.approx(12 / 4) and found[2] == pytest.approx(max(12 / 8, 20 / 4))
    assert (carried((), 50) == 0).all()


# ---- what is measured


def analysis(n: int, poisoned: np.ndarray, *, right: bool = True) -> SimpleNamespace:
    suspicion = np.where(poisoned, 0.9, 0.1).astype(np.float32) if right else np.zeros(n, np.float32)
    verdicts = np.where(poisoned & right, VERDICTS.index("dirty_label_poison"), 0).astype(np.int8)
    confident = np.ones(n, np.float32)
    return SimpleNamespace(
        scores={"noise": np.random.default_rng(0).random(n, dtype=np.float32)},
        suspicion=suspicion,
        threshold=0.5,
        verdicts=verdicts,
        suggestions=Suggestions(np.arange(n) % 4, confident),
        findings=(a_finding(n, np.flatnonzero(poisoned), pattern=np.zeros((32, 32, 3), np.float32)),) if right else (),
        content=None,
        artifact=suspicion,
    )


def test_a_perfect_analysis_gets_perfect_figures_and_an_idle_one_none(toy):
    new = apply_attack(toy, "adaptive_patch", rate=0.2, target=1, seed=1)
    before, after = pixels_of(toy), pixels_of(new)
    truth = new.truth
    wrong_way = {"peer": Opinion(-truth.is_poisoned.astype(np.float32), ~truth.is_poisoned)}
    perfect = analysis(60, truth.is_poisoned)
    perfect.findings = (*perfect.findings, a_finding(60, [0], pattern=true_pattern(before, after, truth.is_poisoned)))
    found = measure(new, perfect, wrong_way, before, after, "adaptive_patch")
    assert next(iter(found["scores"])) == "suspicion"
    assert found["positives"] == 12 and found["flagged"] == found["flagged_poison"] == 0.2
    assert found["scores"]["suspicion"]["auroc"] == found["scores"]["artifact"]["ap"] == 1
    assert found["scores"]["peer"]["auroc"] == 0 and found["decided"]["peer"] == {"tpr": 0, "fpr": 1}
    assert found["decided"]["suspicious"] == found["decided"]["poison"] == {"tpr": 1, "fpr": 0}
    assert found["suggestion_accuracy"] == 1 and found["covers_flagged"] == 0
    assert found["pattern_correlation"] == pytest.approx(1) and len(found["findings"]) == 2
    assert "content" not in found["scores"]
    idle = measure(new, analysis(60, truth.is_poisoned, right=False), {}, before, after, "adaptive_patch")
    assert idle["scores"]["suspicion"]["auroc"] == idle["scores"]["findings"]["auroc"] == 0.5
    assert idle["decided"]["findings"] == {"tpr": 0, "fpr": 0} and idle["pattern_correlation"] == 0


def test_a_clean_set_has_alarms_but_no_ranks(toy):
    some = np.arange(60) < 3
    found = measure(toy, analysis(60, some), {"peer": Opinion(np.zeros(60, np.float32), some)}, None, None, "clean")
    assert found["flagged"] == found["flagged_findings"] == found["peers_flagged"]["peer"] == 0.05
    assert "scores" not in found


def test_label_noise_and_content_dependent_triggers_have_no_pattern(toy):
    for name in ("symmetric", "noise_specific", "wanet"):
        new = apply_attack(toy, name, rate=0.1, seed=1)
        found = measure(new, analysis(60, new.truth.is_poisoned), {}, pixels_of(toy), pixels_of(new), name)
        assert found["pattern_correlation"] is None


def test_stages_are_clocked_and_figures_can_be_written(toy):
    new = apply_attack(toy, "badnets", rate=0.2, seed=1)
    fields = {"strength": np.float32(9), "label": np.int64(1), "false_alarm": np.float32(0), "contradicted": np.float32(1)}
    given = analysis(60, new.truth.is_poisoned)
    given.findings = tuple(a_finding(60, f.rows, **fields) for f in given.findings)

    clock = StageClock()
    clock.stage("scores")
    clock.stage("artifact")
    assert list(clock.seconds()) == ["scores", "artifact"]
    found = json.loads(json.dumps(measure(new, given, {}, pixels_of(toy), pixels_of(new), "badnets")))
    assert found["findings"][0]["strength"] == 9 and found["findings"][0]["rows"] == 12


def test_stage_seconds_add_up(monkeypatch):
    now = iter([1.0, 3.0, 4.0, 9.0])
    monkeypatch.setattr("detection_case.time", SimpleNamespace(perf_counter=lambda: next(now)))
    clock = StageClock()
    clock.stage("scores", total=3)
    clock.update(1, 3)
    clock("artifact", 0.5)
    clock("artifact", 0.9)
    clock.stage("scores")
    assert clock.seconds() == {"scores": 2.0 + 5.0, "artifact": 1.0}


# ---- the table


def case(seed: int, auc: float | None, *, attack: str = "badnets", **more: Any) -> dict[str, Any]:
    score = {"auroc": auc, "ap": auc, "tpr_at_fpr": {"0.001": auc, "0.01": auc, "0.05": auc}}
    whole = {
        "case": {"attack": attack, "rate": 0.01, "seed": seed},
        "rows": 100,
        "flagged": 0.1,
        "flagged_poison": 0.1,
        "flagged_findings": 0.1,
        "findings": [{}] * seed,
        "scores": {"suspicion": score},
        "decided": {"suspicious": {"tpr": auc, "fpr": 0.0}},
        "pattern_correlation": None,
        "seconds": {"content": 1.0, "artifact": 2.0 * seed},
        "peak_gb": 1.0,
        "peers_missing": {},
        "analysis": "whole",
    }
    return whole | more


def test_the_table_averages_over_seeds_and_names_what_was_not_run():
    missing = {"peers_missing": {"art_spectral_signatures": "not installed: art"}}
    not_run = {"case": {"attack": "sig_clean_label", "rate": 0.1, "seed": 0}, "not_run": "too few | images"}
    table = averaged([case(1, 0.5), case(2, 1.0, **missing), not_run])
    assert table[0]["seeds"] == 2 and table[0]["scores"]["suspicion"]["auroc"] == 0.75
    assert table[0]["findings"] == 1.5 and table[0]["seconds"]["artifact"] == 3 and table[0]["pattern_correlation"] is None
    about = {"command": "c", "commit": "x", "machine": "m", "seconds": 1, "commits_of_cases": ["x", "y"], "failed": ["z"]}
    text = markdown(about, table)
    for part in ("0.7500", "not run: too few \\| images", "not installed: art", "Commits of the cases: x, y", "Failed: z"):
        assert part in text
    widths = {line.count("|") - line.count("\\|") for line in text.split("## badnets")[0].splitlines() if line.startswith("|")}
    assert len(widths) == 1


# ---- the quick form, on CIFAR-10


def run_bench(out: Path, *more: str) -> dict[str, Any]:
    command = [sys.executable, str(ROOT / "bench" / "detection.py"), "--quick", "--out", str(out), *more]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads((out / "detection.json").read_text())


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    out = tmp_path_factory.mktemp("detection")
    return out, {entry["attack"]: entry for entry in run_bench(out)["table"]}


def auc(entry: dict[str, Any], name: str) -> float:
    return float(entry["scores"][name]["auroc"])


@needs_cifar
@pytest.mark.slow
def test_a_run_that_was_stopped_goes_on(quick):
    out, table = quick
    files = sorted((out / "cases").glob("*.json"))
    assert len(files) == 5
    lost = next(file for file in files if file.stem.startswith("clean"))
    kept = {file: file.stat().st_mtime_ns for file in files if file != lost}
    before = json.loads(lost.read_text())
    lost.unlink()
    again = run_bench(out, "--resume")
    assert {file: file.stat().st_mtime_ns for file in kept} == kept
    assert json.loads(lost.read_text())["flagged"] == before["flagged"]
    assert {entry["attack"] for entry in again["table"]} == set(table) and not again["failed"]


@needs_cifar
@pytest.mark.slow
def test_label_mistakes_are_ranked_above_what_poison_detectors_make_of_them(quick):
    _, table = quick
    noise = table["symmetric"]
    peers = [name for name in noise["scores"] if name.startswith("art_")]
    assert all(auc(noise, "suspicion") > auc(noise, name) for name in [*peers, "outlier", "near_duplicate"])


@needs_cifar
@pytest.mark.slow
def test_a_clean_set_raises_fewer_alarms_than_a_dirty_one_and_than_any_peer(quick):
    _, table = quick
    clean = table["clean"]
    assert clean["flagged"] < min(table["badnets"]["flagged"], table["symmetric"]["flagged"])
    assert all(clean["flagged"] < share for share in clean["peers_flagged"].values())


@needs_cifar
@pytest.mark.slow
def test_the_backdoor_is_ranked_above_every_peer(quick):
    _, table = quick
    badnets = table["badnets"]
    peers = [name for name in badnets["scores"] if name in PEERS]
    assert all(auc(badnets, "suspicion") > auc(badnets, name) for name in peers)


@needs_cifar
@pytest.mark.slow
def test_a_finding_sees_clean_label_poison_where_neighbours_do_not(quick):
    _, table = quick
    sig = table["sig_clean_label"]
    assert auc(sig, "findings") > auc(sig, "knn_disagreement")
    assert sig["pattern_correlation"] > table["badnets"]["pattern_correlation"] * 0.5 > 0
    assert sig["flagged_findings"] > table["clean"]["flagged_findings"]


@pytest.mark.parametrize("script", sorted((ROOT / "bench").glob("*.py")), ids=lambda script: script.name)
def test_no_help_text_breaks_the_help(script: Path) -> None:
    calls = [node for node in ast.walk(ast.parse(script.read_text())) if isinstance(node, ast.Call)]
    for text in (k.value.value for c in calls for k in c.keywords if k.arg == "help" and isinstance(k.value, ast.Constant)):
        assert text % {"default": ""} is not None


def test_all_benchmarks_do_not_run_when_only_their_help_is_asked() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "bench" / "run.py"), "--help"], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0 and done.stdout.startswith("usage:"), done.stderr
