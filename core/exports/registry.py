"""The formats, by name, in the order in which people see them. To add one: its file, and its line here."""

from __future__ import annotations

from . import cleanlab, decisions, fiftyone, folder, manifest, report, scores
from .base import Export

EXPORTS: dict[str, Export] = {
    export.name: export
    for export in (
        scores.CSV,
        scores.PARQUET,
        manifest.CSV,
        manifest.PARQUET,
        folder.FOLDER,
        decisions.DECISIONS,
        cleanlab.CLEANLAB,
        fiftyone.FIFTYONE,
        report.REPORT,
    )
}
