"""The stage after the scores on disk: findings, the two axes and the final verdict, arrays without pickle.

fused.json is written last; a reader that finds it finds everything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..files import read_array, read_json, write_array, write_json
from ..types import Finding, Float32, Suggestions

_ARRAYS = ("rows", "covers", "row_scores", "pattern", "mask", "z_map", "spectrum", "places")
_VALUES = ("trigger_id", "kind", "label", "threshold", "strength", "false_alarm", "contradicted", "usual")
_FUSED = ("suspicion", "verdicts", "content", "artifact")
_SUGGESTED = ("suggested", "confidence")


def write_findings(folder: Path, findings: Sequence[Finding]) -> None:
    """The findings' arrays as .npy files and their values as findings.json, which is written last."""
    for found in findings:
        for name in _ARRAYS:
            write_array(folder / f"finding_{found.trigger_id}_{name}.npy", getattr(found, name))
    write_json(folder / "findings.json", [{name: getattr(found, name) for name in _VALUES} for found in findings])


def read_findings(folder: Path) -> tuple[Finding, ...]:
    """What `write_findings` wrote, arrays memory-mapped; empty where nothing was written."""
    known = read_json(folder / "findings.json") or []
    return tuple(_finding(folder, values) for values in known)


def _finding(folder: Path, values: dict[str, Any]) -> Finding:
    fields: dict[str, Any] = {name: read_array(folder / f"finding_{values['trigger_id']}_{name}.npy") for name in _ARRAYS}
    return Finding(**values, **fields)


def write_fused(folder: Path, *, scores: Mapping[str, Float32], threshold: float, **arrays: NDArray[Any]) -> None:
    """All scores and the final verdict. arrays: suspicion, verdicts, content, artifact, each (n,), and where the patterns
    changed what is suggested, suggested and confidence."""
    write_array(folder / "fused_scores.npy", np.stack(list(scores.values())))
    for name in (*_FUSED, *(name for name in _SUGGESTED if name in arrays)):
        write_array(folder / f"fused_{name}.npy", arrays[name])
    write_json(folder / "fused.json", {"scores": list(scores), "threshold": threshold})


def read_fused(folder: Path) -> dict[str, Any]:
    """The fields of an Inspection that this stage knows; empty before it is done."""
    known = read_json(folder / "fused.json")
    if known is None:
        return {}
    table = read_array(folder / "fused_scores.npy")
    found: dict[str, Any] = {}
    if (folder / "fused_confidence.npy").exists():
        found["suggestions"] = Suggestions(*(read_array(folder / f"fused_{name}.npy") for name in _SUGGESTED))
    return found | {
        "scores": {name: table[i] for i, name in enumerate(known["scores"])},
        "threshold": float(known["threshold"]),
        "findings": read_findings(folder),
        **{name: read_array(folder / f"fused_{name}.npy") for name in _FUSED},
    }
