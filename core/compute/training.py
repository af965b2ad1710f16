"""Training a classifier: stochastic gradient descent with one cycle of the learning rate, and asking the network afterwards.

One cycle: Smith, Topin, "Super-convergence: very fast training of neural networks using large learning rates", 2018,
arXiv 1708.07120. Contrastive learning has a loop of its own (core/embedders/simclr): it ends by time, in pieces, and resumes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import torch
from torch import nn

from ..types import Int64
from .device import autocast

USUAL_SMALLEST, LARGEST_BATCH = 32, 128
BATCHES_AIMED_AT = 40


def batch_size(rows: int, most: int = LARGEST_BATCH) -> int:
    """Images a step: `most`, fewer where there are few."""
    return min(rows, most, max(USUAL_SMALLEST, rows // BATCHES_AIMED_AT))


def one_cycle(steps: int, warm_up: float) -> Callable[[int], float]:
    """Learning rate at a step as a share of its peak: up in a line for `warm_up` of the steps, then down in a line to nothing."""
    risen = max(1, round(warm_up * steps))
    return lambda step: (step + 1) / risen if step < risen else max(steps - step, 0) / max(steps - risen, 1)


def train(
    network: nn.Module,
    batches: Callable[[], Iterable[torch.Tensor]],
    loss_of: Callable[[torch.Tensor], torch.Tensor],
    *,
    epochs: int,
    steps: int,
    peak: float,
    warm_up: float,
    device: str | torch.device,
    precision: torch.dtype | None = None,
    after_step: Callable[[torch.Tensor, torch.Tensor], None],
    after_epoch: Callable[[int], None],
) -> None:
    """Train `network` in place, `epochs` times `steps` batches.

    batches: called at the start of each epoch.  loss_of: a batch -> its mean loss, to be computed under `precision`.
    after_step: told the batch and its loss.  after_epoch: told the epoch's number, from 0; the network may be left in `eval`.
    """
    optimiser = torch.optim.SGD(network.parameters(), lr=peak, momentum=0.9, nesterov=True, weight_decay=5e-4)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, one_cycle(epochs * steps, warm_up))
    scaler = torch.amp.GradScaler(torch.device(device).type, enabled=precision is torch.float16)  # type: ignore[attr-defined]
    for epoch in range(epochs):
        network.train()
        for batch in batches():
            loss = loss_of(batch)
            optimiser.zero_grad(set_to_none=True)
            scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
            scaler.step(optimiser)
            scaler.update()
            schedule.step()
            after_step(batch, loss)
        after_epoch(epoch)


def evaluated(
    network: nn.Module,
    answer: Callable[[torch.Tensor], torch.Tensor],
    rows: Int64,
    size: int,
    device: str | torch.device,
    precision: torch.dtype | None,
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """(batch of at most `size` rows, float32 answers of it), in order, nothing trained.  answer: asks `network` about rows."""
    network.eval()
    with torch.inference_mode():
        for batch in blocks(rows, size):
            with autocast(device, precision):
                found = answer(batch)
            yield batch, found.float()


def blocks(rows: Int64, size: int) -> Iterator[torch.Tensor]:
    """`rows` in order, `size` at a time."""
    for start in range(0, len(rows), size):
        yield torch.from_numpy(rows[start : start + size])
