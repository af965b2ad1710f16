"""What a finished scan says in a few numbers, and what this installation can do; no heavy import."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sys
from pathlib import Path
from typing import Any

import numpy as np

from core import __version__
from core.pipeline import inspection_of
from core.store import Workspace
from core.types import UNLABELLED, VERDICTS

PACKAGES = ("torch", "torchvision", "faiss-gpu", "faiss-cpu", "umap-learn", "streamlit", "plotly", "pillow", "numpy", "scikit-learn", "pyarrow", "SQLAlchemy")


def summary(workspace: Workspace, key: str) -> dict[str, Any]:
    """Counts of a finished scan: images, classes, skipped files, verdicts, suspicious rows by class."""
    inspection = inspection_of(workspace, key)
    assert inspection is not None and inspection.verdicts is not None
    dataset, suspicious = inspection.dataset, inspection.is_suspicious
    labelled = dataset.labels != UNLABELLED
    of_class = np.bincount(dataset.labels[labelled], minlength=len(dataset.classes))
    hit = np.bincount(dataset.labels[labelled & suspicious], minlength=len(dataset.classes))
    return {
        "key": key,
        "dataset": dataset.name,
        "digest": dataset.digest,
        "images": len(dataset),
        "unlabelled": int((~labelled).sum()),
        "skipped": [{"file": s.file, "reason": s.reason} for s in dataset.skipped],
        "embedder": inspection.recipe.embedder,
        "projection": inspection.projection,
        "threshold": inspection.threshold,
        "suspicious": int(suspicious.sum()),
        "verdicts": {name: int((inspection.verdicts == i).sum()) for i, name in enumerate(VERDICTS)},
        "classes": [
            {"name": name, "images": int(n), "suspicious": int(s)} for name, n, s in zip(dataset.classes, of_class, hit, strict=True)
        ],
    }


def summary_text(found: dict[str, Any], source: str) -> str:
    """The summary as a person reads it; at most ten classes and three skipped files are named."""
    n, suspicious = found["images"], found["suspicious"]
    lines = [f"{n:,} images in {len(found['classes'])} classes; {suspicious:,} suspicious ({100 * suspicious / max(n, 1):.2f} %)"]
    verdicts = [f"{count:,} {name.replace('_', ' ')}" for name, count in found["verdicts"].items() if count and name != "clean"]
    if verdicts:
        lines.append("verdicts: " + ", ".join(verdicts))
    worst = sorted((c for c in found["classes"] if c["suspicious"]), key=lambda c: -c["suspicious"])[:10]
    width = max((len(_shown(c["name"])) for c in worst), default=0)
    lines += [f"  {_shown(c['name']):<{width}}  {c['suspicious']:>6,} of {c['images']:,}" for c in worst]
    skipped = found["skipped"]
    if skipped:
        lines.append(f"{len(skipped):,} files were skipped:")
        lines += [f"  {_shown(s['file'])}: {s['reason']}" for s in skipped[:3]]
        lines += [f"  … and {len(skipped) - 3:,} more (--json lists all)"] if len(skipped) > 3 else []
    lines.append(f"see them: {_streamlit()} run app.py -- {source}")
    return "\n".join(lines)


def _streamlit() -> str:
    """The program as this environment's user can type it."""
    beside = Path(sys.executable).with_name("streamlit")
    return os.path.relpath(beside) if beside.exists() else "streamlit"


def _shown(name: str) -> str:
    """A name from a hostile set, fit for a terminal: nothing that moves the cursor, at most 60 characters."""
    plain = "".join(c if c.isprintable() else "�" for c in name)
    return plain if len(plain) <= 60 else plain[:59] + "…"


def info(workspace: Path) -> dict[str, Any]:
    """Versions, devices, embedders, scores, attacks, formats, and the workspace's sources."""
    from core.attacks import ATTACKS
    from core.embedders import EMBEDDERS
    from core.export import EXPORTS
    from core.scores import SCORES
    from core.scores.artifact import ARTIFACT_SCORES, OTHER_SCORES

    known = Workspace(workspace).recent_sources() if workspace.exists() else []
    return {
        "taster": __version__,
        "python": platform.python_version(),
        "versions": {name: version for name in PACKAGES if (version := _version(name))},
        "devices": _devices(),
        "embedders": {name: e.summary for name, e in EMBEDDERS.items()},
        "scores": {
            **{name: {"question": s.question, "blind_to": s.blind_to} for name, s in SCORES.items()},
            **{name: {"question": a.question, "blind_to": a.blind_to} for name, a in ARTIFACT_SCORES.items()},
            **{name: {"question": asks, "blind_to": blind} for name, (asks, blind) in OTHER_SCORES.items()},
        },
        "attacks": {name: {"summary": a.summary, "kind": a.kind, "defaults": dict(a.defaults)} for name, a in ATTACKS.items()},
        "exports": {name: e.summary for name, e in EXPORTS.items()},
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
    lines = [f"Taster {found['taster']}, Python {found['python']}", "devices: " + ", ".join(found["devices"])]
    lines.append("versions: " + ", ".join(f"{name} {version}" for name, version in found["versions"].items()))
    for title, entries in (
        ("embedders", found["embedders"]),
        ("scores", {name: f"{s['question']} Blind to {s['blind_to']}." for name, s in found["scores"].items()}),
        ("attacks", {name: a["summary"] for name, a in found["attacks"].items()}),
        ("exports", found["exports"]),
    ):
        lines.append(f"{title}:")
        lines += [f"  {name:<21} {text}" for name, text in entries.items()]
    lines.append(f"workspace: {found['workspace']}")
    lines += [f"  {_shown(s['source'])} ({s['scans']} scan{'s' if s['scans'] != 1 else ''})" for s in found["sources"]]
    return "\n".join(lines)
