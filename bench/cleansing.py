"""What cleansing is worth: attacks × embedders; accuracy and attack success of a victim before and after.

python bench/cleansing.py                    CPU form: 10,000 CIFAR-10 images, small victims
python bench/cleansing.py --gpu              GPU form: 50,000 images, simclr with ResNet-18 for 10 minutes, ResNet-18 victims
python bench/cleansing.py --tiny             600 images, minutes on a CPU: shows that every step runs, says nothing of quality

Works in slices: with --slice-minutes 10 it stops after ten minutes (exit code 3: call it again, it goes on where it
stopped; 0: all done). Every case runs through the command line as a user would: poison, scan, prove (whose second training
set is what cleanse --auto writes). Other options make other cases; one that could not run is tried again.
Columns: kNN accuracy of the embedding (true labels, 20 neighbours, the row itself left out), share of poison that the
proposals relabel or exclude and share of clean rows that they do, share of relabelled poison that got its true label,
accuracy and attack success as given, cleansed and with the truth removed, minutes, peak memory of the scan on the host.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from common import OUT, ROOT, commit, data_folder, machine

ATTACKS = ("badnets", "blended", "sig", "wanet", "clean_label", "all_to_all")
# of 50,000 images; smaller sets get the same share
POISONED = (500, 5000)
WHOLE = 50_000
# attacks that leave labels right change images of one class; of its images, a tenth of the set, most but never all
WITHIN_CLASS = {"clean_label": 0.08}
AGAIN = 3


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--attacks", default=",".join(ATTACKS))
    parser.add_argument(
        "--poisoned",
        default=",".join(map(str, POISONED)),
        help="poisoned images per 50,000, by comma; clean_label at most 80 %% of its class",
    )
    parser.add_argument("--embedders", default="gradients,simclr")
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--minutes", type=float, default=0.0, help="budget of simclr's learning (0: its own epochs)")
    parser.add_argument("--seeds", type=int, default=1, help="victims for each training set")
    parser.add_argument("--epochs", type=int, default=0, help="of a victim (0: prove's own number)")
    parser.add_argument("--victim", default="small")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--slice-minutes", type=float, default=0.0, help="stop after this long; 0: go on to the end")
    parser.add_argument("--out", type=Path, default=OUT / "cleansing", metavar="DIR")
    parser.add_argument("--gpu", action="store_true")
    parser.add_argument("--tiny", action="store_true")
    chosen = parser.parse_args()
    if chosen.gpu:
        parser.set_defaults(images=0, minutes=10.0, seeds=3, victim="resnet18", device="cuda", out=OUT / "cleansing-gpu")
    if chosen.tiny:
        parser.set_defaults(images=600, attacks="badnets", poisoned="2500", epochs=2, out=OUT / "cleansing-tiny")
    # once more, so that what stands on the command line still counts
    return parser.parse_args() if chosen.gpu or chosen.tiny else chosen


class OutOfTime(Exception):
    """The slice is over; what is done is kept."""


class Bench:
    """One run, or one slice of it."""

    def __init__(self, chosen: argparse.Namespace) -> None:
        self.chosen, self.data = chosen, data_folder()
        self.ends = time.monotonic() + 60 * chosen.slice_minutes if chosen.slice_minutes else float("inf")
        self.out = chosen.out.resolve()
        matter = {name: getattr(chosen, name) for name in ("images", "minutes", "seeds", "epochs", "victim", "device", "tiny")}
        # what the figures depend on names their file
        self.named = blake2b(json.dumps(matter, sort_keys=True).encode(), digest_size=4).hexdigest()
        (self.out / "cases").mkdir(parents=True, exist_ok=True)
        self.source = self._first_rows("cifar10-train.parquet", chosen.images)
        self.test = self._first_rows("cifar10-test.parquet", 0 if not chosen.images else max(1000, chosen.images // 5))

    def _first_rows(self, name: str, count: int) -> Path:
        """The file itself, or one with `count` of its rows, evenly spaced."""
        import pyarrow.parquet as pq

        if not count:
            return self.data / name
        place = self.out / f"{count}-{name}"
        if not place.exists():
            table = pq.read_table(self.data / name)
            rows = np.unique(np.linspace(0, len(table) - 1, min(count, len(table))).astype(int))
            partial = place.with_suffix(".partial")
            pq.write_table(table.take(rows), partial)
            partial.replace(place)
        return place

    def core(self, *arguments: str) -> tuple[dict[str, Any], float, float]:
        """(result, seconds, peak GB) of a command of Taster; ends it when the slice ends."""
        left = self.ends - time.monotonic()
        if left < 5:
            raise OutOfTime
        command = [sys.executable, "-m", "core", *arguments, "--workspace", str(self.out / "workspace"), "--json"]
        started = time.monotonic()
        with tempfile.TemporaryFile("w+") as said, tempfile.TemporaryFile("w+") as errors:
            process = subprocess.Popen(command, cwd=ROOT, stdout=said, stderr=errors)
            status, peak = self._waited(process)
            said.seek(0)
            errors.seek(0)
            if status:
                lines = errors.read().strip().splitlines()
                raise RuntimeError(lines[-1] if lines else "it failed without a word")
            return json.loads(said.read()), time.monotonic() - started, peak

    def _waited(self, process: subprocess.Popen[bytes]) -> tuple[int, float]:
        """(exit code, peak GB of this process alone); stops it when the slice is over."""
        while True:
            number, status, usage = os.wait4(process.pid, os.WNOHANG)
            if number:
                process.returncode = os.waitstatus_to_exitcode(status)
                return process.returncode, usage.ru_maxrss / 1e6
            if time.monotonic() > self.ends:
                process.terminate()
                process.wait()
                raise OutOfTime
            time.sleep(0.1)

    def case(self, attack: str, poisoned: int, embedder: str) -> dict[str, Any]:
        """All steps of one case; steps that an earlier slice has done take no time again but keep theirs on record."""
        c = self.chosen
        record = self.out / "cases" / f"{attack}-{poisoned}-{embedder}-{self.named}.json"
        found: dict[str, Any] = (
            json.loads(record.read_text()) if record.exists() else {"attack": attack, "poisoned": poisoned, "embedder": embedder}
        )
        if found.get("done"):
            return found
        found.pop("not_run", None)
        made = self.out / "sets" / f"{attack}-{poisoned}-{c.images or 'all'}"
        learning = ["--embedder", embedder, "--device", c.device]
        if embedder == "simclr" and c.minutes:
            learning += ["--minutes", str(c.minutes)]
        if embedder == "simclr" and c.tiny:
            learning += ["--backbone", "small", "--epochs", "2", "--batch", "64"]
        training = ["--test", str(self.test), "--seeds", str(c.seeds), "--victim", c.victim, "--device", c.device]
        training += ["--epochs", str(c.epochs)] if c.epochs else []
        spent = found.setdefault("seconds", {})
        try:
            if not made.exists():
                self.core(
                    "poison",
                    str(self.source),
                    "--attack",
                    attack,
                    "--rate",
                    f"{min(poisoned / WHOLE, WITHIN_CLASS.get(attack, 1.0)):.6f}",
                    "--encode",
                    "lossless",  # CIFAR-10 is published as arrays
                    "--out",
                    str(made),
                )
            _, _, peak = self._timed(spent, "scan", ["scan", str(made), *learning])
            found["peak_gb"] = max(found.get("peak_gb", 0.0), round(peak, 2))
            found |= self.quality(made)
            proof, _, _ = self._timed(spent, "prove", ["prove", str(made), *training])
        except RuntimeError as error:
            found = {**found, "not_run": str(error)}
            record.write_text(json.dumps(found, indent=1))
            return found
        finally:
            if "not_run" not in found:
                record.write_text(json.dumps(found, indent=1))
        found["proof"] = {
            arm: proof[arm] and {k: proof[arm].get(k) for k in ("accuracy", "attack_success")}
            for arm in ("as_given", "cleansed", "truth_removed")
        }
        found |= {"done": True, "commit": commit()}
        record.write_text(json.dumps(found, indent=1))
        return found

    def _timed(self, spent: dict[str, float], name: str, command: list[str]) -> tuple[dict[str, Any], float, float]:
        """Run a step; time of slices that ended in it is added up."""
        started = time.monotonic()
        try:
            return self.core(*command)
        finally:
            spent[name] = round(spent.get(name, 0.0) + time.monotonic() - started, 1)

    def quality(self, made: Path) -> dict[str, Any]:
        """What the newest scan's embedding and proposals are worth, by the truth."""
        from core.cleansing.rule import EXCLUDE, KEEP, RELABEL, propose
        from core.scans.learning import agreement
        from core.scans.pipeline import inspection_of, newest_scan, open_dataset
        from core.scans.stored import truth_of
        from core.workspace.workspace import Workspace

        workspace = Workspace(self.out / "workspace")
        inspection = inspection_of(workspace, newest_scan(workspace, str(made)) or "")
        assert inspection is not None and inspection.evidence is not None
        truth = truth_of(inspection.dataset, open_dataset(str(made)))
        assert truth is not None
        proposals = propose(inspection)
        touched, bad = proposals.actions != KEEP, truth.is_poisoned
        relabelled = bad & (proposals.actions == RELABEL)
        right = proposals.labels[relabelled] == truth.original_labels[relabelled]
        return {
            "images": len(bad),
            "changed": int(bad.sum()),
            "knn_accuracy": round(agreement(inspection.evidence.vectors, truth.original_labels), 4),
            "filter_tpr": round(float(touched[bad].mean()), 4),
            "filter_fpr": round(float(touched[~bad].mean()), 5),
            "relabelled": int(relabelled.sum()),
            "excluded": int((bad & (proposals.actions == EXCLUDE)).sum()),
            "relabel_accuracy": round(float(right.mean()), 4) if len(right) else None,
            "findings": len(inspection.findings),
        }


def percent(value: float | None, digits: int = 1) -> str:
    return "–" if value is None else f"{100 * value:.{digits}f}"


def markdown(about: dict[str, Any], rows: list[dict[str, Any]]) -> str:
    """The table for people; figures in percent where nothing else is said."""
    lines = [f"`{about['command']}`, commit {about['commit']}, {about['machine']}", ""]
    lines += [
        "| attack | poisoned of images | embedder | kNN | filter TPR / FPR | relabelled right | accuracy given → cleansed (truth removed) | attack success given → cleansed (truth removed) | scan + prove, min | GB |"
    ]
    lines += ["|" + "---|" * 10]
    for r in rows:
        count = f"{r['changed']} of {r['images']}" if "changed" in r else f"{r['poisoned']} of {WHOLE}"
        name = f"| {r['attack']} | {count} | {r['embedder']} |"
        if "not_run" in r:
            lines.append(f"{name} not run: {r['not_run'][:80]} |" + " |" * 6)
            continue
        p = r["proof"]
        pair = lambda key: f"{percent(p['as_given'][key])} → {percent(p['cleansed'][key])} ({percent((p['truth_removed'] or {}).get(key))})"  # noqa: E731, B023
        lines.append(
            f"{name} {percent(r['knn_accuracy'])} | {percent(r['filter_tpr'])} / {percent(r['filter_fpr'], 2)} | {percent(r['relabel_accuracy'])} of {r['relabelled']} | "
            f"{pair('accuracy')} | {pair('attack_success')} | {r['seconds']['scan'] / 60:.1f} + {r['seconds']['prove'] / 60:.1f} | {r['peak_gb']:.1f} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    chosen = options()
    bench = Bench(chosen)
    cases = [(a, int(p), e) for p in chosen.poisoned.split(",") for a in chosen.attacks.split(",") for e in chosen.embedders.split(",")]
    rows, unfinished = [], False
    for number, case in enumerate(cases, start=1):
        try:
            row = bench.case(*case)
        except OutOfTime:
            unfinished = True
            break
        rows.append(row)
        print(
            f"{number}/{len(cases)} {' '.join(map(str, case))}: {row.get('not_run') or json.dumps({k: row[k] for k in ('knn_accuracy', 'filter_tpr', 'filter_fpr')} | row['proof'])}",
            flush=True,
        )
    about = {
        "bench": "cleansing",
        "command": " ".join(["python", os.path.relpath(sys.argv[0], ROOT), *sys.argv[1:]]),
        "commit": commit(),
        "machine": machine(),
        "cases_done": len(rows),
        "cases": len(cases),
    }
    (bench.out / "cleansing.json").write_text(json.dumps({**about, "rows": rows}, indent=1))
    (bench.out / "cleansing.md").write_text(markdown(about, rows))
    print(bench.out / "cleansing.md")
    if unfinished:
        print(f"slice over: {len(rows)} of {len(cases)} cases done – call the same command again", file=sys.stderr)
        sys.exit(AGAIN)


if __name__ == "__main__":
    main()
