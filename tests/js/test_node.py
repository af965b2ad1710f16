"""The widgets' scripts without a browser: runs `node --test` on the files beside this one."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
NODE = shutil.which("node")


@pytest.mark.skipif(NODE is None, reason="node is not on the path")
def test_the_scripts_pass_their_own_tests() -> None:
    assert NODE is not None
    # files by name: what a folder's name means differs between versions of node
    files = sorted(str(file) for file in HERE.glob("*.test.mjs"))
    done = subprocess.run([NODE, "--test", "--test-reporter=tap", *files], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    passed = re.search(r"^# pass (\d+)$", done.stdout, re.MULTILINE)
    assert passed is not None and int(passed[1]) >= 60
