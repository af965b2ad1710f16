"""How near a set's natural clusters come to passing for planted patterns, and how far above them planted ones lie.

python bench/agreement.py [--attack clean] [--rate 0.1] [--seeds 3] [--agreement 0.5] [--apart 1.2]

Everything that reaches these laxer limits is listed, one line for each space, class and set of rows: how far the two
halves' directions agree (limit as shipped: least_agreement of MiningSettings, or suspect_agreement where the labels are
suspect) and how many times farther than natural rows the triggered ones lie (apart). The seed is the target class and draws the rows compared with.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from common import OUT, data_folder, keep
from detection_case import Clean, K, poisoned

from core.compute import pick_device
from core.neighbours.graph import nearest
from core.scans.analysis import judge_content
from core.triggers import MiningSettings
from core.triggers.material import Material
from core.triggers.search import make_spaces, search
from core.types import Evidence


def candidates(clean: Clean, case: dict[str, Any], device: str, settings: MiningSettings) -> list[dict[str, Any]]:
    """What stands apart in one case by the limits of `settings`."""
    dataset = poisoned(clean.dataset, case)
    changed = clean.changed_rows(dataset)
    vectors = clean.vectors_of(clean.features_of(dataset, changed))
    content = judge_content(Evidence(dataset.labels, dataset.classes, vectors, *nearest(vectors, K, device=device)))
    poison = np.zeros(len(dataset), bool) if dataset.truth is None else dataset.truth.is_poisoned
    with torch.inference_mode():
        material = Material(
            clean.pixels_of(dataset, changed),
            dataset.labels,
            len(dataset.classes),
            content.doubted,
            vectors,
            torch.device(device),
            case["seed"],
            settings,
        )
        found = search(material, make_spaces(material), None)
    lines = {}
    for c in found:
        line = {
            "label": c.label,
            "space": c.space,
            "rows": len(c.triggered),
            "planted": int(poison[c.triggered].sum()),
            "agreement": round(c.found.agreement, 2),
            "apart": round(c.split.centre / c.split.natural, 2),
            "suspect": c.suspect,
        }
        # several guesses end at the same rows
        lines[tuple(line.values())] = line
    return list(lines.values())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--attack", default="clean")
    parser.add_argument("--rate", type=float, default=0.1, help="percent of the set")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--agreement", type=float, default=0.5)
    parser.add_argument("--apart", type=float, default=1.2)
    chosen = parser.parse_args()
    settings = MiningSettings()
    shipped = {"agreement": settings.least_agreement, "suspect": settings.suspect_agreement, "apart": settings.apart}
    settings = replace(settings, least_agreement=chosen.agreement, apart=chosen.apart)
    device = pick_device("auto")
    clean = Clean(str(data_folder() / "cifar10-train.parquet"), 0, OUT / "agreement" / "shared", device)
    found = {}
    for seed in range(chosen.seeds):
        case = {"attack": chosen.attack, "rate": chosen.rate / 100, "seed": seed, "out": str(OUT / "agreement")}
        found[seed] = candidates(clean, case, device, settings)
    keep("agreement", {"attack": chosen.attack, "rate": chosen.rate, "shipped": shipped, "candidates": found})


if __name__ == "__main__":
    main()
