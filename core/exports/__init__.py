"""What leaves Taster: tables, manifests, the cleansed folder, the report. One entry of EXPORTS a format.

Nothing is overwritten, and an interrupted export leaves nothing under the final name.
"""

from .tables import versions
from .write import EXPORTS, CleansedPlan, cleansed_plan, export, refuse_place, scores_table

__all__ = ["EXPORTS", "CleansedPlan", "cleansed_plan", "export", "refuse_place", "scores_table", "versions"]
