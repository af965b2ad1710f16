"""The loader of widgets: what it puts together, what it refuses, and that no script parses text as markup."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from ui.widgets.loader import ASSETS, widget_source

NODE = shutil.which("node")
needs_node = pytest.mark.skipif(NODE is None, reason="node is not on the path")
WIDGETS = sorted(folder.name for folder in ASSETS.iterdir() if folder.is_dir() and folder.name != "shared")
SCRIPTS = sorted(ASSETS.rglob("*.js"))
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes modules by their paths; returns their folder."""

    def files(**texts: str) -> Path:
        for name, text in texts.items():
            file = tmp_path / name.replace("__", "/").replace("_css", ".css")
            file = file if file.suffix else file.with_suffix(".js")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, "utf-8")
        return tmp_path

    return files


def run(script: str, after: str) -> str:
    """What node prints when `script` is a module and `after` uses its default export as `made`."""
    assert NODE is not None
    text = script.replace("export default ", "const made = ") + after
    return subprocess.run([NODE, "--input-type=module", "-"], input=text, capture_output=True, text=True, check=True, timeout=30).stdout


def test_every_widget_has_a_folder() -> None:
    assert WIDGETS == ["audit", "evidence", "gallery", "inspector", "map", "queue", "reviewer"]


@needs_node
@pytest.mark.parametrize("name", WIDGETS)
def test_a_widget_becomes_one_module_that_exports_a_function(name: str) -> None:
    made = widget_source(name)
    assert not re.search(r"^import\b", made["js"], re.MULTILINE)
    assert re.findall(r"^export\b.*", made["js"], re.MULTILINE) == [made["js"].splitlines()[-1]]
    assert run(made["js"], "console.log(typeof made);") == "function\n"
    assert made["css"].endswith((ASSETS / name / f"{name}.css").read_text("utf-8"))


def test_what_several_use_is_there_once_and_before_its_users() -> None:
    parts = re.findall(r"^// (\w+/\w+\.js)$", widget_source("queue")["js"], re.MULTILINE)
    assert len(parts) == len(set(parts)) and parts[-1] == "queue/queue.js"
    assert parts.index("shared/dom.js") < parts.index("shared/badge.js") < parts.index("queue/queue_view.js")


def test_a_widget_has_only_the_styles_that_its_modules_need() -> None:
    assert ".picker" in widget_source("queue")["css"] and ".picker" not in widget_source("map")["css"]
    assert ".taster .badge" in widget_source("map")["css"] and ".taster .badge" not in widget_source("reviewer")["css"]
    assert "<label" in widget_source("reviewer", html="<label>")["html"]


def test_the_same_files_make_the_same_module() -> None:
    assert widget_source("map") == widget_source("map")


@needs_node
def test_names_of_two_modules_do_not_clash(write: Write) -> None:
    folder = write(
        shared__one='const held = 1;\nexport const number = () => held;\nexport function word() { return "one"; }',
        shared__two='import { number } from "./one.js";\nconst held = 20;\nexport class Sum { static of() { return held + number(); } }',
        w__w='import {\n  number as first,\n  word,\n} from "../shared/one.js";\nimport { Sum } from "../shared/two.js";\n'
        "const held = 300;\nexport default () => [first(), word(), Sum.of(), held].join();\n",
    )
    assert run(widget_source("w", folder=folder)["js"], "console.log(made());") == "1,one,21,300\n"


def test_styles_lie_beside_their_modules_and_the_widgets_own_come_last(write: Write) -> None:
    folder = write(
        shared__a="export const a = 1;", shared__a_css="A", w__w='import { a } from "../shared/a.js";\nexport default a;', w__w_css="W"
    )
    assert widget_source("w", folder=folder)["css"] == "A\nW"


REFUSED = {
    "a circle": ({"w__w": 'import { a } from "./a.js";\nexport default a;', "w__a": 'import { b } from "./b.js";\nexport const a = b;',
                  "w__b": 'import { a } from "./a.js";\nexport const b = a;'}, r"w/a.js imports itself by way of w/b.js"),
    "a file that is not there": ({"w__w": 'import { a } from "./gone.js";\nexport default a;'}, "w/w.js: there is no module .*gone.js"),
    "a file outside": ({"w__w": 'import { a } from "../../outside.js";\nexport default a;'}, "there is no module .*outside.js"),
    "what is not exported": ({"w__w": 'import { a, b } from "./a.js";\nexport default a;', "w__a": "export const a = 1, b = 2;"},
                             "w/w.js: w/a.js does not export b"),
    "a package": ({"w__w": 'import { a } from "d3";\nexport default a;'}, "does not know this form: import"),
    "all of a module": ({"w__w": 'import * as a from "./a.js";\nexport default a;', "w__a": ""}, "does not know this form: import"),
    "a default of another": ({"w__w": 'import a from "./a.js";\nexport default a;', "w__a": ""}, "does not know this form: import"),
    "a list of exports": ({"w__w": "const a = 1;\nexport { a };\nexport default a;"}, "does not know this form: export"),
    "a value that changes": ({"w__w": "export let a = 1;\nexport default a;"}, "does not know this form: export"),
    "nothing by default": ({"w__w": "export const a = 1;"}, "w/w.js has no default export"),
}  # fmt: skip


@pytest.mark.parametrize("name", list(REFUSED))
def test_what_would_go_wrong_in_the_browser_is_refused_here(write: Write, name: str) -> None:
    texts, says = REFUSED[name]
    with pytest.raises(ValueError, match=says):
        widget_source("w", folder=write(**texts))


@pytest.mark.parametrize("file", SCRIPTS, ids=lambda file: file.relative_to(ASSETS).as_posix())
def test_no_script_parses_text_as_markup_or_code(file: Path) -> None:
    text = file.read_text("utf-8")
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|createContextualFragment|DOMParser|setHTML|srcdoc|document\.write|\beval\b|\bFunction\(",
        text,
    )
    assert len(text.splitlines()) <= 300


def test_no_module_is_left_over() -> None:
    used = {part for name in WIDGETS for part in re.findall(r"^// (\w+/\w+\.js)$", widget_source(name)["js"], re.MULTILINE)}
    assert used == {file.relative_to(ASSETS).as_posix() for file in SCRIPTS}


@pytest.mark.parametrize("file", SCRIPTS, ids=lambda file: file.relative_to(ASSETS).as_posix())
def test_what_a_module_imports_it_uses(file: Path) -> None:
    text = file.read_text("utf-8")
    body = re.sub(r"^import .*$", "", text, flags=re.MULTILINE)
    for names in re.findall(r"^import \{([^}]*)\}", text, re.MULTILINE):
        for name in re.findall(r"\w+", names):
            assert re.search(rf"(?<![\w.]){name}\b", body), f"{name} is imported for nothing"
