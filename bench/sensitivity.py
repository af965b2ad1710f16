"""Does `sensitivity` say the truth? What it predicts for clean photographs against what is found when the simulator plants the same.

python bench/sensitivity.py [--target 5]

Each kind of pattern is planted by the simulator alone, in one class, at the smallest count that was found and the largest that was not, and
the set is judged as a scan judges it. Agreement: found where most of the measurement's plantings were, and not found where most were not.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
from common import OUT, data_folder, keep

from core.attacks.apply import apply_attack
from core.embedders import find_embedder
from core.neighbours import nearest
from core.scans import ScanOptions, analyse, embed, inspection_of, scan
from core.sensitivity import measure
from core.sensitivity.measuring import is_found
from core.sensitivity.planting import Planting
from core.sources import open_source
from core.sources.working_pixels import working_pixels
from core.types import Evidence
from core.workspace import Workspace


def planted(home: Workspace, key: str, kind: str, attack: str, settings: dict[str, Any], count: int, target: int) -> bool:
    """Whether the class is found when the simulator poisons the scanned set so."""
    inspection = inspection_of(home, key)
    assert inspection is not None
    clean = open_source(str(data_folder() / "photos.parquet"))
    dataset = apply_attack(clean, attack, rate=count / len(clean), target=target, seed=7, **settings)
    model: Any = find_embedder(inspection.recipe.embedder).load(ScanOptions(embedder=inspection.recipe.embedder).settings())
    vectors = embed(dataset, model, home.features_dir(model.key)).vectors
    evidence = Evidence(dataset.labels, dataset.classes, vectors, *nearest(vectors, inspection.recipe.k))
    found = analyse(evidence, working_pixels(dataset))
    assert dataset.truth is not None
    return is_found(Planting(kind, target, np.flatnonzero(dataset.truth.is_poisoned), 0), found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--target", type=int, default=5)
    parser.add_argument("--out", type=Path, default=OUT / "sensitivity", metavar="DIR")
    chosen = parser.parse_args()
    home, started = Workspace(chosen.out / "workspace"), time.perf_counter()
    key = scan(str(data_folder() / "photos.parquet"), ScanOptions(), home)
    scanned = time.perf_counter() - started
    predicted = measure(home, key)
    lines = []
    for kind, told in predicted["kinds"].items():
        for entry in told["tried"]:
            wanted = 2 * entry["found"] > entry["of"]
            got = planted(home, key, kind, told["attack"], told["settings"], entry["images"], chosen.target)
            lines.append({"kind": kind, **entry, "planted_found": got, "agrees": got == wanted})
            print(lines[-1], flush=True)
    agreed = sum(line["agrees"] for line in lines)
    keep(
        "sensitivity",
        {
            "scan_seconds": round(scanned, 1),
            "sensitivity_seconds": predicted["seconds"],
            "agree": f"{agreed} of {len(lines)}",
            "cases": lines,
        },
    )


if __name__ == "__main__":
    main()
