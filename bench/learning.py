"""How fast and how well `simclr` learns: kNN accuracy, augmented views a second, images embedded a second.

python bench/learning.py                                    CPU: 10,000 CIFAR-10 images, backbone `features`
python bench/learning.py --images 0 --device cuda --minutes 10     GPU: all 50,000, ResNet-18 for ten minutes
python bench/learning.py --images 400 --backbone small --epochs 2  seconds: shows that it runs

Labels are used for the accuracy alone (20 nearest neighbours, the row itself left out), never for learning. `gradients` is
measured on the same images in the same run.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
from common import data_folder, keep, peak_gb

from core.compute import pick_device
from core.embedders import find_embedder
from core.embedders.base import Settings
from core.scans.learning import agreement
from core.sources import open_source
from core.sources.working_pixels import working_pixels


def raw(model, pixels: np.ndarray) -> list[np.ndarray]:
    """Raw features, batch after batch."""
    size = model.batch_size
    return [model.features(list(pixels[s : s + size]), np.arange(s, min(s + size, len(pixels)))) for s in range(0, len(pixels), size)]


def embedded(model, pixels: np.ndarray) -> tuple[np.ndarray, float]:
    """(unit vectors, seconds)."""
    started = time.perf_counter()
    parts = raw(model, pixels)
    spent = time.perf_counter() - started
    return model.finish(parts, len(pixels)), spent


def both_ways_round(model, pixels: np.ndarray) -> np.ndarray:
    """Unit vectors of the mean over each image and its mirror image: what that would add, at twice the cost."""
    pairs = zip(raw(model, pixels), raw(model, np.ascontiguousarray(pixels[:, :, ::-1])), strict=True)
    return model.finish([(one + other) / 2 for one, other in pairs], len(pixels))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=10_000, help="first N training images (0: all)")
    parser.add_argument("--backbone", default="auto")
    parser.add_argument("--epochs", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=0.0)
    parser.add_argument("--batch", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="auto")
    chosen = parser.parse_args()
    device = pick_device(chosen.device)
    dataset = open_source(data_folder() / "cifar10-train.parquet")
    dataset = dataset.select(np.arange(chosen.images or len(dataset)))
    pixels = working_pixels(dataset)
    plain, plain_seconds = embedded(find_embedder("gradients").load(Settings(device)), pixels)
    model = find_embedder("simclr").load(
        Settings(device, seed=chosen.seed, backbone=chosen.backbone, epochs=chosen.epochs, minutes=chosen.minutes, batch=chosen.batch)
    )
    model.bind(dataset.image_digests, pixels.shape[1])
    with tempfile.TemporaryDirectory() as folder:
        started, cpu = time.perf_counter(), time.process_time()
        curve = model.learn(pixels, Path(folder), lambda told: None, lambda vectors, rows: agreement(vectors, dataset.labels[rows]))
        spent, cpu = time.perf_counter() - started, time.process_time() - cpu
    embedded(model, pixels[: 4 * model.batch_size])
    vectors, seconds = embedded(model, pixels)
    keep(
        f"learning-{model.plan.backbone}-{len(pixels)}",
        {
            "device": device,
            "images": len(pixels),
            "backbone": model.plan.backbone,
            "epochs": curve[-1]["epoch"],
            "knn_gradients": round(agreement(plain, dataset.labels), 4),
            "knn_simclr": round(agreement(vectors, dataset.labels), 4),
            "knn_simclr_both_ways_round": round(agreement(both_ways_round(model, pixels), dataset.labels), 4),
            "learning_seconds": round(spent, 1),
            "learning_cpu_seconds": round(cpu, 1),
            "views_per_second": round(curve[-1]["speed"]),
            "images_embedded_per_second": round(len(pixels) / seconds),
            "gradients_embedded_per_second": round(len(pixels) / plain_seconds),
            "peak_gb": round(peak_gb(), 2),
            "curve": [{k: round(v, 4) for k, v in point.items()} for point in curve],
        },
    )


if __name__ == "__main__":
    main()
