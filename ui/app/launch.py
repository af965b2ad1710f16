"""Starting the app as a program: loopback only, TCP_NODELAY, and a garbage collector that leaves libraries alone."""

from __future__ import annotations

import argparse
import contextlib
import gc
import socket
import sys
from collections.abc import AsyncIterator
from typing import Any

from core.errors import UserError
from ui.app.services import services

HOSTS = ["localhost", "127.0.0.1", "testserver"]
FIRST_PORT = 8501


@contextlib.asynccontextmanager
async def lifespan(app: Any) -> AsyncIterator[None]:
    """Freeze what is loaded: Streamlit collects garbage after every rerun, and would walk all libraries each time."""
    # imported here, so that they are among what is frozen
    import pyarrow  # noqa: F401

    gc.collect()
    gc.freeze()
    yield
    services().close()


def serve(app: Any) -> None:
    """Serve `app` on 127.0.0.1 until it is stopped; the arguments are the program's."""
    import uvicorn

    chosen = arguments(sys.argv[1:])
    try:
        port = chosen.port or _free_port()
        services().open_first()
    except UserError as error:
        sys.stderr.write(f"taster: {error}\n")
        raise SystemExit(2) from error
    sys.stderr.write(f"\n  Taster is at  http://127.0.0.1:{port}   (Ctrl+C stops it)\n\n")
    uvicorn.run(app, host="127.0.0.1", port=port, ws="websockets-sansio", ws_max_size=50_000_000, log_level="warning")


def arguments(given: list[str]) -> argparse.Namespace:
    """[SOURCE] [--workspace DIR] [--port N]."""
    parser = argparse.ArgumentParser(prog="app.py", description="Taster: find, see and mend poisoned images.")
    parser.add_argument("source", nargs="?", default="demo", help="what to open first (default: the demo)")
    parser.add_argument("--workspace", default=None, help="where results are kept")
    parser.add_argument("--port", type=int, default=0, help="default: 8501, or the next that is free")
    return parser.parse_args(given)


def _free_port() -> int:
    for port in range(FIRST_PORT, FIRST_PORT + 50):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                return port
    raise UserError(f"no port from {FIRST_PORT} to {FIRST_PORT + 49} is free", "choose one with --port")
