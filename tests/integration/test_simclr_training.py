"""Training without labels: views, the loss, going on after a stop, memory that runs out, several processes."""

from __future__ import annotations

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
from torch import nn

from core.embedders.base import LearningProgress, Settings
from core.embedders.simclr import contrast_training
from core.embedders.simclr.augment import Strength, _blur, _turns, random_views
from core.embedders.simclr.checkpoints import generator_of
from core.embedders.simclr.contrast_loss import backward_in_pieces, nt_xent
from core.embedders.simclr.contrast_training import Plan, Training
from core.errors import UserError
from tests.support.simclr_toys import ROOT, Stopped, bound, no_agreement, plain_network, quiet, shapes

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

    def stop(told: LearningProgress) -> None:
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
    told: list[LearningProgress] = []
    train(tmp_path, told.append, Plan("small", 32, epochs=10**6, minutes=0.03, batch=16))
    assert told[-1].share == 1.0 and told[-1].epoch < 10**6


def test_memory_that_runs_out_halves_the_pieces_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[LearningProgress] = []
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
        "import sys\nsys.path.insert(0, sys.argv[1])\nimport os, torch\nfrom pathlib import Path\n"
        "from core.embedders.simclr.contrast_training import Plan, Training\nfrom tests.support.simclr_toys import no_agreement, quiet, shapes\n"
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
        "import sys\nsys.path.insert(0, sys.argv[1])\nimport os, torch\nimport torch.distributed as dist\n"
        "from contextlib import nullcontext\nfrom torch import nn\nfrom core.embedders.simclr.contrast_loss import backward_in_pieces\nfrom tests.support.simclr_toys import plain_network\n"
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
