"""What leaves Taster: tables, manifests, the cleansed folder, the report. One entry of EXPORTS a format.

Nothing is overwritten, and an interrupted export leaves nothing under the final name.
"""

from .base import Export, Job
from .registry import EXPORTS
from .tables import scores_table, versions
from .write import export

__all__ = ["EXPORTS", "Export", "Job", "export", "scores_table", "versions"]
