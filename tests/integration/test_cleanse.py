"""`cleanse`: what people decided stands, the rule decides the rest, the source stays as it is, no truth is read."""

from __future__ import annotations

import csv
import json
import shutil
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from core.cleansing.cleanse import cleansing, counts
from core.cleansing.rule import BY_RULE, EXCLUDE, KEEP, RELABEL, propose
from core.cli.program import main
from core.reviews import Reviews, review_state
from core.scans.pipeline import inspection_of, newest_scan, open_dataset
from core.types import Inspection, Suggestions
from core.workspace.workspace import Workspace
from tests.support.core_toys import image_folder, quick_gradients


@pytest.fixture(autouse=True)
def kept_signal() -> Iterator[None]:
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def home(tmp_path: Path, demo_workspace: Path) -> Workspace:
    shutil.copytree(demo_workspace, tmp_path / "home")
    return Workspace(tmp_path / "home")


@pytest.fixture
def found(home: Workspace) -> Inspection:
    inspection = inspection_of(home, newest_scan(home, "demo"))
    assert inspection is not None
    return inspection


@pytest.fixture
def doubtful(found: Inspection) -> Inspection:
    """The same with a few suspicious rows whose suggestion is a guess: the rule leaves those out."""
    assert found.suggestions is not None
    confidence = found.suggestions.confidence.copy()
    confidence[np.flatnonzero(found.is_suspicious)[:5]] = 0.3
    return replace(found, suggestions=Suggestions(found.suggestions.labels, confidence))


def run(*arguments: object, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    capsys.readouterr()
    code = main([*map(str, arguments)])
    out, err = capsys.readouterr()
    return code, out, err


def lines(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def tree(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


# ---- the demo, from end to end


def test_the_demo_cleansed_automatically(home: Workspace, found: Inspection, tmp_path: Path, capsys: Any) -> None:
    out = tmp_path / "clean"
    code, said, _ = run("cleanse", "demo", "--auto", "--out", out, "--workspace", home.root, "--json", capsys=capsys)
    assert code == 0
    result = json.loads(said)
    assert result["out"] == str(out) and result["decided_by_people"] == 0 and result["undecided_suspicious"] == 0
    assert result["kept"] + result["relabelled"] + result["excluded"] == len(found.dataset)
    assert result["decided_by_rule"] == result["relabelled"] + result["excluded"] == int(found.is_suspicious.sum())
    record = json.loads((out / "cleanse.json").read_text())
    assert record["rule"]["used"] and record["rule"]["least_confidence"] == result["least_confidence"]
    assert record["counts"]["by_rule"] == {"keep": 0, "relabel": result["relabelled"], "exclude": result["excluded"], "needs_review": 0}
    assert record["dataset"]["digest"] == found.dataset.digest and record["scan"] == found.key
    again = open_dataset(str(out))
    assert len(again) == result["kept"] + result["relabelled"]
    assert set(again.classes) == set(found.dataset.classes)
    changed = lines(out / "changed_by_rule.csv")
    assert len(changed) == result["decided_by_rule"]
    ids = {name: row for row, name in enumerate(found.dataset.ids)}
    for line in changed:
        row = ids[line["id"]]
        assert found.is_suspicious[row] and line["given_label"] == found.dataset.classes[found.dataset.labels[row]]
        assert (line["action"] == "relabel") == (line["new_label"] != "") and line["new_label"] != line["given_label"]
        assert 0 <= float(line["confidence"]) <= 1 and line["verdict"] != "clean"
    carried = {found.dataset.ids[row] for finding in found.findings for row in finding.rows}
    assert carried and {line["id"] for line in changed if line["trigger_id"]} == carried & {line["id"] for line in changed}


def test_the_table_tells_the_rule_from_a_person(home: Workspace, found: Inspection, tmp_path: Path, capsys: Any) -> None:
    suspects = found.dataset.ids[int(np.flatnonzero(found.is_suspicious)[0])]
    Reviews(home.reviews_path).decide(found.dataset.digest, [suspects], "keep", reviewer="Ada")
    out = tmp_path / "clean"
    assert run("cleanse", "demo", "--auto", "--out", out, "--workspace", home.root, capsys=capsys)[0] == 0
    table = {row["id"]: row for row in pq.read_table(out / "scores.parquet").to_pylist()}
    assert table[suspects]["reviewer"] == "Ada" and table[suspects]["action"] == "keep" and table[suspects]["decided_at"]
    ruled = [row for row in table.values() if row["reviewer"] == BY_RULE]
    assert len(ruled) == int(found.is_suspicious.sum()) - 1
    assert all(row["decided_at"] is None and row["action"] in ("relabel", "exclude") for row in ruled)
    others = [row for row in table.values() if row["reviewer"] is None]
    assert len(others) == len(found.dataset) - len(ruled) - 1 and all(row["action"] is None and not row["is_suspicious"] for row in others)


def test_without_auto_people_alone_decide(home: Workspace, found: Inspection, tmp_path: Path, capsys: Any) -> None:
    rows = np.flatnonzero(found.is_suspicious)[:3]
    ids = [found.dataset.ids[row] for row in rows]
    reviews = Reviews(home.reviews_path)
    reviews.decide(found.dataset.digest, ids[:2], "exclude", reviewer="Ada")
    reviews.decide(found.dataset.digest, ids[2:], "relabel", label="5", reviewer="Ada")
    code, said, _ = run("cleanse", "demo", "--out", tmp_path / "clean", "--workspace", home.root, capsys=capsys)
    assert code == 0
    left = int(found.is_suspicious.sum()) - 3
    assert f"{left:,} suspicious images have been decided by nobody" in said and "--auto" in said
    assert json.loads((tmp_path / "clean" / "cleanse.json").read_text())["rule"]["least_confidence"] is None
    assert lines(tmp_path / "clean" / "changed_by_rule.csv") == []
    assert len(lines(tmp_path / "clean" / "manifest.csv")) == len(found.dataset) - 2


# ---- who decides


def test_a_person_beats_the_rule(home: Workspace, doubtful: Inspection) -> None:
    found = doubtful
    proposals = propose(found)
    one = {action: found.dataset.ids[int(np.flatnonzero(proposals.actions == action)[0])] for action in (KEEP, RELABEL, EXCLUDE)}
    reviews = Reviews(home.reviews_path)
    for action in (RELABEL, EXCLUDE):
        reviews.decide(found.dataset.digest, [one[action]], "keep", reviewer="Ada")
    reviews.decide(found.dataset.digest, [one[KEEP]], "exclude", reviewer="Ada")
    people = review_state(found.dataset, reviews.log(found.dataset.digest))
    made = cleansing(found, people, auto=True)
    row_of = {name: row for row, name in enumerate(found.dataset.ids)}
    for action in (RELABEL, EXCLUDE):
        row = row_of[one[action]]
        assert made.state.kept[row] and made.state.labels[row] == found.dataset.labels[row]
    assert not made.state.kept[row_of[one[KEEP]]]
    assert {name for name in made.state.standing if not made.by_rule[row_of[name]]} == set(one.values())
    assert counts(made)["by_people"] == {"keep": 2, "relabel": 0, "exclude": 1, "needs_review": 0}


def test_nothing_undecided_stays_suspicious_and_a_decision_put_off_is_the_rules(home: Workspace, doubtful: Inspection) -> None:
    found = doubtful
    suspect = int(np.flatnonzero(propose(found).actions == EXCLUDE)[0])
    Reviews(home.reviews_path).decide(found.dataset.digest, [found.dataset.ids[suspect]], "needs_review", reviewer="Ada")
    people = review_state(found.dataset, Reviews(home.reviews_path).log(found.dataset.digest))
    assert people.undecided.all()
    made = cleansing(found, people, auto=True)
    assert not (made.state.undecided & found.is_suspicious).any() and not made.state.kept[suspect]
    staying = made.state.kept & found.is_suspicious
    assert (made.state.labels[staying] != found.dataset.labels[staying]).all()
    alone = cleansing(found, people, auto=False)
    assert alone.state.kept.all() and not alone.by_rule.any() and alone.state is people
    # what is put off is undecided, whoever counts
    assert counts(alone)["undecided_suspicious"] == int(found.is_suspicious.sum())


# ---- where to, and from what


def test_a_place_that_cannot_be_is_one_line(home: Workspace, tmp_path: Path, capsys: Any) -> None:
    out = tmp_path / "clean"
    assert run("cleanse", "demo", "--auto", "--out", out, "--workspace", home.root, capsys=capsys)[0] == 0
    before = tree(out)
    code, said, err = run("cleanse", "demo", "--auto", "--out", out, "--workspace", home.root, capsys=capsys)
    assert code == 2 and said == "" and err.count("\n") == 1 and "exists already" in err
    assert tree(out) == before


def test_the_source_is_never_written_into_and_not_scanned_in_vain(tmp_path: Path, capsys: Any) -> None:
    images = image_folder(tmp_path / "set", size=12)
    before = tree(images)
    for out in (images / "clean", images, tmp_path):
        code, said, err = run("cleanse", images, "--auto", "--out", out, "--workspace", tmp_path / "home", capsys=capsys)
        assert code == 2 and said == "" and err.count("\n") == 1, err
    assert tree(images) == before and Workspace(tmp_path / "home").scans_of(str(images)) == []


def test_truth_changes_nothing(tmp_path: Path, capsys: Any) -> None:
    images = image_folder(tmp_path / "set", size=40)
    with quick_gradients():
        known = tmp_path / "known" / "poisoned"
        assert run("poison", images, "--attack", "symmetric", "--rate", 0.1, "--out", known, capsys=capsys)[0] == 0
        unknown = tmp_path / "unknown" / "poisoned"
        shutil.copytree(known, unknown)
        (unknown / "truth.parquet").unlink()
        (unknown / "recipe.json").unlink()
        for name, source in (("a", known), ("b", unknown)):
            code, said, err = run(
                "cleanse",
                source,
                "--auto",
                "--out",
                tmp_path / name,
                "--workspace",
                tmp_path / f"home {name}",
                "--k",
                10,
                "--json",
                capsys=capsys,
            )
            assert code == 0, err
            assert json.loads(said)["decided_by_rule"] >= 6
    for name in ("manifest.csv", "changed_by_rule.csv"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
