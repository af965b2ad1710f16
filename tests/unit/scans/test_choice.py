"""Which embedder a set gets: decided by its images and labels, said in words, kept, and never where a person named one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from core.errors import UserError
from core.scans import choice
from core.scans.choice import choose_embedder, settled
from core.scans.options import AUTO, ScanOptions
from core.sources import open_source
from core.types import Dataset
from core.workspace.workspace import Workspace

ASKED = ScanOptions(device="cpu")


@pytest.fixture
def home(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "workspace")


def images(folder: Path, side: int) -> Dataset:
    rng = np.random.default_rng(0)
    for label in range(2):
        (folder / f"c{label}").mkdir(parents=True)
        for number in range(6):
            Image.fromarray(rng.integers(0, 256, (side, side, 3), dtype=np.uint8)).save(folder / f"c{label}" / f"{number}.png")
    return open_source(str(folder))


def measured_as(monkeypatch: pytest.MonkeyPatch, **found: tuple[float, float]) -> list[str]:
    """Stands for embedding the sample: name -> (agreement, seconds an image); an embedder that is not given cannot be had."""
    asked: list[str] = []

    def measured(sample: Dataset, options: ScanOptions, *_: object) -> tuple[float, float]:
        asked.append(options.embedder)
        if options.embedder not in found:
            raise UserError("no weights", "some", "install them")
        return found[options.embedder]

    monkeypatch.setattr(choice, "_measured", measured)
    return asked


def test_small_images_need_no_trial(tmp_path: Path, home: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = measured_as(monkeypatch)
    found = choose_embedder(images(tmp_path / "set", 32), ASKED, home)
    assert found.embedder == "gradients" and "32 px" in found.reason and asked == []


@pytest.mark.parametrize(
    ("gradients", "lite0", "wanted"),
    [
        ((0.73, 0.001), (0.90, 0.005), "lite0"),
        ((0.62, 0.001), (0.55, 0.005), "gradients"),
        ((0.70, 0.001), (0.70, 0.005), "lite0"),
        # 12 images of three minutes each are more than half an hour
        ((0.50, 0.001), (0.90, 180.0), "gradients"),
    ],
)
def test_large_images_get_what_agrees_more_with_their_labels_and_is_not_too_slow(
    tmp_path: Path,
    home: Workspace,
    monkeypatch: pytest.MonkeyPatch,
    gradients: tuple[float, float],
    lite0: tuple[float, float],
    wanted: str,
) -> None:
    measured_as(monkeypatch, gradients=gradients, lite0=lite0)
    found = choose_embedder(images(tmp_path / "set", 80), ASKED, home)
    assert found.embedder == wanted
    assert f"{gradients[0]:.0%} under gradients" in found.reason and f"{lite0[0]:.0%} under lite0" in found.reason


def test_what_cannot_be_tried_is_not_chosen(tmp_path: Path, home: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    measured_as(monkeypatch, gradients=(0.1, 0.001))
    assert choose_embedder(images(tmp_path / "set", 80), ASKED, home).embedder == "gradients"


def test_one_class_is_nothing_to_compare_by(tmp_path: Path, home: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = measured_as(monkeypatch)
    found = choose_embedder(images(tmp_path / "set", 80).select(np.arange(6)), ASKED, home)
    assert found.embedder == "lite0" and asked == []


def test_what_was_chosen_is_kept_and_said_again(tmp_path: Path, home: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = images(tmp_path / "set", 80)
    asked = measured_as(monkeypatch, gradients=(0.5, 0.001), lite0=(0.9, 0.005))
    first = settled(ASKED, dataset, home)
    assert first[0].embedder == "lite0" and len(asked) == 2
    assert settled(ASKED, dataset, home) == first and len(asked) == 2
    next((home.root / "choices").iterdir()).write_text('{"embedder": "os.system"}')
    assert settled(ASKED, dataset, home) == first and len(asked) == 4


def test_an_embedder_that_a_person_named_stays(tmp_path: Path, home: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    measured_as(monkeypatch)
    named = ScanOptions(embedder="pixels", device="cpu")
    assert settled(named, images(tmp_path / "set", 80), home) == (named, "")
    assert not (home.root / "choices").exists()


def flat(folder: Path, colours: NDArray[np.uint8]) -> Dataset:
    """Two classes of large flat images, each of one colour, slightly different each."""
    for label, colour in enumerate(colours):
        (folder / f"c{label}").mkdir(parents=True)
        for number in range(12):
            Image.new("RGB", (100, 100), tuple(int(c) + number for c in colour)).save(folder / f"c{label}" / f"{number}.png")
    return open_source(str(folder))


@pytest.mark.slow
def test_the_trial_embeds_and_asks_the_neighbours(tmp_path: Path, home: Workspace) -> None:
    dataset = flat(tmp_path / "set", np.array([[200, 20, 20], [20, 20, 200]], np.uint8))
    found = choose_embedder(dataset, ASKED, home)
    assert found.embedder in ("gradients", "lite0") and f"of {len(dataset)} images" in found.reason
    agreement, seconds = choice._measured(dataset, ScanOptions(embedder="lite0", device="cpu"), home, None)
    # red and blue are told apart by a network; what was embedded already costs nothing
    assert agreement == 1.0 and seconds == 0.0
    assert ASKED.embedder == AUTO
