"""Who may import whom: one ordered list, no exemption; checked on the source text, so a breach in a rare branch counts too."""

from __future__ import annotations

import ast
import importlib.util
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILES = [*sorted(file for top in ("core", "ui", "pages") for file in (ROOT / top).rglob("*.py")), ROOT / "app.py"]

# from the ground up: a room imports what stands above it in this list, never what stands below or beside it
LAYERS = (
    "core.types core.errors core.doors",
    "core.files core.compute",
    "core.neighbours",
    "core.sources core.attacks core.embedders core.scores core.triggers core.projection core.labels core.reviews core.evaluation core.views",
    "core.workspace",
    "core.scans",
    "core.exports",
    "core.cleansing",
    "core.proofs core.sensitivity",
    "core.api",
    "core",
    "core.cli",
    "core.__main__",
    "ui.words",
    "ui.app",
    "ui.api",
    "ui.charts",
    "ui.widgets",
    "ui.navigation ui.state",
    "ui.page ui.scanning",
    "ui.sidebar",
    "ui.shell",
    "pages",
    "app",
)
FLOOR = {room: floor for floor, rooms in enumerate(LAYERS) for room in rooms.split()}
# a library, and the only place that may import it
ONLY_IN = {
    "streamlit": ("ui", "pages", "app"),
    "plotly": ("ui", "core.exports"),
    "faiss": ("core.neighbours",),
    "umap": ("core.projection",),
    "sqlalchemy": ("core.reviews",),
}


def room_of(module: str) -> str:
    return next((room for n in (2, 1) if (room := ".".join(module.split(".")[:n])) in FLOOR), module)


def imported(module: str, source: str, *, is_package: bool = False) -> set[str]:
    """Dotted names of all that the module imports, wherever in it."""
    found: set[str] = set()
    package = module if is_package else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = importlib.util.resolve_name("." * node.level + (node.module or ""), package) if node.level else str(node.module)
            found.update(f"{base}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) in (
            "import_module",
            "__import__",
            "find_spec",
        ):
            found.update(str(given.value) for given in node.args[:1] if isinstance(given, ast.Constant))
    return found


def breaches(module: str, source: str, *, is_package: bool = False) -> list[str]:
    found, own = [], room_of(module)
    for other in sorted(imported(module, source, is_package=is_package)):
        top, room = other.split(".")[0], room_of(other)
        if top in ONLY_IN and not any(module == place or module.startswith(f"{place}.") for place in ONLY_IN[top]):
            found.append(f"{module} imports {other}: only {', '.join(ONLY_IN[top])} may")
        if room in FLOOR and room != own and FLOOR[room] >= FLOOR[own] and room != "core":
            found.append(f"{module} imports {other}: {room} does not stand below {own}")
        elif room in FLOOR and room != own and room.startswith("core.") and not through_the_door(other):
            found.append(f"{module} imports {other}: only what {room} names in its __init__")
    return found


def through_the_door(name: str) -> bool:
    """Whether `name` is what a package names in its `__all__`, or a value of a room of one file."""
    holder, value = ROOT / name.rpartition(".")[0].replace(".", "/"), name.rpartition(".")[2]
    return value in offered(holder / "__init__.py") if holder.is_dir() else name.count(".") == 2


@cache
def offered(door: Path) -> frozenset[str]:
    for node in ast.parse(door.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__":
            return frozenset(ast.literal_eval(node.value))
    return frozenset()


def named(file: Path) -> tuple[str, bool]:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return (".".join(parts[:-1]), True) if parts[-1] == "__init__" else (".".join(parts), False)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(ROOT).as_posix())
def test_a_file_imports_only_what_its_place_allows(file: Path) -> None:
    module, is_package = named(file)
    assert room_of(module) in FLOOR or module == "ui", f"{module} has no floor: add its room to LAYERS"
    assert breaches(module, file.read_text(encoding="utf-8"), is_package=is_package) == []


def test_core_shows_few_files() -> None:
    assert len([entry for entry in (ROOT / "core").iterdir() if entry.is_file()]) <= 10


PLANTED = {
    "streamlit in core": ("core.labels.fuse", "import streamlit as st"),
    "streamlit in a function of core": ("core.scores.outlier", "def f():\n    from streamlit.runtime import get_instance"),
    "faiss beside its room": ("core.labels.fuse", "import faiss"),
    "faiss by name": ("core.labels.fuse", "import importlib\nimportlib.import_module('faiss')"),
    "umap in ui": ("ui.api.points", "from umap.umap_ import UMAP"),
    "core reaches up to ui": ("core.scans.pipeline", "from ui.api.points import pack"),
    "core reaches up to a page": ("core.cli.program", "import pages.overview"),
    "ui reaches up to pages": ("ui.api.queue_items", "from pages import relabel"),
    "a page reaches up to the app": ("pages.map", "import app"),
    "room to room": ("core.attacks.badnets", "from core.sources import open_source"),
    "room to room, relatively": ("core.attacks.badnets", "from ..sources import open_source"),
    "room to room, from the room's __init__": ("core.evaluation.measures", "from .. import scores"),
    "a room reaches up": ("core.sources.files", "from ..workspace import Workspace"),
    "types on top of a room": ("core.types.dataset", "from ..scores import SCORES"),
    "behind a type check": ("core.labels.fuse", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from ..reviews import Reviews"),
    "past the door": ("core.scans.stages", "from ..triggers.search import mine"),
    "past the door, from a page": ("pages.map", "from core.scans.pipeline import scan"),
    "charts reach up to widgets": ("ui.charts.quadrant", "from ui.widgets.components import grid"),
}


@pytest.mark.parametrize("name", list(PLANTED))
def test_a_planted_breach_is_seen(name: str) -> None:
    assert len(breaches(*PLANTED[name])) == 1


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("core.exports.report", "import plotly.graph_objects as go\nfrom .tables import scores_table"),
        ("core.reviews.log", "import sqlalchemy as sa\nfrom .database import connect"),
        ("core.scores.knn_disagreement", "from ..neighbours import vote\nfrom ..types import Evidence"),
        ("core.scans.stages", "from ..triggers import mine\nfrom ..errors import UserError"),
        ("core.cli.info", "from .. import __version__\nfrom ..scores import SCORES"),
        ("pages.map", "import streamlit\nfrom ui.api.points import pack\nfrom core.scans import scan"),
        ("core.neighbours.graph", "import faiss\nimport numpy, faiss_like"),
    ],
)
def test_what_is_allowed_is_not_a_breach(module: str, source: str) -> None:
    assert breaches(module, source) == []
