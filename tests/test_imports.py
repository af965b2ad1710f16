"""Who may import whom; checked on the source text of every file, so a breach in a rare branch counts too."""

from __future__ import annotations

import ast
from pathlib import Path, PurePosixPath

import pytest

ROOT = Path(__file__).resolve().parents[1]
FILES = sorted([*(ROOT / "core").rglob("*.py"), *(ROOT / "ui").rglob("*.py"), *(ROOT / "pages").rglob("*.py"), *ROOT.glob("app.py")])

# a library and the only places that may import it
ONLY_IN = {
    "streamlit": ("ui/", "pages/", "app.py"),
    "plotly": ("ui/", "core/report.py"),
    "faiss": ("core/neighbours.py",),
    "umap": ("core/projection.py",),
    "sqlalchemy": ("core/reviews.py",),
}
# the layers of the house, from the ground; a file may import its own layer's fellows only where that is said
GROUND = {"", "types", "errors"}
ABOVE_ROOMS = {"pipeline", "stages", "scan_options", "analysis", "inspections", "findings_file", "embedding", "learning", "progress", "progress_line", "summary", "store", "cli", "cli_mend", "cli_learn", "cleanse", "prove", "__main__"}
PROOF = ("arms", "options", "record", "stamp", "test", "trigger", "victim", "words")
SHARED_ROOMS = {"reviews_file": "reviews", "reviews_checks": "reviews", "report_page": "report", "shortlists": "neighbours", "probe_net": "probe", **{f"prove_{part}": "prove" for part in PROOF}}
NEIGHBOURLY = {("export", "report"), ("report", "export")}


def room_of(module: str) -> str:
    """"core.sources.folder" -> "sources"; "core.export_names" -> "export"."""
    name = [*module.split("."), ""][1]
    return "export" if name.startswith("export_") else SHARED_ROOMS.get(name, name)


def imported(path: str, source: str) -> set[str]:
    """Dotted names of all modules that the file imports, wherever in it."""
    found: set[str] = set()
    package = PurePosixPath(path).parent.as_posix().replace("/", ".")
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, base]).rstrip(".")
            # "from core import pipeline" names a module, "from core.types import Dataset" a value: both are kept
            found.update(f"{base}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if name in ("import_module", "__import__", "find_spec"):
                found.add(str(node.args[0].value))
    return found


def breaches(path: str, source: str) -> list[str]:
    """One line for every import in the file at `path` (relative to the root) that the house does not allow."""
    found = []
    for module in sorted(imported(path, source)):
        top = module.split(".")[0]
        allowed = ONLY_IN.get(top)
        if allowed is not None and not path.startswith(allowed):
            found.append(f"{path} imports {module}: only {', '.join(allowed)} may")
        if upwards(path, top):
            found.append(f"{path} imports {module}: imports run app, pages, ui, core")
        if path.startswith("core/") and top == "core" and not allowed_within_core(path, module):
            found.append(f"{path} imports {module}: rooms beside each other do not import each other")
    return found


def upwards(path: str, top: str) -> bool:
    order = ["core", "ui", "pages", "app"]
    own = path.split("/")[0].removesuffix(".py")
    return top in order and order.index(top) > order.index(own)


def allowed_within_core(path: str, module: str) -> bool:
    own, other = room_of(path.removesuffix(".py").replace("/", ".")), room_of(module)
    if other in GROUND or own == other or own in ABOVE_ROOMS or module == "core.__version__":
        return True
    return own not in GROUND and other not in ABOVE_ROOMS and (own, other) in NEIGHBOURLY


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(ROOT).as_posix())
def test_a_file_imports_only_what_its_place_allows(file: Path) -> None:
    assert breaches(file.relative_to(ROOT).as_posix(), file.read_text(encoding="utf-8")) == []


def test_every_room_was_looked_at() -> None:
    looked_at = {file.relative_to(ROOT).as_posix() for file in FILES}
    assert {"core/neighbours.py", "core/sources/folder.py", "core/cli.py", "core/projection.py"} <= looked_at


PLANTED = {
    "streamlit in core": ("core/fuse.py", "import streamlit as st"),
    "streamlit in a function of core": ("core/scores/outlier.py", "def f():\n    from streamlit.runtime import get_instance"),
    "faiss beside its file": ("core/suggest.py", "import faiss"),
    "faiss by name": ("core/suggest.py", "import importlib\nimportlib.import_module('faiss')"),
    "umap in ui": ("ui/points.py", "from umap.umap_ import UMAP"),
    "sqlalchemy below its door": ("core/reviews_file.py", "import sqlalchemy"),
    "plotly in the export": ("core/export.py", "import plotly.graph_objects as go"),
    "plotly in a page": ("pages/map.py", "import plotly.express"),
    "core reaches up to ui": ("core/pipeline.py", "from ui.points import pack"),
    "core reaches up to a page": ("core/cli.py", "import pages.overview"),
    "ui reaches up to pages": ("ui/queue_items.py", "from pages import relabel"),
    "a page reaches up to the app": ("pages/map.py", "import app"),
    "room to room": ("core/attacks/badnets.py", "from core.sources.base import Rows"),
    "room to room, relatively": ("core/attacks/badnets.py", "from ..sources import open_source"),
    "room to room, the package's way": ("core/evaluate.py", "from core import scores"),
    "a room reaches up": ("core/sources/files.py", "from core.store import FileDigests"),
    "a room reaches up to the pipeline": ("core/report.py", "from core.pipeline import scan"),
    "types on top of a room": ("core/types.py", "from core.scores import SCORES"),
    "types on top of the store": ("core/types.py", "import core.store"),
    "behind a type check": ("core/fuse.py", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import core.reviews"),
}


@pytest.mark.parametrize("name", list(PLANTED))
def test_a_planted_breach_is_seen(name: str) -> None:
    path, source = PLANTED[name]
    assert len(breaches(path, source)) == 1


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("core/export.py", "from core.report import report_html\nfrom core.export_names import image_paths"),
        ("core/report.py", "import plotly.graph_objects as go\nfrom core.export_formats import scores_table\nimport core.report_page"),
        ("core/reviews.py", "import sqlalchemy as sa\nfrom core.reviews_file import connect"),
        ("core/attacks/sig.py", "from core.attacks.base import Attack\nfrom .patch import stamp"),
        ("core/embedding.py", "from core.embedders.base import Model\nfrom core.store import write_array"),
        ("core/summary.py", "from core import __version__\nfrom core.scores import SCORES"),
        ("pages/map.py", "import streamlit\nfrom ui.points import pack\nfrom core.pipeline import scan"),
        ("app.py", "import streamlit\nimport pages.map\nfrom core.store import Workspace"),
        ("core/neighbours.py", "import faiss\nimport numpy, faiss_like"),
    ],
)
def test_what_is_allowed_is_not_a_breach(path: str, source: str) -> None:
    assert breaches(path, source) == []
