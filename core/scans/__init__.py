"""From a source to an Inspection: the order of the stages, their files, and what is read back from them.

A scan that is stopped resumes; it ends with the same bytes however often it was stopped.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .ask_embedder import NotShown, cannot_embed, moved, readable, vote_without, votes_cheaply
    from .folder import truth_of
    from .learning import learn
    from .pipeline import (
        ScanOptions,
        attack_recipe,
        inspection_of,
        is_finished,
        lineage,
        newest_scan,
        open_dataset,
        scan,
        scan_key,
        source_of,
        source_path,
    )
    from .summaries import shown_name, summary, summary_text

# loaded when first asked for: torch takes seconds, and every command's help comes through here
_HOMES = {
    "NotShown": "ask_embedder",
    "cannot_embed": "ask_embedder",
    "moved": "ask_embedder",
    "readable": "ask_embedder",
    "vote_without": "ask_embedder",
    "votes_cheaply": "ask_embedder",
    "truth_of": "folder",
    "learn": "learning",
    "ScanOptions": "pipeline",
    "attack_recipe": "pipeline",
    "inspection_of": "pipeline",
    "is_finished": "pipeline",
    "lineage": "pipeline",
    "newest_scan": "pipeline",
    "open_dataset": "pipeline",
    "scan": "pipeline",
    "scan_key": "pipeline",
    "source_of": "pipeline",
    "source_path": "pipeline",
    "shown_name": "summaries",
    "summary": "summaries",
    "summary_text": "summaries",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"{__name__} has no {name}")
    from importlib import import_module

    return getattr(import_module(f".{_HOMES[name]}", __name__), name)


__all__ = [
    "NotShown",
    "ScanOptions",
    "attack_recipe",
    "cannot_embed",
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
    "vote_without",
    "votes_cheaply",
]
