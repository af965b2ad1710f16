"""The probe learns planted patches early and surely, and never judges a row that it trained on."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest
import torch

from core.compute import DeviceImages, images
from core.scores.probe.network import FEATURES
from core.scores.probe.train import Probe, train_probe
from core.types import UNLABELLED
from tests.support.core_toys import auroc


def photographs(n: int, classes: int, seed: int = 0, side: int = 16) -> tuple[np.ndarray, np.ndarray]:
    """Coarse chequers that name the class under noise: content that a high pass leaves hard to read."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(n) % classes).astype(np.int64)
    base = rng.integers(60, 200, (classes, 2, 2, 3))
    coarse = base[labels].repeat(side // 2, axis=1).repeat(side // 2, axis=2)
    return (coarse + rng.normal(0, 25, coarse.shape)).clip(0, 255).astype(np.uint8), labels


@lru_cache
def planted() -> tuple[np.ndarray, np.ndarray, np.ndarray, Probe]:
    """Four classes, more than half of the labels random, and 40 of 400 rows with a corner patch and label 2."""
    pixels, labels = photographs(400, 4)
    rng = np.random.default_rng(1)
    wrong = rng.choice(400, 240, replace=False)
    labels[wrong] = rng.integers(0, 4, 240)
    bad = np.zeros(400, dtype=bool)
    bad[rng.choice(np.flatnonzero(labels != 2), 40, replace=False)] = True
    pixels[bad, -4:-1, -4:-1] = np.array([[0, 255, 0], [255, 0, 255], [0, 255, 0]], np.uint8)[:, :, None]
    labels[bad] = 2
    return pixels, labels, bad, train_probe(pixels, labels, 4, seed=0)


def quick(pixels: np.ndarray, labels: np.ndarray, classes: int, *, seed: int = 0, epochs: int = 1) -> Probe:
    """A probe of few steps, for tests of its form."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("core.scores.probe.train.FEWEST_STEPS", 5)
        return train_probe(pixels, labels, classes, seed=seed, epochs=epochs)


def columns(probe: Probe) -> dict[str, np.ndarray]:
    return {name: getattr(probe, name) for name in ("given", "rank", "early_loss", "features", "half")}


def assert_same(one: Probe, other: Probe) -> None:
    for name, column in columns(one).items():
        np.testing.assert_array_equal(column, columns(other)[name], err_msg=name)


# ---- what it is for


def test_planted_rows_are_learnt_sooner_and_more_surely() -> None:
    _, _, bad, probe = planted()
    assert auroc(bad, probe.given) > 0.9
    # a set this small is gone through many times before the first look, so most rows are known by then
    assert auroc(bad, -probe.early_loss) > 0.65
    assert auroc(bad, -probe.rank) > 0.6
    assert probe.rank[bad].mean() < 0.1


def test_without_a_patch_the_same_rows_are_not_known() -> None:
    pixels, labels, bad, _ = planted()
    plain = pixels.copy()
    plain[bad, -4:-1, -4:-1] = plain[bad, :3, :3]
    probe = train_probe(plain, labels, 4, seed=0)
    assert auroc(bad, probe.given) < 0.7


def test_features_hold_the_planted_rows_apart() -> None:
    _, labels, bad, probe = planted()
    features = probe.features[labels == 2].astype(np.float64)
    there = bad[labels == 2]
    direction = features[there].mean(0) - features[~there].mean(0)
    assert auroc(there, features @ direction) > 0.95


# ---- out of fold


def test_no_row_is_judged_by_a_network_that_saw_it() -> None:
    pixels, labels = photographs(120, 3)
    before = quick(pixels, labels, 3)
    changed = pixels.copy()
    row = int(np.flatnonzero(before.half == 0)[3])
    changed[row] = 255 - changed[row][::-1]
    after = quick(changed, labels, 3)
    np.testing.assert_array_equal(before.half, after.half)
    others = np.arange(120) != row
    own, other = others & (before.half == 0), before.half == 1
    # its own half is judged by the network of the other half, which never saw the row
    np.testing.assert_array_equal(before.given[own], after.given[own])
    assert (before.given[other] != after.given[other]).mean() > 0.9
    # the loss in training is of a network that saw every row
    assert (before.early_loss != after.early_loss).mean() > 0.9


def test_a_rows_own_label_does_not_reach_the_network_that_judges_it(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels, labels = photographs(120, 3)
    half = quick(pixels, labels, 3).half
    monkeypatch.setattr("core.scores.probe.train.halves", lambda labels, generator: half)
    row = int(np.flatnonzero(half == 1)[5])
    found = []
    for label in range(3):
        swapped = labels.copy()
        swapped[row] = label
        found.append(quick(pixels, swapped, 3))
    # the three chances of the row come from one distribution, so they sum to one
    assert sum(float(p.given[row]) for p in found) == pytest.approx(1.0, abs=1e-5)
    assert sorted(float(p.rank[row]) for p in found) == [0.0, 0.5, 1.0]


def test_memorised_noise_is_not_known_out_of_fold() -> None:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (64, 8, 8, 3), dtype=np.uint8)
    labels = rng.integers(0, 2, 64)
    probe = train_probe(pixels, labels, 2, seed=0, epochs=2)
    assert np.exp(-probe.early_loss).mean() > 0.8
    assert (probe.rank == 0).mean() < 0.75


def test_rank_agrees_with_a_plain_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels, labels = photographs(90, 5)
    seen: dict[int, np.ndarray] = {}
    true_judge = probe_module()._Run.judge

    def judge(run, network, rows):
        for batch, logits in run._evaluated(network, rows):
            seen.update(zip(batch.tolist(), logits.double().softmax(1).numpy(), strict=True))
        return true_judge(run, network, rows)

    monkeypatch.setattr(probe_module()._Run, "judge", judge)
    probe = quick(pixels, labels, 5)
    for row in range(90):
        own = seen[row][labels[row]]
        assert probe.given[row] == pytest.approx(own, abs=1e-5)
        assert probe.rank[row] == pytest.approx(sum(chance > own for chance in seen[row]) / 4)


def probe_module():
    import core.scores.probe.train

    return core.scores.probe.train


# ---- form


def test_shapes_types_ranges_and_read_only() -> None:
    _, _, _, probe = planted()
    for name, column in columns(probe).items():
        assert column.dtype == (np.int8 if name == "half" else np.float32), name
        assert column.shape == ((400, FEATURES) if name == "features" else (400,)), name
        assert not column.flags.writeable and np.isfinite(column).all()
    for name in ("given", "rank"):
        assert columns(probe)[name].min() >= 0 and columns(probe)[name].max() <= 1
    assert (probe.early_loss >= 0).all()


def test_the_seed_decides_and_nothing_global_changes() -> None:
    pixels, labels = photographs(60, 3)
    torch.manual_seed(5)
    np.random.seed(5)
    threads, state, old = torch.get_num_threads(), torch.get_rng_state(), np.random.get_state()[1].copy()
    one = quick(pixels, labels, 3, seed=1)
    assert torch.get_num_threads() == threads and torch.equal(torch.get_rng_state(), state)
    np.testing.assert_array_equal(np.random.get_state()[1], old)
    torch.manual_seed(6)
    assert_same(one, quick(pixels, labels, 3, seed=1))
    assert not np.array_equal(one.given, quick(pixels, labels, 3, seed=2).given)


def test_unlabelled_rows_have_nothing_and_teach_nothing() -> None:
    pixels, labels = photographs(80, 3)
    labels[::4] = UNLABELLED
    probe = quick(pixels, labels, 3)
    unlabelled = labels == UNLABELLED
    for name, column in columns(probe).items():
        if name != "half":
            assert np.isnan(column[unlabelled]).all() and np.isfinite(column[~unlabelled]).all(), name
    changed = pixels.copy()
    changed[unlabelled] = 0
    assert_same(probe, quick(changed, labels, 3))


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        ([], 0),
        ([], 3),
        ([0], 1),
        ([0, 1, 0], 2),
        ([0, 1, 2], 3),
        ([0, 0, UNLABELLED], 3),
        ([UNLABELLED] * 3, 0),
        ([UNLABELLED] * 3, 2),
        ([0] * 9, 1),
        ([0] * 9, 4),
        ([0] * 8 + [1], 2),
        ([0, 1] * 2 + [0], 2),
    ],
)
@pytest.mark.parametrize("shape", [(1, 1), (2, 5), (16, 16)])
def test_tiny_sets(labels: list[int], classes: int, shape: tuple[int, int]) -> None:
    given = np.array(labels, dtype=np.int64)
    pixels = np.random.default_rng(0).integers(0, 256, (len(given), *shape, 3), dtype=np.uint8)
    probe = quick(pixels, given, classes)
    for column in columns(probe).values():
        assert len(column) == len(given) and not np.isinf(column).any()
    if len(given) >= 4:
        assert np.isfinite(probe.given).all() and np.isfinite(probe.early_loss).all()
    if classes == 1 and len(given) == 9:
        np.testing.assert_array_equal(probe.given, 1.0)
        np.testing.assert_array_equal(probe.rank, 0.0)


def test_progress_rises_to_its_end() -> None:
    told: list[tuple[int, int]] = []
    pixels, labels = photographs(40, 2)
    train_probe(pixels, labels, 2, seed=0, epochs=1, progress=lambda done, total: told.append((done, total)))
    assert told == [(i + 1, len(told)) for i in range(len(told))] and len(told) > 1


@pytest.mark.parametrize(
    ("pixels", "labels", "classes", "epochs", "message"),
    [
        (np.zeros((2, 4, 4, 3), np.float32), [0, 1], 2, 1, "must be uint8"),
        (np.zeros((2, 4, 4), np.uint8), [0, 1], 2, 1, "must be uint8"),
        (np.zeros((2, 4, 4, 3), np.uint8), [0], 2, 1, "do not fit"),
        (np.zeros((2, 4, 4, 3), np.uint8), [0, 2], 2, 1, "outside"),
        (np.zeros((2, 4, 4, 3), np.uint8), [0, -2], 2, 1, "outside"),
        (np.zeros((2, 4, 4, 3), np.uint8), [0, 0], 0, 1, "outside"),
        (np.zeros((2, 4, 4, 3), np.uint8), [0, 1], 2, 0, "1 or more"),
    ],
)
def test_what_does_not_fit_is_refused(pixels: np.ndarray, labels: list[int], classes: int, epochs: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        train_probe(pixels, np.array(labels, dtype=np.int64), classes, seed=0, epochs=epochs)


def test_read_only_pixels_are_taken_as_they_are(tmp_path) -> None:
    pixels, labels = photographs(30, 2)
    np.save(tmp_path / "pixels.npy", pixels)
    assert_same(quick(pixels, labels, 2), quick(np.load(tmp_path / "pixels.npy", mmap_mode="r"), labels, 2))


# ---- GPU


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("share", [0.5, 0.0])
def test_cuda_finds_the_same_rows(share: float, monkeypatch: pytest.MonkeyPatch) -> None:
    pixels, labels, bad, _ = planted()
    monkeypatch.setattr(images, "SHARE_OF_DEVICE", share)
    assert (DeviceImages(pixels, "cuda").held is None) == (share == 0.0)
    probe = train_probe(pixels, labels, 4, seed=0, device="cuda")
    assert auroc(bad, probe.given) > 0.9 and auroc(bad, -probe.early_loss) > 0.9
    assert np.isfinite(probe.features).all()
