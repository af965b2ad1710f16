"""`prove`: what it says of a set whose poison is known, what it says where nothing is known, and how it goes on."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.cli.program import main
from core.errors import Cancelled, UserError
from core.proofs import proof as prove_module
from core.proofs.folder import interval
from core.proofs.networks import build_victim
from core.proofs.proof import ProofFolder, ProveOptions, proofs_of, prove
from core.proofs.trainer import VictimTrainer, look_like_photographs, shifted
from core.reviews import Reviews, review_state
from core.scans.pipeline import newest_scan, scan
from core.workspace.progress import read_progress
from core.workspace.workspace import Workspace
from tests.support.core_toys import CPU, image_folder, quick_gradients
from tests.support.proof_toys import Scanned, perfect, poisoned, short_probe

ROOT = Path(__file__).resolve().parents[2]
QUICK = ProveOptions(seeds=2, epochs=10, device="cpu")
ARMS = ("as_given", "cleansed", "decided", "truth_removed")


@pytest.fixture(autouse=True)
def kept_signal() -> Iterator[None]:
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture(scope="module")
def scanned(tmp_path_factory: pytest.TempPathFactory) -> Scanned:
    """A set with a patch, its scan made to suspect exactly what is poisoned."""
    found = poisoned(tmp_path_factory.mktemp("prove"), patch_size=6)
    found.judge(found.truth.is_poisoned, [perfect(found)], np.array(found.truth.original_labels))
    return found


@pytest.fixture(scope="module")
def straight(scanned: Scanned) -> dict[str, Any]:
    """What an uninterrupted proof says."""
    return prove(scanned.key, QUICK, scanned.home)


@pytest.fixture
def fresh(scanned: Scanned, tmp_path: Path) -> Scanned:
    """The same scan in a workspace without a proof."""
    found = scanned.copy(tmp_path / "home")
    shutil.rmtree(found.home.root / "proofs", ignore_errors=True)
    return found


def timeless(result: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in result.items() if name != "seconds"}


# ---- what it says


def test_the_attack_works_before_and_not_after(straight: dict[str, Any], scanned: Scanned) -> None:
    assert straight["as_given"]["attack_success"] > 0.8
    assert straight["cleansed"]["attack_success"] < 0.2 and straight["truth_removed"]["attack_success"] < 0.2
    assert all(straight[arm]["accuracy"] > 0.9 for arm in ("cleansed", "truth_removed"))
    assert straight["trigger"]["from"] == "truth" and straight["trigger"]["attack"] == "badnets"
    assert straight["test"]["from"] == "held_out" and straight["device"] == "cpu" and straight["victim"] == "small"
    assert straight["seconds"] > 0 and straight["scan"] == scanned.key


def test_every_number_has_its_interval_and_its_seeds(straight: dict[str, Any]) -> None:
    for arm in ARMS:
        for name in ("accuracy", "attack_success"):
            values, bounds = straight[arm][f"{name}_by_seed"], straight[arm][f"{name}_interval"]
            assert len(values) == 2 == len(straight[arm]["seeds"])
            assert straight[arm][name] == pytest.approx(np.mean(values), abs=1e-6)
            assert 0 <= bounds[0] <= straight[arm][name] <= bounds[1] <= 1


def test_undecided_is_as_given_and_costs_nothing(straight: dict[str, Any]) -> None:
    assert straight["decided"]["decisions"] == 0 and straight["decided"]["same_as"] == "as_given"
    assert straight["decided"]["attack_success_by_seed"] == straight["as_given"]["attack_success_by_seed"]
    # the rule mends here exactly what the truth calls wrong, but relabels: another set, and its own victims
    assert straight["cleansed"]["same_as"] is None and straight["cleansed"]["relabelled"] > 0


def test_decisions_make_a_set_of_their_own(fresh: Scanned) -> None:
    inspection = fresh.inspection
    ids = [inspection.dataset.ids[row] for row in np.flatnonzero(inspection.is_suspicious)]
    Reviews(fresh.home.reviews_path).decide(inspection.dataset.digest, ids, "exclude", reviewer="Ada")
    result = prove(fresh.key, ProveOptions(seeds=1, epochs=10, device="cpu"), fresh.home)
    assert result["decided"]["decisions"] == len(ids) == result["decided"]["excluded"]
    assert result["decided"]["attack_success"] < 0.2 < 0.8 < result["as_given"]["attack_success"]
    assert result["as_given"]["accuracy_interval"] is None, "one seed has no interval"
    # people decided every suspect, so that the rule has nothing left to do, and no victim is trained twice
    assert result["decided"]["same_as"] == "cleansed" and result["cleansed"]["decided_by_rule"] == 0


def test_after_a_decision_only_what_it_changed_is_trained(fresh: Scanned, monkeypatch: pytest.MonkeyPatch) -> None:
    quick, whole, trained = ProveOptions(seeds=1, epochs=1, device="cpu"), VictimTrainer.train, []

    def counts(self: VictimTrainer, rows: Any, labels: Any, seed: int, tell: Any) -> Any:
        trained.append(len(rows))
        return whole(self, rows, labels, seed, tell)

    monkeypatch.setattr(VictimTrainer, "train", counts)
    first = prove(fresh.key, quick, fresh.home)
    assert len(trained) == 3
    inspection = fresh.inspection
    suspect = inspection.dataset.ids[int(np.flatnonzero(inspection.is_suspicious)[0])]
    Reviews(fresh.home.reviews_path).decide(inspection.dataset.digest, [suspect], "exclude", reviewer="Ada")
    second = prove(fresh.key, quick, fresh.home)
    # decided and cleansed are other sets now; as given and truth removed are not
    assert len(trained) == 5 and second["decided"]["images"] == first["decided"]["images"] - 1
    assert second["as_given"] == first["as_given"] and second["truth_removed"] == first["truth_removed"]


def test_a_pattern_of_the_scan_agrees_with_the_true_trigger(fresh: Scanned, straight: dict[str, Any]) -> None:
    result = prove(fresh.key, ProveOptions(seeds=2, epochs=10, device="cpu", trigger="t1"), fresh.home)
    assert result["trigger"]["from"] == "finding" and result["trigger"]["how"] == "stamped" and result["trigger"]["finding"] == "t1"
    for arm in ARMS:
        assert result[arm]["attack_success"] == pytest.approx(straight[arm]["attack_success"], abs=0.1)
        assert result[arm]["accuracy"] == straight[arm]["accuracy"], "the same victims"


def test_without_truth_and_findings_nothing_is_made_up(tmp_path: Path) -> None:
    images = image_folder(tmp_path / "set", size=20)
    home = Workspace(tmp_path / "home")
    with quick_gradients(), short_probe():
        key = scan(str(images), CPU, home)
    result = prove(key, ProveOptions(seeds=1, epochs=2, device="cpu"), home)
    assert result["truth_removed"] is None
    assert all(result[arm]["attack_success"] is None and result[arm]["accuracy"] is not None for arm in ARMS[:3])
    assert result["trigger"] == {"from": "none", "how": None, "reason": result["trigger"]["reason"], "words": result["trigger"]["words"]}
    assert "nobody knows of a trigger" in result["trigger"]["reason"]


# ---- stopped, and started again


class Stop(Exception):
    pass


@pytest.mark.parametrize("error", [Stop, Cancelled], ids=lambda e: e.__name__)
def test_stopped_after_the_first_victim_it_goes_on_to_the_same(
    fresh: Scanned, straight: dict[str, Any], monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    trained: list[int] = []
    whole = VictimTrainer.train

    def stops(self: VictimTrainer, rows: Any, labels: Any, seed: int, tell: Any) -> Any:
        if len(trained) == 1:
            raise error
        trained.append(seed)
        return whole(self, rows, labels, seed, tell)

    monkeypatch.setattr(VictimTrainer, "train", stops)
    with pytest.raises(error):
        prove(fresh.key, QUICK, fresh.home)
    folder = fresh.home.proof_dir(proofs_of(fresh.home, fresh.key)[-1])
    state = read_progress(folder / "progress.json")
    assert state is not None and state.state == ("cancelled" if error is Cancelled else "failed")
    assert len(list((folder / "runs").iterdir())) == 1 and ProofFolder(folder).result() is None

    def counts(self: VictimTrainer, rows: Any, labels: Any, seed: int, tell: Any) -> Any:
        trained.append(seed)
        return whole(self, rows, labels, seed, tell)

    monkeypatch.setattr(VictimTrainer, "train", counts)
    assert timeless(prove(fresh.key, QUICK, fresh.home)) == timeless(straight)
    different = sum(straight[arm]["same_as"] is None for arm in ARMS)
    assert len(trained) == 2 * different
    again = prove(fresh.key, QUICK, fresh.home)
    assert len(trained) == 2 * different and timeless(again) == timeless(straight)
    state = read_progress(folder / "progress.json")
    assert state is not None and state.state == "done"


def test_killed_it_goes_on_to_the_same(fresh: Scanned, straight: dict[str, Any]) -> None:
    command = [sys.executable, "-m", "core", "prove", str(fresh.source), "--workspace", str(fresh.home.root)]
    command += ["--seeds", "2", "--epochs", "10", "--device", "cpu", "--json"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(1200):
        if list(fresh.home.root.glob("proofs/*/runs/*.json")) or process.poll() is not None:
            break
        time.sleep(0.05)
    assert process.poll() is None, "it was to be killed at work"
    process.kill()
    process.wait()
    runs = {path.name: path.read_bytes() for path in fresh.home.root.glob("proofs/*/runs/*.json")}
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert timeless(json.loads(done.stdout)) == timeless(straight)
    after = {path.name: path.read_bytes() for path in fresh.home.root.glob("proofs/*/runs/*.json")}
    assert runs and runs.items() <= after.items()


def test_curves_are_written_while_it_trains(fresh: Scanned) -> None:
    seen: list[dict[str, Any]] = []

    def look(state: Any) -> None:
        keys = proofs_of(fresh.home, fresh.key)
        seen.append(ProofFolder(fresh.home.proof_dir(keys[-1])).curves())

    prove(fresh.key, ProveOptions(seeds=1, epochs=6, device="cpu"), fresh.home, listener=look)
    lengths = [len(curves["as_given/0"]["accuracy"]) for curves in seen if "as_given/0" in curves]
    assert lengths and lengths[-1] == 6 and sorted(lengths) == lengths
    folder = ProofFolder(fresh.home.proof_dir(proofs_of(fresh.home, fresh.key)[-1]))
    final = folder.curves()
    assert all(len(values) == 6 for curve in final.values() for values in curve.values())
    examples = folder.examples()
    plan = folder.plan()
    assert examples is not None and plan is not None and examples.shape[1:] == (2, 32, 32, 3) and 1 <= len(examples) <= 12
    assert (examples[:, 0] != examples[:, 1]).any((1, 2, 3)).all() and len(plan["examples"]["labels"]) == len(examples)


def test_fewer_epochs_where_time_is_short(fresh: Scanned) -> None:
    result = prove(fresh.key, ProveOptions(seeds=1, minutes=0.001, device="cpu"), fresh.home)
    assert result["training"]["epochs"] == 1


# ---- what cannot be


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        ("--test {foreign}", ["class 'yak' that the set has not", "classes named as in the set"]),
        ("--test /no/such/place", ["/no/such/place"]),
        ("--trigger t7", ["no pattern 't7'", "t1"]),
        ("--trigger magic", ["trigger 'magic' is not known"]),
        ("--seeds 0", ["seeds = 0"]),
        ("--epochs 0", ["epochs = 0"]),
        ("--minutes -1", ["minutes = -1"]),
        ("--victim vgg", ["invalid choice: 'vgg'"]),
    ],
)
def test_a_mistake_is_one_line(scanned: Scanned, tmp_path: Path, capsys: Any, arguments: str, parts: list[str]) -> None:
    foreign = tmp_path / "foreign"
    if "{foreign}" in arguments:
        image_folder(foreign, classes=("bee", "yak"), size=3)
    words = arguments.format(foreign=foreign).split()
    code = main(["prove", str(scanned.source), "--workspace", str(scanned.home.root), "--device", "cpu", *words])
    out, err = capsys.readouterr()
    assert code == 2 and out == "" and err.count("taster:") == 1 and "Traceback" not in err
    assert all(part in err for part in parts), err


def test_a_scan_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not been scanned"):
        prove("ab" * 16, QUICK, Workspace(tmp_path / "home"))
    assert newest_scan(Workspace(tmp_path / "home"), "demo") is None


def test_the_command_scans_first_and_speaks_json_and_words(tmp_path: Path, capsys: Any) -> None:
    images = image_folder(tmp_path / "set", size=20)
    words = ["prove", str(images), "--workspace", str(tmp_path / "home"), "--seeds", "1", "--epochs", "1", "--device", "cpu"]
    with quick_gradients(), short_probe():
        assert main([*words, "--json"]) == 0
    out, err = capsys.readouterr()
    assert set(ARMS) <= set(json.loads(out)) and "embedding images" in err and "training victims" in err
    assert main(words) == 0
    text = capsys.readouterr().out
    assert "cleansed automatically" in text and "no attack was tried" in text and "decisions by people: 0" in text


# ---- its parts


def test_intervals_are_students() -> None:
    # three values 0.5, 0.6, 0.7: mean 0.6, s = 0.1, t(0.975, 2) = 4.3027
    low, high = interval([0.5, 0.6, 0.7]) or (0, 0)
    assert low == pytest.approx(0.6 - 4.3027 * 0.1 / 3**0.5, abs=1e-4) and high == pytest.approx(0.6 + 4.3027 * 0.1 / 3**0.5, abs=1e-4)
    assert interval([0.9, 1.0]) == [pytest.approx(0.3147, abs=1e-3), 1.0] and interval([0.5]) is None


def test_victims_depend_on_their_seed_alone() -> None:
    import torch

    torch.manual_seed(1)
    first, state = build_victim("small", 5, 32, seed=4), torch.get_rng_state()
    torch.manual_seed(99)
    second, other = build_victim("small", 5, 32, seed=4), build_victim("small", 5, 32, seed=5)
    weights = [torch.cat([p.flatten() for p in network.parameters()]) for network in (first, second, other)]
    assert (weights[0] == weights[1]).all() and (weights[0] != weights[2]).any()
    torch.manual_seed(1)
    assert (torch.get_rng_state() == state).all()
    for side in (16, 32, 64):
        for name in ("small", "resnet18"):
            network = build_victim(name, 7, side).eval()
            assert network(torch.zeros(2, 3, side, side)).shape == (2, 7)
    with pytest.raises(UserError, match="victim 'vgg' is not known"):
        build_victim("vgg", 5, 32)


def test_photographs_alone_are_shifted_and_mirrored() -> None:
    import torch

    rng = np.random.default_rng(0)
    colour = rng.integers(0, 256, (40, 32, 32, 3), dtype=np.uint8)
    assert look_like_photographs(colour) and not look_like_photographs(colour[:, :16, :16])
    assert not look_like_photographs(np.repeat(colour[..., :1], 3, axis=3))
    images = torch.from_numpy(colour)
    moved = shifted(images, torch.Generator().manual_seed(0))
    again = shifted(images, torch.Generator().manual_seed(0))
    assert (moved == again).all() and (moved != images).any()
    for before, after in zip(colour, moved.numpy(), strict=True):
        padded = np.pad(before, ((4, 4), (4, 4), (0, 0)), mode="reflect")
        windows = [padded[r : r + 32, c : c + 32] for r in range(9) for c in range(9)]
        assert any((window == after).all() or (window[:, ::-1] == after).all() for window in windows)


def test_the_proof_of_another_question_has_another_key(scanned: Scanned) -> None:
    inspection = scanned.inspection
    keys = {
        prove_module.proof_key(inspection, review_state(inspection.dataset), None, None, options)
        for options in (ProveOptions(), ProveOptions(seeds=4), ProveOptions(victim="resnet18"), ProveOptions(trigger="t1"))
    }
    truth = scanned.truth
    keys.add(prove_module.proof_key(inspection, review_state(inspection.dataset), None, truth, ProveOptions()))
    keys.add(prove_module.proof_key(inspection, review_state(inspection.dataset), inspection.dataset, truth, ProveOptions()))
    assert len(keys) == 6
