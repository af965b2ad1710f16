"""What the rooms that train share: images on the device, the size of a batch, the rate, the loop."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from core.compute import DeviceImages, batch_size, evaluated, half_precision, one_cycle, train
from tests.support.gpu_stand_in import gpu_stand_in

PIXELS = np.random.default_rng(0).integers(0, 256, (9, 4, 5, 3), dtype=np.uint8)
ROWS = torch.tensor([7, 0, 0, 3])


@pytest.mark.parametrize("free", [1 << 30, 2 * PIXELS.nbytes, 0])
def test_images_come_as_they_are_wherever_they_lie(free: int, monkeypatch: pytest.MonkeyPatch) -> None:
    assert np.array_equal(DeviceImages(PIXELS, "cpu").rows(ROWS).numpy(), PIXELS[ROWS.numpy()])
    with gpu_stand_in():
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda *_: (free, 1 << 31))
        images = DeviceImages(PIXELS, "cuda")
        found = images.rows(ROWS)
        assert (images.held is not None) == (free > 2 * PIXELS.nbytes), "half of the free memory is for activations"
        assert found.is_cuda and np.array_equal(found.cpu().numpy(), PIXELS[ROWS.numpy()])


def test_no_images_and_read_only_ones() -> None:
    assert DeviceImages(PIXELS[:0], "cpu").rows(torch.zeros(0, dtype=torch.int64)).shape == (0, 4, 5, 3)
    locked = PIXELS.copy()
    locked.setflags(write=False)
    found = DeviceImages(locked, "cpu").rows(ROWS)
    found += 1
    assert np.array_equal(locked, PIXELS)


@pytest.mark.parametrize(("rows", "most", "size"), [(3, 128, 3), (100, 128, 32), (2000, 128, 50), (10**6, 128, 128), (10**6, 256, 256)])
def test_the_batch_grows_with_the_set(rows: int, most: int, size: int) -> None:
    assert batch_size(rows, most) == size


@pytest.mark.parametrize(("steps", "warm_up"), [(100, 0.15), (40, 0.25), (1, 0.5), (7, 0.0)])
def test_the_rate_rises_once_and_falls_to_nothing(steps: int, warm_up: float) -> None:
    rates = [one_cycle(steps, warm_up)(step) for step in range(steps + 1)]
    peak = int(np.argmax(rates))
    assert max(rates) == 1.0 and rates[-1] == 0.0 and min(rates[:-1]) > 0
    assert peak in (round(warm_up * steps), max(round(warm_up * steps) - 1, 0))
    assert (np.diff(rates[: peak + 1]) > 0).all() and (np.diff(rates[peak + 1 :]) < 0).all()


def test_half_precision_is_for_gpus() -> None:
    assert half_precision("cpu") is None
    with gpu_stand_in():
        assert half_precision("cuda") is torch.bfloat16


def test_the_loop_tells_of_every_step_and_epoch_and_learns() -> None:
    torch.manual_seed(0)
    network, x = torch.nn.Sequential(torch.nn.Linear(4, 2), torch.nn.BatchNorm1d(2)), torch.randn(30, 4)
    y, seen, losses, modes = (x[:, 0] > 0).long(), [], [], []

    def loss_of(batch: torch.Tensor) -> torch.Tensor:
        modes.append(network.training)
        return torch.nn.functional.cross_entropy(network(x[batch]), y[batch])

    def after_epoch(epoch: int) -> None:
        answers = list(evaluated(network, lambda batch: network(x[batch]), np.arange(30), 8, "cpu", None))
        assert [len(batch) for batch, _ in answers] == [8, 8, 8, 6] and not network.training
        seen.append(epoch)
        losses.append(float(torch.nn.functional.cross_entropy(torch.cat([found for _, found in answers]), y)))

    train(
        network,
        lambda: torch.arange(30).split(10),
        loss_of,
        epochs=20,
        steps=3,
        peak=0.5,
        warm_up=0.2,
        device="cpu",
        after_step=lambda batch, loss: seen.append(len(batch)),
        after_epoch=after_epoch,
    )
    assert seen == [entry for epoch in range(20) for entry in (10, 10, 10, epoch)] and all(modes)
    assert losses[-1] < 0.2 < losses[0]
