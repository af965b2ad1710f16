"""How well poison is found: attacks × rates × seeds on CIFAR-10, human mistakes, a clean run, and peers beside us.

python bench/detection.py [--attacks badnets,blended] [--rates 0.1,0.3,1,5,10] [--seeds 3] [--images N] [--resume]
python bench/detection.py --quick                  5,000 images, four attacks at 5 % and a clean run, minutes
python bench/detection.py --download DIR           for who has no CIFAR-10 at hand: torchvision fetches it into DIR

Rates are in percent of the set. Each case runs in its own process (its peak memory is its own) and leaves its own JSON
under <out>/cases; a run that was stopped goes on with --resume. At the end <out>/detection.json and <out>/detection.md.
The target class moves with the seed. Cases that cannot be (a class smaller than the rate asks for) are named as such.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from common import OUT, ROOT, commit, data_folder, machine
from detection_table import averaged, markdown

from core.attacks.apply import ATTACKS, find_attack

HUMAN = ("aggre_label", "random_label1")
QUICK = {"attacks": "badnets,blended,sig_clean_label,symmetric,clean", "rates": "5", "seeds": 1, "images": 5000}
LABELS = "cifar10n-labels.parquet"


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--attacks", help="names by comma; also: clean, human (default: all)")
    parser.add_argument("--rates", default="0.1,0.3,1,5,10", help="percent of the set, by comma")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--images", type=int, default=0, help="only the first N training images (0: all)")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    parser.add_argument("--download", type=Path, metavar="DIR", help="fetch CIFAR-10 into DIR and use that")
    parser.add_argument("--out", type=Path, default=OUT / "detection", metavar="DIR")
    parser.add_argument("--no-peers", action="store_true", help="leave cleanlab and ART out")
    parser.add_argument(
        "--verdict-only", action="store_true", help="without the probe's scores, which the verdict does not use: a third less time"
    )
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--resume", action="store_true", help="keep the cases that are done already")
    chosen = parser.parse_args()
    if chosen.quick:
        parser.set_defaults(**QUICK)
        # once more, so that what stands on the command line still counts
        chosen = parser.parse_args()
    return chosen


def source(chosen: argparse.Namespace) -> tuple[Path, Path | None]:
    """(CIFAR-10, CIFAR-10N's labels or None)."""
    if chosen.download is not None:
        from torchvision.datasets import CIFAR10

        CIFAR10(str(chosen.download), train=True, download=True)
        beside = chosen.download / LABELS
        return chosen.download / CIFAR10.base_folder, beside if beside.exists() else None
    folder = data_folder()
    return folder / "cifar10-train.parquet", folder / LABELS if (folder / LABELS).exists() else None


def cases(chosen: argparse.Namespace) -> list[dict[str, Any]]:
    """Every case, in the order of the table: clean, human mistakes, then attacks."""
    data, labels = source(chosen)
    drawn = [name for name in ATTACKS if name != "label_file"]
    asked = [name.strip() for name in (chosen.attacks or ",".join(["clean", "human", *drawn])).split(",")]
    rates = [float(rate) / 100 for rate in chosen.rates.split(",")]
    wanted: list[tuple[str, float, int]] = []
    if "clean" in asked:
        wanted += [("clean", 0.0, seed) for seed in range(chosen.seeds)]
    if "human" in asked and labels is None:
        print(f"skipped: human mistakes, for there is no {LABELS}", file=sys.stderr)
    if "human" in asked and labels is not None:
        wanted += [(f"label_file:{column}", 0.0, 0) for column in HUMAN]
    for name in (find_attack(name).name for name in asked if name not in ("clean", "human")):
        wanted += [(name, rate, seed) for rate in rates for seed in range(chosen.seeds)]
    common = {
        "images": chosen.images,
        "source": str(data),
        "labels": None if labels is None else str(labels),
        "out": str(chosen.out),
        "device": chosen.device,
        "peers": not chosen.no_peers,
        "probe": not chosen.verdict_only,
    }
    return [{"attack": a, "rate": r, "seed": s, **common, "file": str(_file(chosen, a, r, s))} for a, r, s in wanted]


def _file(chosen: argparse.Namespace, attack: str, rate: float, seed: int) -> Path:
    peers = ("-alone" if chosen.no_peers else "") + ("-verdict" if chosen.verdict_only else "")
    name = f"{attack.replace(':', '_')}-{100 * rate:g}pc-seed{seed}-{chosen.images or 'all'}{peers}.json"
    return Path(chosen.out) / "cases" / name


def run_case(case: dict[str, Any], resume: bool) -> dict[str, Any] | None:
    """The case's figures, from its file where that is wanted and there; None where it failed."""
    place = Path(case["file"])
    if not (resume and place.exists()):
        place.unlink(missing_ok=True)
        command = [sys.executable, str(Path(__file__).with_name("detection_case.py")), json.dumps(case)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode or not place.exists():
            print(f"failed: {place.stem}\n{done.stderr[-2000:]}", file=sys.stderr)
            return None
    return dict(json.loads(place.read_text()))


def told(result: dict[str, Any]) -> str:
    """One line about a case for who watches."""
    if "not_run" in result:
        return f"not run: {result['not_run']}"
    line = f"flagged {100 * result['flagged']:.2f} %, findings {len(result['findings'])}"
    if "scores" in result:
        line += f", AUROC {result['scores']['suspicion']['auroc']:.4f}, TPR {result['decided']['suspicious']['tpr']:.3f}"
    return f"{line}, {result['seconds']['content']:.0f} + {result['seconds']['artifact']:.0f} s, {result['peak_gb']:.2f} GB"


def main() -> None:
    chosen = options()
    chosen.out = chosen.out.resolve()
    (chosen.out / "cases").mkdir(parents=True, exist_ok=True)
    todo, started, results, failed = cases(chosen), time.perf_counter(), [], []
    for number, case in enumerate(todo, start=1):
        result = run_case(case, chosen.resume)
        (results if result is not None else failed).append(result or Path(case["file"]).stem)
        if result is not None:
            print(f"{number}/{len(todo)} {Path(case['file']).stem}: {told(result)}", flush=True)
    about = {
        "bench": "detection",
        "command": " ".join(["python", *(os.path.relpath(a, ROOT) if i == 0 else a for i, a in enumerate(sys.argv))]),
        "commit": commit(),
        "commits_of_cases": sorted({result["commit"] for result in results}),
        "machine": machine(),
        "seconds": round(time.perf_counter() - started, 1),
        "failed": failed,
    }
    table = averaged(results)
    (chosen.out / "detection.json").write_text(json.dumps({**about, "table": table, "cases": results}, indent=1))
    (chosen.out / "detection.md").write_text(markdown(about, table))
    print(chosen.out / "detection.md")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
