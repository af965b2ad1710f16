"""How well poison is found in photographs: three sets, sizes down to 400 images, patterns scaled to the picture, clean sets.

python bench/photographs.py [--cases "part;part"] [--seed N] [--embedder auto] [--resume]
python bench/photographs.py --list

Sets: photos (10 classes, 224 px), mixed (20 classes, all sizes and shapes), signs (43 classes). Each case runs in its own process
(its peak memory is its own) and leaves one JSON file under <out>/cases; --resume keeps those that are there. Images with a trigger
are encoded as their originals were. Columns: flagged, TPR and FPR of the verdict as shipped; findings with the share of their images
that were poisoned; AUROC of the verdict's suspicion and of the best score of a trained network; suggestion accuracy and expected
calibration error of the confidence, over the wrongly labelled images that were found; seconds by stage; peak memory.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from common import OUT, ROOT, commit, data_folder, machine, peak_gb
from detection_case import StageClock, timed
from peers import datalab_knn
from photograph_triggers import Alter, bend, noise, overlay, patch, sticker, wave

from core.attacks.apply import Overlay, apply_attack
from core.compute import pick_device
from core.embedders import find_embedder
from core.evaluation.dissent import dissent
from core.evaluation.measures import evaluate
from core.labels import dirty_rows
from core.neighbours import nearest
from core.scans.analysis import Analysis, analyse
from core.scans.choice import settled
from core.scans.embedding import embed
from core.scans.options import ScanOptions
from core.scores import SCORES, by_need
from core.sources import open_source
from core.sources.working_pixels import working_pixels
from core.types import VERDICTS, Dataset, Evidence, Truth, content_digest
from core.workspace import Workspace

K = 50


@dataclass(frozen=True)
class Case:
    """images: every so many-th of the set so that this many are left, 0 for all.  count: triggered images; 0: rate decides."""

    name: str
    of: str
    attack: str = "clean"
    images: int = 0
    rate: float = 0.0
    count: int = 0
    embedder: str = "auto"
    seed: int = 0


TRIGGERS: dict[str, Callable[[], Alter]] = {
    "patch3": partial(patch, 0.03),
    "patch7": partial(patch, 0.07),
    "overlay": partial(overlay, 0.12),
    "noise": partial(noise, 8),
    "wave": partial(wave, 10, 8),
    "sticker": partial(sticker, 0.14, 0.20, 12),
    "bend": bend,
}

CASES = (
    Case("photos clean", "photos"),
    Case("photos 1,200 clean", "photos", images=1200),
    Case("photos 400 clean", "photos", images=400),
    Case("mixed clean", "mixed"),
    Case("signs clean", "signs"),
    Case("400 badnets", "photos", "badnets", 400, 0.05),
    Case("1,200 badnets", "photos", "badnets", 1200, 0.05),
    Case("400 badnets gradients", "photos", "badnets", 400, 0.05, embedder="gradients"),
    Case("1,200 badnets gradients", "photos", "badnets", 1200, 0.05, embedder="gradients"),
    Case("1,200 patch 12 images", "photos", "patch7", 1200, count=12),
    Case("1,200 patch half a class", "photos", "patch7", 1200, count=120),
    Case("photos patch 3 %", "photos", "patch3", rate=0.01),
    Case("photos overlay", "photos", "overlay", rate=0.01),
    Case("photos noise", "photos", "noise", rate=0.01),
    Case("photos wave", "photos", "wave", rate=0.01),
    Case("photos sticker", "photos", "sticker", rate=0.01),
    Case("photos bend", "photos", "bend", rate=0.05),
    Case("photos clean-label wave", "photos", "sig_clean_label", rate=0.02),
    Case("signs patch", "signs", "patch7", rate=0.005),
    Case("signs overlay", "signs", "overlay", rate=0.005),
    Case("mixed patch", "mixed", "patch7", rate=0.01),
    Case("mixed noise", "mixed", "noise", rate=0.01),
    Case("photos 8 % mistakes", "photos", "symmetric", rate=0.08),
    Case("mixed 8 % mistakes", "mixed", "symmetric", rate=0.08),
)


def clean_set(case: Case) -> Dataset:
    """The case's images, in order."""
    whole = open_source(str(data_folder() / f"{case.of}.parquet"))
    return whole.select(np.unique(np.linspace(0, len(whole) - 1, case.images).astype(np.int64))) if case.images else whole


def poisoned(clean: Dataset, case: Case) -> Dataset:
    """The set with truth; triggers of this file go on images of other classes, which then bear the target's label."""
    target = (3 + case.seed) % len(clean.classes)
    if case.attack == "clean":
        return clean
    if case.attack not in TRIGGERS:
        return apply_attack(clean, case.attack, rate=case.rate, target=target, seed=case.seed)
    rng = np.random.default_rng(case.seed)
    count = case.count or round(case.rate * len(clean))
    rows = np.sort(rng.choice(np.flatnonzero(clean.labels != target), count, replace=False))
    labels, digests, truth = clean.labels.copy(), clean.image_digests.copy(), np.zeros(len(clean), bool)
    labels[rows], truth[rows] = target, True
    # other bytes than the clean image's: what was embedded for one is not taken for the other
    digests[rows] ^= np.frombuffer(f"{case.attack:16.16}".encode(), np.uint8)[: digests.shape[1]]
    on = Overlay(clean, frozenset(rows.tolist()), TRIGGERS[case.attack](), "source")
    return replace(
        clean,
        name=case.name,
        labels=labels,
        loader=on.load,
        encoded=on.encoded,
        source_rows=None,
        image_digests=digests,
        truth=Truth(truth, clean.labels.copy(), None),
        digest=content_digest(clean.ids, labels, clean.classes, digests),
    )


def run(case: Case, out: Path) -> dict[str, Any]:
    """Everything that is known of one case, judged as a scan judges it."""
    workspace, device, seconds, clock = Workspace(out / "workspace"), pick_device("auto"), {}, StageClock()
    dataset = poisoned(clean_set(case), case)
    with timed(seconds, "choose"):
        options, reason = settled(ScanOptions(embedder=case.embedder), dataset, workspace)
    model: Any = find_embedder(options.embedder).load(options.settings())
    with timed(seconds, "embed"):
        found = embed(dataset, model, workspace.features_dir(model.key))
    with timed(seconds, "pixels"):
        pixels = working_pixels(dataset)
    evidence = Evidence(dataset.labels, dataset.classes, found.vectors, *nearest(found.vectors, min(K, len(dataset) - 1), device=device))
    analysis = analyse(evidence, pixels, seed=case.seed, device=device, progress=clock)
    seconds |= clock.seconds()
    peak = round(peak_gb(), 2)
    return {
        "embedder": options.embedder,
        "reason": reason,
        **measured(dataset, analysis),
        "seconds": {name: round(spent, 1) for name, spent in seconds.items()},
        "peak_gb": peak,
        # label mistakes are what cleanlab is made for
        "datalab": _datalab(dataset, found.vectors, case.seed) if case.attack == "symmetric" else None,
    }


def _datalab(dataset: Dataset, vectors: Any, seed: int) -> float | None:
    """AUROC of cleanlab's Datalab on the same vectors."""
    assert dataset.truth is not None
    opinion = datalab_knn(vectors, dataset.labels, seed)
    told = evaluate(dataset.truth, dataset.labels, {"datalab": opinion.suspicion}, opinion.flagged, None)
    return float(told["scores"]["datalab"]["auroc"])  # type: ignore[index]


def measured(dataset: Dataset, analysis: Analysis) -> dict[str, Any]:
    flagged, poison = analysis.suspicion >= analysis.threshold, np.char.endswith(np.array(VERDICTS)[analysis.verdicts], "poison")
    bad = np.zeros(len(dataset), bool) if dataset.truth is None else dataset.truth.is_poisoned
    result: dict[str, Any] = {
        "rows": len(dataset),
        "positives": int(bad.sum()),
        "flagged": number_of(flagged),
        "poison": number_of(poison),
        "findings": [_about(finding, bad) for finding in analysis.findings],
        "dissent": [_dissenting(one, bad) for one in dissent(_seen(dataset, analysis, flagged))],
        "shortcuts": [_about(finding, bad) for finding in analysis.shortcuts],
    }
    if dataset.truth is None:
        return result
    scores = {"suspicion": analysis.suspicion, **analysis.scores}
    told = evaluate(dataset.truth, dataset.labels, scores, flagged, analysis.suggestions)
    network = {name: told["scores"][name]["auroc"] for name in by_need(SCORES, "probe")}  # type: ignore[index]
    best = max(network, key=lambda name: network[name] or 0.0)
    wrong = flagged & (dataset.truth.original_labels != dataset.labels)
    right = (analysis.suggestions.labels == dataset.truth.original_labels)[wrong]
    return result | {
        **told["verdict"],  # type: ignore[dict-item]
        "auroc": told["scores"]["suspicion"]["auroc"],  # type: ignore[index]
        "network": [best, network[best]],
        "suggested": number_of(right),
        "calibration": calibration_error(analysis.suggestions.confidence[wrong], right),
        "dirty": number_of(dirty_rows(analysis.findings, len(dataset))[bad]),
    }


def _about(finding: Any, bad: Any) -> dict[str, Any]:
    precision = number_of(bad[finding.rows])
    return {
        "kind": finding.kind,
        "label": int(finding.label),
        "rows": len(finding.rows),
        "wrong": round(finding.mislabelled, 2),
        "precision": precision,
    }


def _seen(dataset: Dataset, analysis: Analysis, flagged: Any) -> Any:
    """What `dissent` looks at."""
    fields = {name: getattr(analysis, name) for name in ("scores", "suspicion", "findings", "shortcuts")}
    return SimpleNamespace(dataset=dataset, is_suspicious=flagged, **fields)


def _dissenting(one: Any, bad: Any) -> dict[str, Any]:
    return {"label": int(one.label), "rows": len(one.rows), "precision": number_of(bad[one.rows])}


def number_of(flags: Any) -> float | None:
    return round(float(np.mean(flags)), 4) if len(flags) else None


def calibration_error(confidence: Any, right: Any, bins: int = 10) -> float | None:
    """Expected calibration error: mean distance between confidence and accuracy, over bins of equal width (Guo et al., ICML 2017)."""
    if not len(right):
        return None
    at = np.minimum((confidence * bins).astype(int), bins - 1)
    parts = [(at == b) for b in range(bins) if (at == b).any()]
    return round(sum(abs(float(confidence[p].mean()) - float(right[p].mean())) * p.mean() for p in parts), 3)


def told(case: Case, r: dict[str, Any]) -> str:
    """One line of the table."""

    def share(value: float | None) -> str:
        return "–" if value is None else f"{100 * value:.2f} %"

    findings = "; ".join(f"{f['kind']} of {f['label']}: {f['rows']} ({share(f['precision'])} true)" for f in r["findings"]) or "none"
    network = "–" if "network" not in r else f"{r['network'][1]:.3f}"
    spent = sum(r["seconds"].values())
    cells = [
        case.name,
        r["embedder"],
        str(r["positives"]),
        share(r["flagged"]),
        share(r["poison"]),
        share(r.get("tpr")),
        share(r.get("fpr")),
    ]
    cells += [findings, str(len(r["shortcuts"])), "–" if "auroc" not in r else f"{r['auroc']:.4f}", network, share(r.get("suggested"))]
    cells += ["–" if r.get("datalab") is None else f"{r['datalab']:.4f}"]
    cells += ["–" if r.get("calibration") is None else f"{r['calibration']:.3f}", f"{spent:.0f}", f"{r['peak_gb']:.2f}"]
    return "| " + " | ".join(cells) + " |"


HEAD = "case|embedder|poisoned|flagged|poison|TPR|FPR|findings|shortcuts|AUROC|best of network|suggestion|Datalab|ECE|s|GB"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", help="parts of names, by semicolon (default: all)")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--embedder", help="instead of each case's own")
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, default=OUT / "photographs", metavar="DIR")
    chosen = parser.parse_args()
    if chosen.one:
        one = Case(**json.loads(chosen.one))
        place = _file(chosen.out, one)
        place.write_text(json.dumps({"case": asdict(one), "commit": commit(), **run(one, chosen.out)}, indent=1))
        return
    wanted = [part for part in (chosen.cases or "").split(";") if part]
    cases = [replace(c, seed=chosen.seed) for c in CASES if not wanted or any(part in c.name for part in wanted)]
    cases = [replace(c, embedder=chosen.embedder or c.embedder) for c in cases]
    if chosen.list:
        print("\n".join(case.name for case in cases))
        return
    sys.exit(_all(cases, chosen))


def _file(out: Path, case: Case) -> Path:
    return out / "cases" / f"{case.name.replace(' ', '-').replace('%', 'pc')}-{case.embedder}-{case.seed}.json"


def _all(cases: list[Case], chosen: argparse.Namespace) -> int:
    (chosen.out / "cases").mkdir(parents=True, exist_ok=True)
    started, lines, failed = time.perf_counter(), [], 0
    for case in cases:
        place = _file(chosen.out, case)
        if not (chosen.resume and place.exists()):
            place.unlink(missing_ok=True)
            command = [sys.executable, __file__, "--out", str(chosen.out), "--one", json.dumps(asdict(case))]
            done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
            if not place.exists():
                failed += 1
                print(f"failed: {case.name}\n{done.stderr[-2000:]}", file=sys.stderr, flush=True)
                continue
        lines.append(told(case, json.loads(place.read_text())))
        print(lines[-1], flush=True)
    head = ["| " + HEAD.replace("|", " | ") + " |", "|" + "---|" * (HEAD.count("|") + 1)]
    about = f"{commit()}, {machine()}, {(time.perf_counter() - started) / 60:.0f} minutes\n"
    (chosen.out / "photographs.md").write_text("\n".join([about, *head, *lines]) + "\n")
    return 1 if failed else 0


if __name__ == "__main__":
    main()
