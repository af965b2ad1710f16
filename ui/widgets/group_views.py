"""A finding without a pattern in words: images that other witnesses part from their class (core/triggers/groups.py)."""

from __future__ import annotations

from core.types import Finding, Inspection, class_title
from ui.charts.charts import contents_of_rows
from ui.words import percent, plain

NAMED_CONTENTS = 4


def group_facts(inspection: Inspection, finding: Finding) -> list[str]:
    """What is known about the group, one sentence each; escaped Markdown."""
    names = inspection.dataset.classes
    of = int((inspection.dataset.labels == finding.label).sum())
    shown = [
        f"{plain(class_title(names[label]))} ({count:,})" for label, count in contents_of_rows(inspection, finding.rows)[:NAMED_CONTENTS]
    ]
    looks = f" They look like {', '.join(shown)}." if shown else ""
    return [
        f"**{len(finding.rows):,}** of {of:,} images labelled {plain(class_title(names[finding.label]))} stand apart from the others.",
        f"For **{percent(finding.contradicted)}** of them the content contradicts the label, for **{percent(finding.usual)}** of the "
        f"other images of the label; the group itself had no vote in this.{looks}",
        "A network trained on this set learns to give them this label all the same, or far more of them gather under it than chance would bring: "
        "something besides their content may give it away.",
        "**Doubt**: no pattern could be drawn, so nothing here shows what that is. It may differ from image to image, be too faint for the size "
        "at which images are compared, or be wrong labels that came from one hand. Look at the images before you decide.",
    ]
