"""Serves the harness page with the routes: `python -m tests.support.component_harness.serve PORT`. Tests only."""

from __future__ import annotations

import sys
from pathlib import Path

import streamlit as st
import uvicorn

from tests.support.component_harness.services import SERVICES
from ui.api.routes import make_routes

# the tests must not depend on the app's own settings, nor on a network
for option, value in {
    "browser.gatherUsageStats": False,
    "theme.light.baseRadius": "none",
    "theme.dark.baseRadius": "none",
    "server.fileWatcherType": "none",
    "client.toolbarMode": "viewer",
}.items():
    st.config.set_option(option, value)

app = st.App(Path(__file__).with_name("page.py"), routes=make_routes(SERVICES))

if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), ws="websockets-sansio", log_level="warning")
