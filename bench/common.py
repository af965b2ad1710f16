"""What the benchmarks share: where real data lies, the machine in words, results as JSON beside the scripts."""

from __future__ import annotations

import json
import os
import platform
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
OUT = ROOT / "bench" / "out"


def data_folder() -> Path:
    """Folder with cifar10-train.parquet: $TASTER_DATA, else ../shared/data. Ends the program where there is none."""
    folder = Path(os.environ.get("TASTER_DATA") or ROOT.parent / "shared" / "data")
    if not (folder / "cifar10-train.parquet").exists():
        sys.exit(f"skipped: no cifar10-train.parquet in {folder}; set TASTER_DATA to a folder that holds CIFAR-10 as Hugging Face parquet")
    return folder


def machine() -> str:
    """Processor, cores and GPU in words."""
    import torch

    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        model = next((line.split(":")[1].strip() for line in cpuinfo.read_text().splitlines() if line.startswith("model name")), model)
    gpu = torch.cuda.get_device_name(0) if torch.cuda.is_available() else "no GPU"
    return f"{model}, {os.cpu_count()} cores, {gpu}"


def commit() -> str:
    """Short hash of the commit measured, "+" for uncommitted changes."""
    found = subprocess.run(["git", "describe", "--always", "--dirty=+"], cwd=ROOT, capture_output=True, text=True, check=False)
    return found.stdout.strip() or "unknown"


def keep(name: str, result: dict[str, Any]) -> None:
    """Print the result and write it to bench/out/<name>.json with command, commit and machine."""
    whole = {"bench": name, "command": " ".join(["python", *sys.argv]), "commit": commit(), "machine": machine(), **result}
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / f"{name}.json").write_text(json.dumps(whole, indent=1))
    print(json.dumps(whole, indent=1))


def run_measured(command: list[str]) -> tuple[float, float]:
    """(wall seconds, peak memory in GB of the largest process) of a command; its stderr is shown if it fails."""
    started = time.perf_counter()
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert process.stderr is not None
    errors = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"failed: {' '.join(command)}\n{errors.decode()[-2000:]}")
    return time.perf_counter() - started, usage.ru_maxrss / 1e6


def peak_gb() -> float:
    """Peak memory of this process in GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
