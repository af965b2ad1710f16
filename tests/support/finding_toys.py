"""A finding as tests need it: small, whole, with the parts that matter to the test given by name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from core.scans import folder_of
from core.scans.stored import write_findings, write_fused
from core.types import Finding
from core.workspace import Workspace


def a_finding(n: int, rows: Any, *, side: int = 32, **given: Any) -> Finding:
    """A corner patch carried by `rows` of `n`; any field can be given."""
    rows = np.asarray(rows, dtype=np.int64)
    scores = np.linspace(-2, 2, n, dtype=np.float32)
    scores[rows] = np.linspace(20, 12, len(rows), dtype=np.float32)
    mask = np.zeros((side, side), np.float32)
    mask[-4:-1, -4:-1] = 1
    fields: dict[str, Any] = {
        "trigger_id": "t1",
        "kind": "patch",
        "label": 0,
        "rows": rows,
        "covers": np.zeros(0, np.int64),
        "row_scores": scores,
        "threshold": 8.0,
        "pattern": np.repeat(mask[:, :, None], 3, axis=2) * np.float32(0.8),
        "mask": mask,
        "z_map": mask * 30,
        "spectrum": np.zeros((side, side), np.float32),
        "places": np.zeros((0, 2), np.int32),
        "strength": 16.0,
        "false_alarm": 0.0004,
        "contradicted": 0.97,
    }
    return Finding(**(fields | given))


def plant(home: Workspace, key: str, findings: Sequence[Finding], **fused: Any) -> None:
    """Write findings and what `write_fused` takes into a finished scan, as the scan itself would."""
    with folder_of(home, key).writing("patterns") as step:
        write_findings(step, findings)
        write_fused(step, **fused)
