"""Whole scans as processes, and the same vectors through umap-learn and cleanlab in the same minutes.

python bench/scan.py [--rows 50000] [--skip-baseline]

Needs CIFAR-10 (see bench/common.py). Baseline: umap.UMAP().fit_transform(vectors), then
cleanlab.Datalab.find_issues(features=vectors, issue types label, outlier, near_duplicate), library defaults, in one process.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from common import data_folder, keep, peak_gb, run_measured

PYTHON = sys.executable


def baseline(folder: Path) -> None:
    """Run inside a process of its own: vectors.npy and labels.npy of a finished scan through the two libraries."""
    import warnings

    warnings.simplefilter("ignore")
    vectors, labels = np.load(folder / "vectors.npy"), np.load(folder / "labels.npy")
    started = time.perf_counter()
    import umap

    umap.UMAP().fit_transform(vectors)
    mapped = time.perf_counter()
    from cleanlab import Datalab

    lab = Datalab(data={"labels": labels.tolist()}, label_name="labels", task="classification")
    lab.find_issues(features=vectors, issue_types={"label": {}, "outlier": {}, "near_duplicate": {}})
    print(f"RESULT {mapped - started:.1f} {time.perf_counter() - mapped:.1f} {peak_gb():.2f}")


def run_baseline(folder: Path) -> dict[str, float]:
    import subprocess

    started = time.perf_counter()
    found = subprocess.run([PYTHON, __file__, "--baseline", str(folder)], capture_output=True, text=True, check=False)
    line = next((text for text in found.stdout.splitlines() if text.startswith("RESULT")), None)
    if line is None:
        sys.exit(found.stderr[-2000:])
    _, umap_seconds, cleanlab_seconds, peak = line.split()
    return {
        "seconds": round(time.perf_counter() - started, 1),
        "umap_seconds": float(umap_seconds),
        "cleanlab_seconds": float(cleanlab_seconds),
        "peak_gb": float(peak),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--skip-baseline", action="store_true")
    parser.add_argument("--baseline", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.baseline:
        baseline(chosen.baseline)
        return
    source = str(data_folder() / "cifar10-train.parquet")
    with tempfile.TemporaryDirectory() as workspace:
        scan = [PYTHON, "-m", "core", "scan", source, "--workspace", workspace]
        seconds, peak = run_measured(scan)
        again, _ = run_measured(scan)
        demo, _ = run_measured([PYTHON, "-m", "core", "scan", "demo", "--workspace", workspace])
        result = {
            "scan": {"seconds": round(seconds, 1), "peak_gb": round(peak, 2)},
            "second_scan_seconds": round(again, 2),
            "demo_scan_seconds": round(demo, 1),
        }
        if not chosen.skip_baseline:
            folder = max((Path(workspace) / "scans").iterdir(), key=lambda f: (f / "vectors.npy").stat().st_size)
            result["baseline"] = run_baseline(folder)
            result["ratio_to_baseline"] = round(seconds / result["baseline"]["seconds"], 3)
    keep("scan", result)


if __name__ == "__main__":
    main()
