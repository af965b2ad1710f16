"""Which loss teaches an embedding best in the same time: NT-Xent against non-contrastive losses and many views at once.

python bench/losses.py                                  10,000 CIFAR-10 images, each loss on the same views, kNN accuracy
python bench/losses.py --images 600 --epochs 2          seconds: shows that it runs

All of them train the perceptron of the backbone `features` (core/embedders/simclr/feature_learning.py) on one stock of random
views, so that only the loss differs. Labels are used for the accuracy alone. `--rates` are learning rates to try, because
losses differ in scale; the table says the best one's accuracy, and all of them.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from common import data_folder, keep
from torch.nn.functional import normalize

from core.compute import pick_device
from core.embedders.base import Settings
from core.embedders.simclr import feature_learning
from core.embedders.simclr.checkpoints import generator_of
from core.embedders.simclr.feature_learning import HOLES, TEMPERATURE, FeatureLearner
from core.embedders.simclr.simclr import Simclr
from core.embedders.whitening import centred_unit_rows
from core.scans.learning import agreement
from core.sources import open_source
from core.sources.working_pixels import working_pixels

Tensor = torch.Tensor
# (projections (v, b, d) of v views of b images) -> loss
Loss = Callable[[Tensor], Tensor]


def contrast(z: Tensor) -> Tensor:
    """NT-Xent (Chen et al., ICML 2020), what Taster ships."""
    return feature_learning.nt_xent(normalize(z.flatten(0, 1), dim=1), TEMPERATURE)


def barlow(z: Tensor) -> Tensor:
    """Barlow Twins (Zbontar et al., ICML 2021): the two views' cross-correlation is the identity."""
    first, second = ((v - v.mean(0)) / v.std(0).clamp_min(1e-4) for v in z)
    correlation = first.T @ second / z.shape[1]
    diagonal = correlation.diagonal()
    return (1 - diagonal).square().sum() + 0.005 * (correlation.square().sum() - diagonal.square().sum())


def vicreg(z: Tensor) -> Tensor:
    """VICReg (Bardes, Ponce & LeCun, ICLR 2022): invariance, variance, covariance, weights 25, 25, 1."""
    loss = 25 * (z[0] - z[1]).square().mean()
    for v in z:
        spread = (v.var(0) + 1e-4).sqrt()
        covariance = torch.cov(v.T)
        apart = covariance.square().sum() - covariance.diagonal().square().sum()
        loss = loss + 12.5 * (1 - spread).clamp_min(0).mean() + apart / v.shape[1]
    return loss


def uniform(z: Tensor) -> Tensor:
    """Alignment and uniformity (Wang & Isola, ICML 2020), equal weights, t = 2."""
    first, second = (normalize(v, dim=1) for v in z)
    return (first - second).square().sum(1).mean() + sum(torch.pdist(v).square().mul(-2).exp().mean().log() for v in (first, second)) / 2


def many_views(z: Tensor) -> Tensor:
    """Coding rate and agreement with the views' mean (EMP-SSL, Tong et al., 2023: training in one epoch), weight 200, ε² 0.2."""
    z = normalize(z, dim=2)
    b, d = z.shape[1:]
    rate = torch.stack([torch.logdet(torch.eye(d) + d / (b * 0.2) * v.T @ v) / 2 for v in z]).mean()
    return -rate - 200 * torch.nn.functional.cosine_similarity(z, z.mean(0, keepdim=True), dim=2).mean()


def many_contrasts(z: Tensor) -> Tensor:
    """Each view against the mean of the image's other views, other images' means as negatives."""
    z = normalize(z, dim=2)
    others = normalize(z.sum(0, keepdim=True) - z, dim=2)
    targets = torch.arange(z.shape[1])
    return torch.stack([torch.nn.functional.cross_entropy(v @ o.T / TEMPERATURE, targets) for v, o in zip(z, others, strict=True)]).mean()


# name: (loss, views of an image at once)
LOSSES: dict[str, tuple[Loss, int]] = {
    "nt_xent": (contrast, 2),
    "barlow": (barlow, 2),
    "vicreg": (vicreg, 2),
    "uniform": (uniform, 2),
    "many_views": (many_views, 8),
    "many_contrasts": (many_contrasts, 8),
}


class Learner(FeatureLearner):
    """A `FeatureLearner` with another loss; a batch of `count` views holds so many fewer images, so that steps cost alike."""

    loss, count = contrast, 2

    def _loss(self, head: torch.nn.Module, views: Tensor, batch: int, step: int) -> Tensor:
        draws = generator_of(self.plan.seed, 1, step)
        which = torch.randperm(views.shape[1], generator=draws)[: 2 * batch // self.count]
        order = torch.rand(len(views), len(which), generator=draws).argsort(0)[: self.count]
        shown = views[order, which].flatten(0, 1)
        holes = torch.rand(shown.shape, generator=draws).to(self.device) < HOLES
        head.train()
        return type(self).loss(head(shown.masked_fill(holes, 0.0)).float().unflatten(0, (self.count, len(which))))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=10_000, help="first N training images")
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--losses", default=",".join(LOSSES))
    parser.add_argument("--rates", default="0.002,0.0005", help="learning rates to try, by comma")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    dataset = open_source(data_folder() / "cifar10-train.parquet")
    dataset = dataset.select(np.arange(chosen.images))
    pixels, labels = working_pixels(dataset), dataset.labels
    model = Simclr(Settings(pick_device("cpu"), seed=chosen.seed, epochs=chosen.epochs, backbone="features"))
    model.bind(dataset.image_digests, pixels.shape[1])
    plan, rows = model.plan, []
    with tempfile.TemporaryDirectory() as folder:
        stock = FeatureLearner(plan, "cpu")
        stock.clock = feature_learning._Clock(0)
        raw = stock._raw(pixels)
        mean, matrix = feature_learning._axes(raw)
        stock.state = {"mean": mean, "matrix": matrix}
        own, views = (raw - mean) @ matrix, stock._views(pixels, Path(folder), lambda told: None)
    steady = feature_learning._steady_axes(own, views)
    own, views = own @ steady, torch.stack([view.float() @ steady for view in views])
    linear = agreement(centred_unit_rows([own[:, : feature_learning.LINEAR].numpy().astype(np.float16)], len(own)), labels)
    for name in chosen.losses.split(","):
        for rate in (float(r) for r in chosen.rates.split(",")):
            kind = type(name, (Learner,), {"loss": staticmethod(LOSSES[name][0]), "count": LOSSES[name][1]})
            learner = kind(replace(plan), "cpu")
            learner.clock, learner.state = feature_learning._Clock(0), {}
            feature_learning.PEAK_RATE = rate
            started = time.process_time()
            learner._descend(own, views, np.arange(len(own)), lambda told: None, lambda vectors, at: 0.0)
            spent = time.process_time() - started
            found = learner._embedded(own)
            alone = found[:, feature_learning.LINEAR :]
            both, head = (agreement(centred_unit_rows([v.astype(np.float16)], len(v)), labels) for v in (found, alone))
            rows.append(
                {"loss": name, "rate": rate, "knn": round(both, 4), "knn_head_alone": round(head, 4), "cpu_seconds": round(spent, 1)}
            )
            print(rows[-1], flush=True)
    keep(f"losses-{len(pixels)}", {"images": len(pixels), "epochs": chosen.epochs, "knn_closed_form": round(linear, 4), "rows": rows})


if __name__ == "__main__":
    main()
