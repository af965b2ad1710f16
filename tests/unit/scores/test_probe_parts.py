"""The parts that the probe is made of: its halves, its high pass, its weights, its order of batches."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from core.compute import batch_size, one_cycle
from core.scores.probe.network import HighPass, build
from core.scores.probe.train import WARM_UP, _shuffled, halves
from core.types import UNLABELLED


@pytest.mark.parametrize("sizes", [(5, 1, 8, 3), (1, 1, 1), (2,), (7, 0, 7)])
def test_halves_split_every_class(sizes: tuple[int, ...]) -> None:
    labels = np.random.default_rng(0).permutation(np.repeat(np.arange(len(sizes)), sizes))
    labels = np.append(labels, UNLABELLED)
    half = halves(labels, torch.Generator().manual_seed(0))
    assert half[-1] == -1
    for label in range(len(sizes)):
        inside = half[labels == label]
        assert set(inside) <= {0, 1} and abs((inside == 0).sum() - (inside == 1).sum()) <= 1
    assert abs((half == 0).sum() - (half == 1).sum()) <= 1
    assert not np.array_equal(half, halves(labels, torch.Generator().manual_seed(1))) or len(labels) < 6


def test_high_pass_agrees_with_a_plain_loop() -> None:
    images = np.random.default_rng(0).integers(0, 256, (2, 5, 7, 3), dtype=np.uint8)
    found = HighPass(5, 7, torch.device("cpu"))(torch.from_numpy(images))
    assert found.shape == (2, 3, 5, 7) and found.is_contiguous(memory_format=torch.channels_last)
    weights = np.outer([1, 4, 6, 4, 1], [1, 4, 6, 4, 1]) / 256
    padded = np.pad(images.astype(float), ((0, 0), (2, 2), (2, 2), (0, 0)), mode="edge")
    for row in range(5):
        for column in range(7):
            window = padded[:, row : row + 5, column : column + 5]
            blurred = (window * weights[None, :, :, None]).sum(axis=(1, 2))
            expected = (images[:, row, column] - blurred) * 8 / 255
            np.testing.assert_allclose(found[:, :, row, column], expected, atol=1e-5)


def test_weights_hang_on_the_generator_alone() -> None:
    torch.manual_seed(0)
    one = build(3, torch.Generator().manual_seed(9), "cpu").state_dict()
    torch.manual_seed(1)
    other = build(3, torch.Generator().manual_seed(9), "cpu").state_dict()
    third = build(3, torch.Generator().manual_seed(8), "cpu").state_dict()
    assert all(torch.equal(one[name], other[name]) and torch.isfinite(one[name]).all() for name in one)
    assert not torch.equal(one["head.weight"], third["head.weight"])


def test_an_epoch_holds_every_row_once() -> None:
    rows = np.arange(1000, 1000 + 6100)
    assert batch_size(len(rows)) == 128
    batches = list(_shuffled(rows, 48, torch.Generator().manual_seed(0)))
    assert sorted(torch.cat(batches).tolist()) == rows.tolist()
    assert torch.cat(batches).tolist() != rows.tolist()


def test_short_sets_go_round_again() -> None:
    batches = list(_shuffled(np.array([4, 7, 9]), 10, torch.Generator().manual_seed(0)))
    assert len(batches) == 10 and all(len(batch) >= 2 for batch in batches)
    assert set(torch.cat(batches).tolist()) == {4, 7, 9}


def test_the_learning_rate_rises_and_falls() -> None:
    rate = one_cycle(100, WARM_UP)
    rates = [rate(step) for step in range(100)]
    peak = int(np.argmax(rates))
    assert max(rates) == pytest.approx(1.0) and 0 < rates[0] < 0.1 and 0 < rates[-1] < 0.05
    assert (np.diff(rates[: peak + 1]) > 0).all() and (np.diff(rates[peak + 1 :]) < 0).all()
