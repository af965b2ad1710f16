"""The command `info`: what this installation can do, and what the workspace holds."""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import platform
from pathlib import Path
from typing import Any

from .. import __version__
from ..workspace import Workspace, default_workspace
from .common import add_common, show

PACKAGES = (
    "torch",
    "torchvision",
    "timm",
    "faiss-gpu",
    "faiss-cpu",
    "umap-learn",
    "streamlit",
    "plotly",
    "pillow",
    "numpy",
    "scikit-learn",
    "pyarrow",
    "SQLAlchemy",
)


def add(commands: Any) -> None:
    """The parser of `info`."""
    parser = commands.add_parser("info", help="versions, devices, sources, embedders, scores, attacks, workspaces")
    add_common(parser)
    parser.set_defaults(command=run)


def run(chosen: argparse.Namespace) -> None:
    """Run `info`."""
    found = info(chosen.workspace if chosen.workspace is not None else default_workspace())
    show(found if chosen.json else info_text(found))


def info(workspace: Path) -> dict[str, Any]:
    """Versions, devices, embedders, scores, attacks and how they store images, exports, and the workspace's sources."""
    from ..attacks import ATTACKS, ENCODINGS
    from ..embedders import EMBEDDERS
    from ..exports import EXPORTS
    from ..scans import AUTO, AUTO_RULE
    from ..scores import SCORES
    from ..sources import SOURCES

    known = Workspace(workspace).recent_sources() if os.path.isdir(workspace) else []
    return {
        "taster": __version__,
        "python": platform.python_version(),
        "versions": {name: version for name in PACKAGES if (version := _version(name))},
        "devices": _devices(),
        "source_kinds": {name: s.told_by for name, s in SOURCES.items()},
        "embedders": {AUTO: AUTO_RULE, **{name: e.summary for name, e in EMBEDDERS.items()}},
        "scores": {
            name: {
                "title": s.title,
                "question": s.question,
                "blind_to": s.blind_to,
                "family": s.family,
                "needs": s.needs,
                "version": s.version,
            }
            for name, s in SCORES.items()
        },
        "attacks": {name: {"summary": a.summary, "kind": a.kind, "defaults": dict(a.defaults)} for name, a in ATTACKS.items()},
        "encodings": dict(ENCODINGS),
        "exports": {name: e.title for name, e in EXPORTS.items()},
        "workspace": str(workspace.absolute()),
        "sources": [{"source": s["identity"], "scans": len(s["scans"])} for s in known],
    }


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _devices() -> list[str]:
    import torch

    return ["cpu"] + [f"cuda:{i} {torch.cuda.get_device_name(i)}" for i in range(torch.cuda.device_count())]


def info_text(found: dict[str, Any]) -> str:
    """`info` as a person reads it."""
    from ..scans import shown_name

    lines = [f"Taster {found['taster']}, Python {found['python']}", "devices: " + ", ".join(found["devices"])]
    lines.append("versions: " + ", ".join(f"{name} {version}" for name, version in found["versions"].items()))
    for title, entries in (
        ("sources", found["source_kinds"]),
        ("embedders", found["embedders"]),
        ("scores", {name: f"{s['question']} Blind to {s['blind_to']}." for name, s in found["scores"].items()}),
        ("attacks", {name: a["summary"] for name, a in found["attacks"].items()}),
        ("encodings of triggered images (poison --encode)", found["encodings"]),
        ("exports", found["exports"]),
    ):
        lines.append(f"{title}:")
        lines += [f"  {name:<21} {text}" for name, text in entries.items()]
    lines.append(f"workspace: {found['workspace']}")
    lines += [f"  {shown_name(s['source'])} ({s['scans']} scan{'s' if s['scans'] != 1 else ''})" for s in found["sources"]]
    return "\n".join(lines)
