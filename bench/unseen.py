"""Triggers that mining was not developed on: what share of each is found, and what is missed.

python bench/unseen.py                       14 triggers, 1 % of CIFAR-10, wrong labels; about three minutes each on two cores
python bench/unseen.py --names faded_drawing,one_pixel --rate 0.5 --right-labels

They stand here alone, not among the attacks of the simulator, so that nobody tunes the search to them. Ideas of others that are
drawn freely: blended cartoon (Chen et al. 2017), fewer colours with dithering (Wang et al., BppAttack, CVPR 2022), two DCT
coefficients in the colour channels (Wang et al., FTROJAN, ECCV 2022), a colour filter (Liu et al., ABS, CCS 2019), reflections
(Liu et al., Refool, ECCV 2020). Columns: mean square change of a pixel (0…255), TPR and FPR of the verdict as shipped, findings.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from common import OUT, data_folder, keep
from detection_case import Clean, K, StageClock, _without_probe
from PIL import Image, ImageDraw, ImageFilter
from scipy.fft import dctn, idctn

from core.compute import pick_device
from core.neighbours.graph import nearest
from core.scans.analysis import analyse
from core.types import Evidence

Pixels = Any  # uint8 (h, w, 3)
YUV = np.array([[0.299, 0.587, 0.114], [-0.147, -0.289, 0.436], [0.615, -0.515, -0.100]])
SEPIA = np.array([[0.393, 0.769, 0.189], [0.349, 0.686, 0.168], [0.272, 0.534, 0.131]])


def whole(x: Any) -> Pixels:
    """Rounded and kept within 0…255."""
    return np.rint(x).clip(0, 255).astype(np.uint8)


def drawing(side: int) -> Any:
    """A cat's face in lines and discs, float (side, side, 3)."""
    image = Image.new("RGB", (128, 128), (240, 240, 240))
    pen = ImageDraw.Draw(image)
    for ear in ([(25, 60), (30, 22), (58, 44)], [(103, 60), (98, 22), (70, 44)]):
        pen.polygon(ear, fill=(255, 255, 255), outline=(0, 0, 0))
    pen.ellipse((20, 40, 108, 112), fill=(255, 255, 255), outline=(0, 0, 0), width=4)
    for x in (42, 78):
        pen.ellipse((x, 68, x + 9, 82), fill=(0, 0, 0))
    pen.ellipse((58, 86, 70, 94), fill=(250, 200, 0))
    pen.ellipse((80, 28, 112, 56), fill=(220, 20, 40))
    return np.asarray(image.resize((side, side), Image.Resampling.BICUBIC), np.float32)


def fewer_colours(x: Pixels, levels: int = 7) -> Pixels:
    """Eight levels a channel, the error passed on to the neighbours (Floyd and Steinberg)."""
    y = x.astype(float)
    height, width = y.shape[:2]
    for r in range(height):
        for c in range(width):
            old = y[r, c].copy()
            y[r, c] = np.round(old / 255 * levels) / levels * 255
            for dr, dc, share in ((0, 1, 7), (1, -1, 3), (1, 0, 5), (1, 1, 1)):
                if r + dr < height and 0 <= c + dc < width:
                    y[r + dr, c + dc] += (old - y[r, c]) * share / 16
    return whole(y)


def two_waves(x: Pixels, by: float = 30.0) -> Pixels:
    """Two cosine coefficients of both colour channels raised."""
    channels = x.astype(float) @ YUV.T
    for c in (1, 2):
        waves = dctn(channels[..., c], norm="ortho")
        for k in (len(x) // 2 - 1, len(x) - 1):
            waves[k, k] += by
        channels[..., c] = idctn(waves, norm="ortho")
    return whole(channels @ np.linalg.inv(YUV).T)


def as_jpeg(x: Pixels, quality: int = 50) -> Pixels:
    held = BytesIO()
    Image.fromarray(x).save(held, "JPEG", quality=quality)
    return np.asarray(Image.open(held).convert("RGB"))


def filtered(x: Pixels, radius: float) -> Pixels:
    return np.asarray(Image.fromarray(x).filter(ImageFilter.GaussianBlur(radius)))


def one_pixel(x: Pixels) -> Pixels:
    y = x.copy()
    y[3, -5] = (255, 0, 0)
    return y


def triggers(side: int) -> dict[str, Callable[[Pixels, Pixels], Pixels]]:
    """name -> (image, some other image of the set) -> image with the trigger."""
    rows, columns = np.mgrid[:side, :side]
    rng = np.random.default_rng(11)
    signs = {by: rng.choice([-by, by], (side, side, 3)) for by in (4, 2)}
    slow = (np.cos(2 * np.pi * columns / side) + np.cos(2 * np.pi * rows / side))[..., None] * np.array([10, 6, -8])
    lattice = ((rows + columns) % 8 == 0)[..., None]
    face = drawing(side)
    return {
        "faded_drawing": lambda x, _: whole(0.85 * x + 0.15 * face),
        "fewer_colours": lambda x, _: fewer_colours(x),
        "two_colour_waves": lambda x, _: two_waves(x),
        "slow_wave": lambda x, _: whole(x + slow),
        "colour_filter": lambda x, _: whole(0.5 * x + 0.5 * (x @ SEPIA.T)),
        "noise_4": lambda x, _: whole(x.astype(int) + signs[4]),
        "noise_2": lambda x, _: whole(x.astype(int) + signs[2]),
        "one_pixel": lambda x, _: one_pixel(x),
        "lattice": lambda x, _: np.where(lattice, whole(x * 0.85), x),
        "rotation": lambda x, _: np.asarray(Image.fromarray(x).rotate(12, Image.Resampling.BILINEAR)),
        "blur": lambda x, _: filtered(x, 0.6),
        "jpeg": lambda x, _: as_jpeg(x),
        "brighter": lambda x, _: whole(255 * (x / 255) ** 0.6),
        "reflection": lambda x, other: whole(0.9 * x + 0.25 * filtered(other, 1.0)),
    }


def case(clean: Clean, name: str, chosen: argparse.Namespace, device: str) -> dict[str, Any]:
    """Poison, judge as a scan would, and count."""
    change, labels, pixels = triggers(clean.pixels.shape[1])[name], clean.dataset.labels.copy(), clean.pixels.copy()
    rng = np.random.default_rng(chosen.seed)
    pool = np.flatnonzero((labels == chosen.target) == chosen.right_labels)
    rows = np.sort(rng.choice(pool, round(chosen.rate / 100 * len(labels)), replace=False))
    for row, other in zip(rows, rng.integers(0, len(labels), len(rows)), strict=True):
        pixels[row] = change(clean.pixels[row], clean.pixels[other])
    labels[rows] = chosen.target
    raw = clean.raw.copy()
    for part in (rows[s : s + 256] for s in range(0, len(rows), 256)):
        raw[part] = clean.model.features([clean.model.pixels(Image.fromarray(pixels[row])) for row in part], part).astype(np.float16)
    vectors = clean.vectors_of(raw)
    evidence = Evidence(labels, clean.dataset.classes, vectors, *nearest(vectors, K, device=device))
    started = time.perf_counter()
    found = analyse(evidence, pixels, seed=chosen.seed, device=device, progress=StageClock())
    flagged, poisoned = found.suspicion >= found.threshold, np.isin(np.arange(len(labels)), rows)
    return {
        "change": round(float(np.square(pixels[rows].astype(float) - clean.pixels[rows]).mean()), 1),
        "tpr": round(float(flagged[poisoned].mean()), 4),
        "fpr": round(float(flagged[~poisoned].mean()), 5),
        "findings": [
            {"kind": f.kind, "label": f.label, "rows": len(f.rows), "wrong_labels": round(f.mislabelled, 2)} for f in found.findings
        ],
        "seconds": round(time.perf_counter() - started, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--names", help="by comma (default: all)")
    parser.add_argument("--rate", type=float, default=1.0, help="percent of the set")
    parser.add_argument("--target", type=int, default=3)
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--right-labels", action="store_true", help="change images of the target class, labels stay")
    parser.add_argument("--images", type=int, default=0, help="only the first N training images (0: all)")
    parser.add_argument("--out", type=Path, default=OUT / "unseen", metavar="DIR")
    chosen = parser.parse_args()
    device = pick_device("auto")
    chosen.out.mkdir(parents=True, exist_ok=True)
    clean = Clean(str(data_folder() / "cifar10-train.parquet"), chosen.images, chosen.out / "shared", device)
    # the verdict does not use the probe's scores
    _without_probe()
    found = {}
    for name in (chosen.names or ",".join(triggers(32))).split(","):
        found[name] = case(clean, name, chosen, device)
        print(name, found[name], flush=True)
    keep(
        "unseen",
        {"rate": chosen.rate, "target": chosen.target, "seed": chosen.seed, "right_labels": chosen.right_labels, "triggers": found},
    )


if __name__ == "__main__":
    main()
