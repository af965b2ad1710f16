"""Taster's front door: `python app.py [SOURCE]`, or `streamlit run app.py -- [SOURCE]`.

It joins the pages (ui/shell.py) and the HTTP routes that carry pixels, points and decisions. Run as a program it
starts its own server on the loopback interface, which answers bursts of images ten times faster than `streamlit run`.
"""

import sys
from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware
from streamlit.runtime.scriptrunner import get_script_run_ctx

sys.path.insert(0, str(Path(__file__).resolve().parent))

from ui.api.routes import make_routes
from ui.app.arguments import access_key
from ui.app.guard import Guard
from ui.app.launch import lifespan, serve
from ui.app.services import services

app = st.App(
    Path(__file__).resolve().parent / "ui" / "shell.py",
    routes=make_routes(services()),
    lifespan=lifespan,
    middleware=[Middleware(Guard, key=access_key())],
)

if get_script_run_ctx(suppress_warning=True) is not None:
    # a runner that knows scripts only (such as streamlit's AppTest) gets the pages all the same
    from ui.shell import draw

    draw()
elif __name__ == "__main__":
    serve(app)
