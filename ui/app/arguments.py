"""What the program was started with: `python app.py …`, or behind the dashes of `streamlit run app.py -- …`."""

from __future__ import annotations

import argparse
import functools
import os
import secrets
import sys
from pathlib import Path


def parse(given: list[str]) -> argparse.Namespace:
    """[SOURCE] [--workspace DIR] [--port N] [--key KEY | --no-key]."""
    parser = argparse.ArgumentParser(prog="app.py", description="Taster: find, see and fix poisoned images.")
    parser.add_argument("source", nargs="?", default="demo", help="what to open first (default: the demo)")
    parser.add_argument("--workspace", default=None, help="where results are kept")
    parser.add_argument("--port", type=int, default=0, help="default: 8501, or the next that is free")
    keys = parser.add_mutually_exclusive_group()
    keys.add_argument("--key", default=None, help="what a browser must know to be let in (default: $TASTER_KEY, else random)")
    keys.add_argument("--no-key", action="store_true", help="let in whoever reaches the port: every user of this machine")
    return parser.parse_args(given)


@functools.cache
def chosen() -> argparse.Namespace:
    """The arguments of this process; the usual ones where another program (a test runner) has loaded the app."""
    return parse(_own(sys.argv[1:]) if Path(sys.argv[0]).name in ("app.py", "streamlit") else [])


def _own(given: list[str]) -> list[str]:
    """Arguments meant for the app: behind `--` under `streamlit run app.py -- …`, else all."""
    if given[:1] == ["run"]:
        return given[given.index("--") + 1 :] if "--" in given else []
    return given


@functools.cache
def access_key() -> str:
    """What a browser must know to be let in; "" where --no-key lets everybody in. Random, and the same while the process lives."""
    if chosen().no_key:
        return ""
    return chosen().key or os.environ.get("TASTER_KEY") or secrets.token_urlsafe(18)
