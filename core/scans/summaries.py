"""What a finished scan says in a few numbers."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np

from ..types import UNLABELLED, VERDICTS
from ..workspace import Workspace
from .pipeline import inspection_of


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
    width = max((len(shown_name(c["name"])) for c in worst), default=0)
    lines += [f"  {shown_name(c['name']):<{width}}  {c['suspicious']:>6,} of {c['images']:,}" for c in worst]
    skipped = found["skipped"]
    if skipped:
        lines.append(f"{len(skipped):,} files were skipped:")
        lines += [f"  {shown_name(s['file'])}: {s['reason']}" for s in skipped[:3]]
        lines += [f"  … and {len(skipped) - 3:,} more (--json lists all)"] if len(skipped) > 3 else []
    lines.append(f"see them: {_streamlit()} run app.py -- {source}")
    return "\n".join(lines)


def _streamlit() -> str:
    """The program as this environment's user can type it."""
    beside = Path(sys.executable).with_name("streamlit")
    return os.path.relpath(beside) if beside.exists() else "streamlit"


def shown_name(name: str) -> str:
    """A name from a hostile set, fit for a terminal: nothing that moves the cursor, at most 60 characters."""
    plain = "".join(c if c.isprintable() else "�" for c in name)
    return plain if len(plain) <= 60 else plain[:59] + "…"
