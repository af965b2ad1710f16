"""Learning without labels: the loss, the views, going on after a stop, memory that runs out, and what comes of it."""

from __future__ import annotations

import json
import math
import os
import socket
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from attack_toys import make_dataset
from PIL import Image
from torch import nn

from core.cli import main
from core.embedders import contrast_training
from core.embedders.augment import Strength, _blur, _turns, random_views
from core.embedders.base import Settings
from core.embedders.checkpoints import generator_of
from core.embedders.contrast_loss import backward_in_pieces, nt_xent
from core.embedders.contrast_nets import build
from core.embedders.contrast_training import Plan, Told, Training
from core.embedders.feature_learning import FeatureLearner
from core.embedders.simclr import Simclr
from core.errors import UserError
from core.learning import agreement, learn
from core.progress import Progress
from core.scan_options import ScanOptions
from core.store import Workspace, read_json

ROOT = Path(__file__).resolve().parent.parent


class Stopped(Exception):
    pass


def shapes(n: int, side: int = 32, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Bars, discs, rings and checks of random colours at random places: uint8 (n, side, side, 3) and their kind."""
    rng = np.random.default_rng(seed)
    kinds = np.arange(n) % 4
    y, x = np.mgrid[:side, :side]
    images = np.empty((n, side, side, 3), np.uint8)
    for i, kind in enumerate(kinds):
        cy, cx, size = *rng.uniform(side * 0.35, side * 0.65, 2), rng.uniform(side * 0.2, side * 0.3)
        away = np.hypot(y - cy, x - cx)
        inside = [abs(y - cy) < size / 3, away < size, abs(away - size) < 2, ((y // 4 + x // 4) % 2 == 0) & (away < 1.3 * size)][kind]
        front, back = rng.integers(130, 255, 3), rng.integers(0, 110, 3)
        images[i] = np.where(inside[..., None], front, back) + rng.integers(-12, 13, (side, side, 3)).clip(-int(back.min()), None).clip(0)
    return images, kinds


def quiet(told: Told) -> None:
    """Nobody listens."""


def no_agreement(vectors: np.ndarray, rows: np.ndarray) -> float:
    return 0.5


# ---- views


def test_views_are_images_of_the_same_size_and_come_from_the_seed() -> None:
    images = torch.from_numpy(shapes(12)[0])
    first, again = (random_views(images, generator_of(3, 1, 7)) for _ in range(2))
    assert first.shape == (12, 3, 32, 32) and first.dtype == torch.float32
    assert float(first.min()) >= 0 and float(first.max()) <= 1
    assert torch.equal(first, again)
    assert not torch.equal(first, random_views(images, generator_of(3, 1, 8)))


def test_small_signs_are_never_mirrored() -> None:
    still = Strength(least_area=1.0, jittered=0.0, grey=0.0, blurred=0.0, mirrored=1.0)
    for side, mirrored in ((24, False), (32, True)):
        ramp = torch.arange(side).float().mul(255 / side).byte()[None, None, :, None].expand(16, side, side, 3)
        seen = random_views(ramp.contiguous(), generator_of(0, 0, 0), still)
        falls = seen[:, 0, :, 0].mean(1) > seen[:, 0, :, -1].mean(1)
        assert bool(falls.all()) is mirrored and bool(falls.any()) is mirrored


def test_a_third_of_a_turn_swaps_the_colours() -> None:
    turned = _turns(torch.tensor([0.0, 2 * math.pi / 3]))
    assert torch.allclose(turned[0], torch.eye(3), atol=1e-6)
    assert torch.allclose(turned[1] @ torch.tensor([1.0, 0, 0]), torch.tensor([0.0, 1, 0]), atol=1e-6)


def test_blur_is_a_gaussian_and_only_where_drawn() -> None:
    x = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    found = _blur(x, torch.tensor([[0.0, 0.99], [0.5, 0.5]]), Strength(blurred=0.4))
    taps = np.exp(-0.5 * (np.arange(-2, 3) / (0.1 + 0.9 * 0.5)) ** 2)
    kernel = torch.from_numpy(np.outer(taps, taps) / taps.sum() ** 2).float()
    padded = nn.functional.pad(x[:1], (2, 2, 2, 2), mode="replicate")
    wanted = nn.functional.conv2d(padded, kernel.expand(3, 1, 5, 5), groups=3)
    assert torch.allclose(found[:1], wanted, atol=1e-5)
    assert torch.equal(found[1], x[1])


# ---- the loss


def test_the_loss_is_the_papers_formula() -> None:
    z = nn.functional.normalize(torch.randn(10, 6, generator=torch.Generator().manual_seed(1)), dim=1)
    total = 0.0
    for i in range(10):
        j = (i + 5) % 10
        bottom = sum(math.exp(float(z[i] @ z[k]) / 0.2) for k in range(10) if k != i)
        total -= math.log(math.exp(float(z[i] @ z[j]) / 0.2) / bottom)
    assert float(nt_xent(z, 0.2)) == pytest.approx(total / 10, rel=1e-5)


def plain_network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(48, 16), nn.Tanh(), nn.Linear(16, 8))


@pytest.mark.parametrize("piece", [3, 5, 8])
def test_pieces_give_the_gradient_of_the_whole(piece: int) -> None:
    views = torch.randn(16, 3, 4, 4, generator=torch.Generator().manual_seed(2))
    gradients, losses = [], []
    for size in (16, piece):
        network = plain_network()
        unit = lambda x, n=network: nn.functional.normalize(n(x), dim=1)  # noqa: E731
        losses.append(float(backward_in_pieces(unit, views, 0.5, size, nullcontext)))
        gradients.append([p.grad.clone() for p in network.parameters() if p.grad is not None])
    assert losses[0] == pytest.approx(losses[1], rel=1e-6)
    for whole, pieced in zip(*gradients, strict=True):
        assert torch.allclose(whole, pieced, atol=1e-6)


# ---- a run, stopped and taken up again

PLAN = Plan("small", 32, seed=5, epochs=3, batch=16)


def train(folder: Path, hear: Any = quiet, plan: Plan = PLAN) -> dict[str, torch.Tensor]:
    images = shapes(64)[0]
    return {k: v.clone() for k, v in Training(plan, images, folder, "cpu", hear, no_agreement).run().state_dict().items()}


def test_a_stopped_run_ends_where_it_would_have(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    straight = train(tmp_path / "a")
    monkeypatch.setattr(contrast_training, "CHECKPOINT_SECONDS", 0.0)

    def stop(told: Told) -> None:
        if told.share > 0.55:
            raise Stopped

    with pytest.raises(Stopped):
        train(tmp_path / "b", stop)
    assert (tmp_path / "b" / "checkpoint.pt").exists()
    steps: list[float] = []
    resumed = train(tmp_path / "b", lambda told: steps.append(told.share))
    assert min(steps) > 0.4, "it began anew"
    for name, value in straight.items():
        assert torch.equal(value, resumed[name]), name


def test_a_damaged_checkpoint_begins_anew(tmp_path: Path) -> None:
    straight = train(tmp_path / "a")
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "checkpoint.pt").write_bytes(b"torn")
    again = train(tmp_path / "b")
    assert all(torch.equal(value, again[name]) for name, value in straight.items())


def test_a_budget_of_time_ends_the_run(tmp_path: Path) -> None:
    told: list[Told] = []
    train(tmp_path, told.append, Plan("small", 32, epochs=10**6, minutes=0.03, batch=16))
    assert told[-1].share == 1.0 and told[-1].epoch < 10**6


def test_memory_that_runs_out_halves_the_pieces_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Told] = []
    images = shapes(128)[0]
    training = Training(Plan("small", 32, epochs=1, batch=64), images, tmp_path, "cpu", told.append, no_agreement)
    forward = training.network.forward

    def narrow(x: torch.Tensor) -> torch.Tensor:
        if len(x) > 40:
            raise RuntimeError("CUDA out of memory. Tried to allocate 2 GiB")
        return forward(x)

    monkeypatch.setattr(training.network, "forward", narrow)
    training.run()
    assert training.piece == 32
    assert any("pieces of 32" in t.note for t in told)


def run_two(script: Path, folder: Path) -> list[str]:
    """Run `script` as two processes of one group; what each printed."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    group = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "OMP_NUM_THREADS": "1"}
    processes = [
        subprocess.Popen(
            [sys.executable, str(script), str(ROOT), str(folder)],
            env={**os.environ, **group, "RANK": str(rank)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for rank in range(2)
    ]
    said = [process.communicate(timeout=180)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], said
    return said


def test_two_processes_train_one_network(tmp_path: Path) -> None:
    script = tmp_path / "part.py"
    script.write_text(
        "import sys\nsys.path[:0] = [sys.argv[1], sys.argv[1] + '/tests']\nimport os, torch\nfrom pathlib import Path\n"
        "from test_simclr import Plan, Training, no_agreement, quiet, shapes\n"
        "folder = Path(sys.argv[2])\n"
        "t = Training(Plan('small', 32, epochs=1, batch=16), shapes(48)[0], folder, 'cpu', quiet, no_agreement, together=True)\n"
        "torch.save(t.run().projector.state_dict(), folder / ('rank' + os.environ['RANK'] + '.pt'))\n"
        "print(t.batch, t.steps_an_epoch, t.step)\n"
    )
    said = run_two(script, tmp_path)
    assert all(lines.split()[-3:] == ["8", "3", "3"] for lines in said), said
    one, two = (torch.load(tmp_path / f"rank{rank}.pt", weights_only=True) for rank in range(2))
    assert all(torch.equal(one[name], two[name]) for name in one if "weight" in name or "bias" in name)


def test_two_processes_have_the_gradient_of_one(tmp_path: Path) -> None:
    """Each of two processes holds half of the images; negatives come from both."""
    views = torch.randn(16, 3, 4, 4, generator=torch.Generator().manual_seed(2))
    network = plain_network()
    backward_in_pieces(lambda x: nn.functional.normalize(network(x), dim=1), views, 0.5, 16, nullcontext)
    wanted = {name: p.grad for name, p in network.named_parameters()}
    script = tmp_path / "part.py"
    script.write_text(
        "import sys\nsys.path[:0] = [sys.argv[1], sys.argv[1] + '/tests']\nimport os, torch\nimport torch.distributed as dist\n"
        "from contextlib import nullcontext\nfrom test_simclr import backward_in_pieces, nn, plain_network\n"
        "class Unit(nn.Module):\n"
        "    def __init__(self):\n        super().__init__()\n        self.inner = plain_network()\n"
        "    def forward(self, x):\n        return nn.functional.normalize(self.inner(x), dim=1)\n"
        "dist.init_process_group('gloo')\nrank = dist.get_rank()\n"
        "views = torch.randn(16, 3, 4, 4, generator=torch.Generator().manual_seed(2))\n"
        "own = torch.cat([views[4 * rank:4 * rank + 4], views[8 + 4 * rank:12 + 4 * rank]])\n"
        "unit = Unit()\nbackward_in_pieces(nn.parallel.DistributedDataParallel(unit), own, 0.5, 8, nullcontext)\n"
        "torch.save({n: p.grad for n, p in unit.inner.named_parameters()}, sys.argv[2] + f'/grad{rank}.pt')\n"
    )
    run_two(script, tmp_path)
    for rank in range(2):
        found = torch.load(tmp_path / f"grad{rank}.pt", weights_only=True)
        for name, gradient in wanted.items():
            assert torch.allclose(found[name], gradient, atol=1e-6), name


def test_features_learn_in_one_process(tmp_path: Path) -> None:
    model, images = bound(tmp_path, Settings("cpu"))
    with pytest.raises(UserError, match="learns in one process"):
        model.learn(images, tmp_path, quiet, no_agreement, together=True)


# ---- on top of features


def small_learner(seed: int = 0, epochs: int = 8) -> FeatureLearner:
    return FeatureLearner(Plan("features", 32, seed=seed, epochs=epochs), "cpu")


def test_learning_on_features_is_the_same_after_a_stop(tmp_path: Path) -> None:
    images = shapes(80)[0]
    one, two = small_learner(), small_learner()
    one.learn(images, tmp_path / "a", quiet, no_agreement)

    def stop(told: Told) -> None:
        if told.share > 0.3:
            raise Stopped

    (tmp_path / "b").mkdir()
    with pytest.raises(Stopped):
        two.learn(images, tmp_path / "b", stop, no_agreement)
    assert list((tmp_path / "b").glob("views-*.pt"))
    two.learn(images, tmp_path / "b", quiet, no_agreement)
    assert np.array_equal(one.features(images), two.features(images))
    assert not list((tmp_path / "b").glob("views-*.pt"))


def test_learning_on_features_gathers_what_is_alike(tmp_path: Path) -> None:
    images, kinds = shapes(600)
    learner = small_learner(epochs=20)
    before = agreement(learner.gradients.features(list(images), np.arange(600)), kinds)
    learner.learn(images, tmp_path, quiet, no_agreement)
    assert agreement(learner.features(images), kinds) > before


# ---- the embedder


def bound(folder: Path, settings: Settings, n: int = 64) -> tuple[Simclr, np.ndarray]:
    images = shapes(n)[0]
    model = Simclr(settings)
    model.bind(np.arange(n * 16, dtype=np.uint8).reshape(n, 16), 32)
    return model, images


@pytest.mark.parametrize("backbone", ["small", "features"])
def test_what_was_learned_is_found_again(tmp_path: Path, backbone: str) -> None:
    settings = Settings("cpu", backbone=backbone, epochs=2, batch=0 if backbone == "features" else 16)
    model, images = bound(tmp_path, settings)
    curve = model.learn(images, tmp_path, quiet, no_agreement)
    assert curve and {"epoch", "loss", "speed", "seconds", "agreement"} <= set(curve[-1])
    found = model.features(list(images), np.arange(len(images)))
    other, _ = bound(tmp_path, settings)
    assert other.known(tmp_path) and other.key == model.key
    assert np.array_equal(found, other.features(list(images), np.arange(len(images))))
    # a row's vector does not depend on who else is in the batch
    assert np.allclose(found[:3], other.features(list(images[:3]), np.arange(3)), atol=1e-4)
    vectors = model.finish([found], len(found))
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("side", [16, 24, 32, 40, 64])
def test_every_working_size_can_be_learned_from(tmp_path: Path, side: int) -> None:
    images, kinds = shapes(24, side)
    dataset = make_dataset(list(images), kinds)
    model = Simclr(Settings("cpu", epochs=1))
    learn(dataset, model, Workspace(tmp_path), Progress(None, None), None)
    assert model.features([model.pixels(dataset.load(row)) for row in range(3)], np.arange(3)).shape[0] == 3


def test_another_device_or_backbone_names_another_scan() -> None:
    plain = ScanOptions(embedder="simclr", device="cpu").recipe()
    assert ("backbone", "features") in plain.options and ("epochs", "60") in plain.options
    assert ScanOptions(embedder="simclr", device="cpu", backbone="features", epochs=60).recipe() == plain
    assert ScanOptions(embedder="simclr", device="cpu", backbone="resnet18").recipe() != plain


def test_the_result_is_named_by_images_and_plan_not_by_labels(tmp_path: Path) -> None:
    images = list(shapes(24)[0])
    first, second = (make_dataset(images, np.random.default_rng(seed).integers(0, 4, 24)) for seed in (0, 1))
    keys = [Simclr(Settings("cpu")).bind(d.image_digests, 32) for d in (first, second)]
    assert keys[0] == keys[1]
    assert Simclr(Settings("cpu", epochs=7)).bind(first.image_digests, 32) != keys[0]
    assert Simclr(Settings("cpu", seed=1)).bind(first.image_digests, 32) != keys[0]


def test_learning_keeps_a_curve_for_who_watches(tmp_path: Path) -> None:
    images = list(shapes(40)[0])
    dataset = make_dataset(images, np.arange(40) % 4)
    states: list[Any] = []
    model = Simclr(Settings("cpu", backbone="small", epochs=2, batch=16))
    workspace = Workspace(tmp_path)
    learn(dataset, model, workspace, Progress(None, states.append), tmp_path / "learning.json")
    found = read_json(tmp_path / "learning.json")
    assert found and len(found["curve"]) >= 2 and 0 <= found["curve"][-1]["agreement"] <= 1
    assert any(s.stage == "train" and "altered images per second" in s.message for s in states)
    again = Simclr(Settings("cpu", backbone="small", epochs=2, batch=16))
    told: list[Any] = []
    learn(dataset, again, workspace, Progress(None, told.append), tmp_path / "other.json")
    assert not told and again.embed_rows is not None, "it learned twice"


def test_agreement_counts_as_a_loop_would() -> None:
    rng = np.random.default_rng(0)
    vectors, labels = rng.normal(size=(60, 5)).astype(np.float32), rng.integers(-1, 3, 60)
    rows = np.flatnonzero(labels >= 0)
    kept = vectors[rows] - vectors[rows].mean(0)
    kept /= np.linalg.norm(kept, axis=1, keepdims=True)
    right = 0
    for i in range(len(rows)):
        near = sorted((j for j in range(len(rows)) if j != i), key=lambda j: -float(kept[i] @ kept[j]))[:20]
        votes = [sum(math.exp(float(kept[i] @ kept[j]) / 0.1) for j in near if labels[rows[j]] == c) for c in range(3)]
        right += int(np.argmax(votes)) == labels[rows[i]]
    assert agreement(vectors, labels) == pytest.approx(right / len(rows))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (ScanOptions(epochs=3), "--epochs does not go with embedder 'gradients'"),
        (ScanOptions(embedder="simclr", epochs=3, minutes=1.0), "--epochs and --minutes do not go together"),
        (ScanOptions(embedder="simclr", minutes=-1.0), "minutes = -1 cannot be"),
        (ScanOptions(embedder="simclr", batch=3), "batch = 3 cannot be"),
        (ScanOptions(embedder="simclr", device="cpu", batch=64), "--batch does not go with the backbone 'features'"),
        (ScanOptions(embedder="simclr", backbone="vgg"), "backbone 'vgg' is not known"),
    ],
)
def test_options_that_cannot_be_are_one_line(options: ScanOptions, words: str) -> None:
    with pytest.raises(UserError) as told:
        options.recipe()
    assert words in str(told.value) and "\n" not in str(told.value)


def test_a_backbone_that_cannot_be_is_one_line() -> None:
    with pytest.raises(UserError, match="backbone 'vgg' is not known"):
        Simclr(Settings("cpu", backbone="vgg"))


def test_a_budget_of_time_ends_the_learning_on_features(tmp_path: Path) -> None:
    told: list[Told] = []
    learner = FeatureLearner(Plan("features", 32, epochs=10**6, minutes=0.05), "cpu")
    learner.learn(shapes(80)[0], tmp_path, told.append, no_agreement)
    assert told[-1].share == 1.0 and 0 < told[-1].epoch < 10**6


@pytest.mark.parametrize(("name", "side"), [("small", 64), ("resnet18", 32), ("resnet18", 64), ("resnet18", 96)])
def test_every_backbone_takes_its_size(name: str, side: int) -> None:
    network = build(name, side, 0, "cpu").eval()
    found = network(torch.rand(2, 3, side, side))
    assert found.shape == (2, 128) and torch.allclose(found.norm(dim=1), torch.ones(2), atol=1e-5)


def test_the_curve_is_drawn_from_two_points_on() -> None:
    from ui.charts import learning_curve

    points = [{"epoch": 1, "agreement": None}, {"epoch": 2, "agreement": 0.5}, {"epoch": 3, "agreement": 0.625}]
    assert learning_curve({"curve": points[:2]}) is None and learning_curve({}) is None
    figure = learning_curve({"curve": points})
    assert figure is not None and list(figure.data[0].x) == [2, 3] and list(figure.data[0].y) == [50.0, 62.5]


# ---- the command line


def folder_of_shapes(root: Path, n: int = 48) -> Path:
    images, kinds = shapes(n)
    for row, (image, kind) in enumerate(zip(images, kinds, strict=True)):
        place = root / f"kind{kind}" / f"{row:03d}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(place)
    return root


def test_what_the_command_learned_is_what_a_scan_embeds_with(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = str(folder_of_shapes(tmp_path / "set"))
    options = ["--embedder", "simclr", "--backbone", "small", "--epochs", "1", "--batch", "16", "--device", "cpu"]
    place = ["--workspace", str(tmp_path / "workspace"), "--json"]
    assert main(["learn", source, *options[2:], *place]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["curve"][-1]["epoch"] == 1 and said["key"].startswith("simclr-")
    assert main(["scan", source, *options, "--k", "5", *place]) == 0
    heard = capsys.readouterr()
    assert "embedding images" in heard.err and "learning from the images" not in heard.err
    scan = json.loads(heard.out)["key"]
    vectors = np.load(tmp_path / "workspace" / "scans" / scan / "vectors.npy")
    assert vectors.shape == (48, 256) and np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_an_embedder_that_learns_nothing_is_refused_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["learn", "demo", "--embedder", "gradients", "--workspace", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert "embedder 'gradients' does not learn from a set" in said and said.count("\n") == 1
