"""From a source to an Inspection: the order of the stages, their files, and what is read back from them.

A scan that is stopped resumes; it ends with the same bytes however often it was stopped.
"""

from typing import TYPE_CHECKING

from ..doors import opened_later

if TYPE_CHECKING:
    from .analysis import Analysis, analyse
    from .ask_embedder import NotShown, cannot_embed, moved, readable, vote_without, votes_cheaply
    from .embedding import embed
    from .folder import ScanFolder
    from .learning import learn
    from .options import AUTO, AUTO_RULE, ScanOptions
    from .origins import attack_recipe, lineage, source_of, source_path
    from .pipeline import folder_of, inspection_of, is_finished, newest_scan, open_dataset, scan, scan_key, usable_scan
    from .stored import truth_of
    from .summaries import shown_name, summary, summary_text

# loaded when first asked for: torch takes seconds, and every command's help comes through here
_HOMES = {
    "Analysis": "analysis",
    "analyse": "analysis",
    "embed": "embedding",
    "NotShown": "ask_embedder",
    "cannot_embed": "ask_embedder",
    "moved": "ask_embedder",
    "readable": "ask_embedder",
    "vote_without": "ask_embedder",
    "votes_cheaply": "ask_embedder",
    "ScanFolder": "folder",
    "truth_of": "stored",
    "folder_of": "pipeline",
    "usable_scan": "pipeline",
    "learn": "learning",
    "AUTO": "options",
    "AUTO_RULE": "options",
    "ScanOptions": "options",
    "attack_recipe": "origins",
    "inspection_of": "pipeline",
    "is_finished": "pipeline",
    "lineage": "origins",
    "newest_scan": "pipeline",
    "open_dataset": "pipeline",
    "scan": "pipeline",
    "scan_key": "pipeline",
    "source_of": "origins",
    "source_path": "origins",
    "shown_name": "summaries",
    "summary": "summaries",
    "summary_text": "summaries",
}


__getattr__ = opened_later(__name__, _HOMES)


__all__ = [
    "AUTO",
    "AUTO_RULE",
    "Analysis",
    "NotShown",
    "ScanFolder",
    "ScanOptions",
    "analyse",
    "attack_recipe",
    "cannot_embed",
    "embed",
    "folder_of",
    "inspection_of",
    "is_finished",
    "learn",
    "lineage",
    "moved",
    "newest_scan",
    "open_dataset",
    "readable",
    "scan",
    "scan_key",
    "shown_name",
    "source_of",
    "source_path",
    "summary",
    "summary_text",
    "truth_of",
    "usable_scan",
    "vote_without",
    "votes_cheaply",
]
