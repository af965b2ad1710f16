"""The scripts and styles of widgets: ES modules in assets/components, put together into the one module that Streamlit takes.

Streamlit (1.67) runs a widget's script as a module of a blob address, from which relative imports lead nowhere and even
"/api/…" is no address; so the modules are put together here, each in a scope of its own, after those that it imports. To
serve them over a route would take an address made in the browser, the access key and a round trip for each module before
anything is drawn; it would save 2 kB (reviewer) to 56 kB (map), over a WebSocket mostly on the same machine, of each rerun
that changes a widget's data. Nothing has to be built or installed, and node tests the very files that the browser gets.

A module may use `import { a, b as c } from "./other.js"`, `export` before one function, class or const, and `export default`.
"""

from __future__ import annotations

import re
from pathlib import Path

ASSETS = Path(__file__).resolve().parents[2] / "assets" / "components"
ROOT = '<div class="taster"></div>'
_IMPORT = re.compile(r'^import \{([^}]*)\} from "(\.{1,2}/[\w./]+\.js)";$', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async function|function|class|const) (\w+))", re.MULTILINE)
_DEFAULT = re.compile(r"^export default ", re.MULTILINE)
_OTHER = re.compile(r"^(?:import|export)\b.*", re.MULTILINE)


def widget_source(name: str, *, html: str = ROOT, folder: Path = ASSETS) -> dict[str, str]:
    """html, css and js of the widget `name`: the module name/name.js and all that it imports, each with the styles beside it.

    Raises ValueError for modules that import in a circle, from outside `folder`, what is not exported, or in another form.
    """
    home = folder.resolve()
    modules = _in_order(home / name / f"{name}.js", home)
    styles = [file.with_suffix(".css") for file in modules if file.with_suffix(".css").is_file()]
    names = {file: f"module{number}" for number, file in enumerate(modules)}
    scopes = [_scope(file, home, names) for file in modules]
    if not _DEFAULT.search(modules[-1].read_text("utf-8")):
        raise ValueError(f"{modules[-1].relative_to(home)} has no default export: Streamlit calls it with the widget's data")
    js = "\n".join([*scopes, f"export default {names[modules[-1]]}.default;\n"])
    return {"html": html, "css": "\n".join(file.read_text("utf-8") for file in styles), "js": js}


def _in_order(file: Path, home: Path, above: tuple[Path, ...] = ()) -> list[Path]:
    """`file` behind all that it imports, each once."""
    if file in above:
        raise ValueError(f"{file.relative_to(home)} imports itself by way of {above[-1].relative_to(home)}")
    if not file.is_relative_to(home) or not file.is_file():
        raise ValueError(f"{above[-1].relative_to(home) if above else home}: there is no module {file} in {home}")
    below = [_target(file, path) for _, path in _IMPORT.findall(file.read_text("utf-8"))]
    return list(dict.fromkeys([found for other in below for found in _in_order(other, home, (*above, file))] + [file]))


def _target(file: Path, path: str) -> Path:
    return (file.parent / path).resolve()


def _scope(file: Path, home: Path, names: dict[Path, str]) -> str:
    """The module as a constant that holds what it exports."""

    def taken(found: re.Match[str]) -> str:
        other, wanted = _target(file, found[2]), [name.split(" as ") for name in re.split(r",\s*", found[1].strip(" \n,"))]
        missing = {name for name, *_ in wanted} - set(_EXPORT.findall(other.read_text("utf-8")))
        if missing:
            raise ValueError(f"{file.relative_to(home)}: {other.relative_to(home)} does not export {', '.join(sorted(missing))}")
        return f"const {{ {', '.join(': '.join(name) for name in wanted)} }} = {names[other]};"

    text = file.read_text("utf-8")
    given = [*_EXPORT.findall(text), *(["default: __default"] if _DEFAULT.search(text) else [])]
    body = _DEFAULT.sub("const __default = ", _EXPORT.sub("", _IMPORT.sub(taken, text)))
    if left := _OTHER.search(body):
        raise ValueError(f"{file.relative_to(home)}: the loader does not know this form: {left[0]}")
    return f"// {file.relative_to(home).as_posix()}\nconst {names[file]} = (() => {{\n{body}\nreturn {{ {', '.join(given)} }};\n}})();\n"
