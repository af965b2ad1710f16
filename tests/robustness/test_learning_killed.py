"""A learning whose process is really killed ends where it would have ended, to the bit on a CPU."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from core.embedders.simclr.checkpoints import read_tensors
from core.embedders.simclr.simclr import RESULT
from tests.support.core_toys import image_folder
from tests.support.simclr_toys import ROOT

# the command line, with a checkpoint after every step instead of every minute
EAGER = "import sys; from core.embedders.simclr import contrast_training as t; t.CHECKPOINT_SECONDS = 0.0; from core.cli.program import main; sys.exit(main(sys.argv[1:]))"


def start(images: Path, workspace: Path, *options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", EAGER, "learn", str(images), *options, "--device", "cpu", "--workspace", str(workspace)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def finished(process: subprocess.Popen[str]) -> str:
    """What the process said of itself, once it has ended well."""
    _, said = process.communicate(timeout=240)
    assert process.returncode == 0, said
    return said


def killed_when(process: subprocess.Popen[str], reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not reached():
        assert time.monotonic() < deadline and process.poll() is None, "the moment never came"
        time.sleep(0.002)
    process.kill()
    process.communicate()


def tensors(workspace: Path) -> dict[str, torch.Tensor]:
    """What was learned, flat; the curve holds seconds, which differ."""
    (result,) = workspace.glob(f"features/*/{RESULT}")
    state = read_tensors(result)
    assert state is not None
    flat = {name: value for name, value in state.items() if isinstance(value, torch.Tensor)}
    for part in (value for value in state.values() if isinstance(value, dict)):
        flat |= part
    assert sum(value.numel() for value in flat.values()) > 1000
    return flat


def step_of(workspace: Path) -> int:
    """Steps that the newest checkpoint holds, −1 where there is none."""
    state = next((read_tensors(path) for path in workspace.glob("features/*/checkpoint.pt")), None)
    return -1 if state is None else int(state["step"])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("backbone", "moments"),
    [
        ("small", [lambda w: step_of(w) >= 5, lambda w: step_of(w) >= 20]),
        ("features", [lambda w: bool(list(w.glob("features/*/views-1.pt"))), lambda w: bool(list(w.glob("features/*/views-6.pt")))]),
    ],
)
def test_killed_twice_it_ends_where_it_would_have(tmp_path: Path, backbone: str, moments: list[Callable[[Path], bool]]) -> None:
    images = image_folder(tmp_path / "set", size=40)
    options = ("--backbone", backbone, "--epochs", "12", *(("--batch", "16") if backbone == "small" else ()))
    finished(start(images, tmp_path / "straight", *options))
    broken = tmp_path / "broken"
    reached = []
    for moment in moments:
        killed_when(start(images, broken, *options), lambda moment=moment: moment(broken))
        reached.append(step_of(broken))
        assert not list(broken.glob(f"features/*/{RESULT}")), "it ended before it was killed"
    if backbone == "small":
        assert reached[0] >= 5 and reached[1] > reached[0], "the second process began anew"
    finished(start(images, broken, *options))
    straight, resumed = tensors(tmp_path / "straight"), tensors(broken)
    assert straight.keys() == resumed.keys()
    for name, value in straight.items():
        assert torch.equal(value, resumed[name]), name
    assert not [path for path in broken.glob("features/*/*") if path.name.startswith(".taster-") or path.name.startswith("views-")]
