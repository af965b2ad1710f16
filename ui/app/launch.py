"""Starting the app as a program: loopback only, TCP_NODELAY, and a garbage collector that leaves libraries alone."""

from __future__ import annotations

import contextlib
import gc
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from core.errors import UserError
from ui.app.arguments import access_key, chosen
from ui.app.services import services

FIRST_PORT = 8501


@contextlib.asynccontextmanager
async def lifespan(app: Any) -> AsyncIterator[None]:
    """Freeze what is loaded: Streamlit collects garbage after every rerun, and would walk all libraries each time."""
    # imported here, so that they are among what is frozen
    import pyarrow  # noqa: F401

    gc.collect()
    gc.freeze()
    if Path(sys.argv[0]).name == "streamlit":
        # `streamlit run` prints an address of its own, which does not know the key
        import streamlit as st

        _announce(int(st.get_option("server.port") or FIRST_PORT))
    yield
    services().close()


def serve(app: Any) -> None:
    """Serve `app` on 127.0.0.1 until it is stopped; the arguments are the program's."""
    import uvicorn

    try:
        port = chosen().port or _free_port()
        services().open_first()
    except UserError as error:
        sys.stderr.write(f"taster: {error}\n")
        raise SystemExit(2) from error
    _announce(port)
    uvicorn.run(app, host="127.0.0.1", port=port, ws="websockets-sansio", ws_max_size=50_000_000, log_level="warning")


def _announce(port: int) -> None:
    """The address that lets a browser in, as one line on stdout."""
    key = f"/?key={quote(access_key())}" if access_key() else ""
    sys.stdout.write(f"Taster is at http://127.0.0.1:{port}{key}   (Ctrl+C stops it)\n")
    sys.stdout.flush()


def _free_port() -> int:
    for port in range(FIRST_PORT, FIRST_PORT + 50):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                return port
    raise UserError(f"no port from {FIRST_PORT} to {FIRST_PORT + 49} is free", "choose one with --port")
