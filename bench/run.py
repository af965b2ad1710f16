"""Every benchmark, one after the other: `make bench`. Each writes bench/out/<name>.json."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
COMMANDS = (
    ["neighbours.py"],
    ["neighbours.py", "--data", "cifar", "--approximate"],
    ["scan.py"],
    ["quality.py"],
    # one rate and one seed: all rates and seeds take hours (python bench/detection.py --resume)
    ["detection.py", "--rates", "1", "--seeds", "1"],
    ["learning.py"],
    ["cleansing.py", "--attacks", "badnets,blended", "--poisoned", "500"],
    ["screen.py"],
)

if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()
    failed = [
        command[0] for command in COMMANDS if subprocess.run([sys.executable, str(HERE / command[0]), *command[1:]], check=False).returncode
    ]
    if failed:
        sys.exit(f"did not finish: {', '.join(failed)}")
