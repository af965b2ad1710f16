"""What a scan found, in words: one line, what it means, and how sure that is. Plain text; whoever shows it escapes it.

Said of the strongest finding first, then of label mistakes; a set in which nothing was found is never called clean.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..types import UNSEEN, VERDICTS, Finding, Inspection, Int64, class_title

# what a pattern of each kind is called in a sentence: (as it is carried, as it is met again)
PATTERNS = {
    "patch": ("the same small patch", "the patch"),
    "moving_patch": ("the same small patch, each in another place", "the patch"),
    "overlay": ("the same faint picture laid over them", "that picture"),
    "periodic": ("the same faint stripes or waves", "those stripes"),
    "resampling": ("the same traces of bending or resizing", "those traces"),
    "texture": ("the same added noise", "that noise"),
}
MOSTLY, HARDLY = 0.7, 0.3


@dataclass(frozen=True, eq=False)
class Headline:
    """kind: "poison", "mistakes", "nothing" or "searching", for colour and shape.  tag: two or three words.  title: the first line.

    means: one or two sentences.  finding: the one that the title speaks of, if any.  mistakes: int64 (m,), rows that look
    mislabelled and that no finding holds, by falling suspicion.
    """

    kind: str
    tag: str
    title: str
    means: str
    finding: Finding | None
    mistakes: Int64


def headline(inspection: Inspection) -> Headline:
    """The scan in words; while patterns are still being searched it says that."""
    mistakes = mislabelled_rows(inspection)
    if inspection.content is None:
        said = f" So far {_images(len(mistakes))} look mislabelled." if len(mistakes) else ""
        return Headline(
            "searching", "Provisional", "The search for patterns is still running.", f"The verdict may change.{said}", None, mistakes
        )
    if inspection.findings:
        return _poisoned(inspection, mistakes)
    if len(mistakes):
        title = f"{_images(len(mistakes))} look{'s' if len(mistakes) == 1 else ''} mislabelled; no pattern was found."
        return Headline(
            "mistakes", "Label mistakes", title, "Images like them bear another label. Nothing else sets them apart.", None, mistakes
        )
    means = (
        "No image's label is contradicted by images like it, and no pattern or group of images explains a label. "
        "That is not proof: what this search would have missed in this set can be measured."
    )
    return Headline("nothing", "Nothing found", "Nothing in this set stands out.", means, None, mistakes)


def mislabelled_rows(inspection: Inspection) -> Int64:
    """Rows whose content contradicts their label and that no finding holds, by falling suspicion."""
    if inspection.verdicts is None:
        return np.zeros(0, np.int64)
    wrong = np.isin(inspection.verdicts, [VERDICTS.index("label_noise"), VERDICTS.index("dirty_label_poison")]) & inspection.is_suspicious
    for finding in inspection.findings:
        wrong[finding.rows] = False
    return inspection.ranked(np.flatnonzero(wrong))


def _poisoned(inspection: Inspection, mistakes: Int64) -> Headline:
    finding = inspection.findings[0]
    label = "many labels" if finding.label < 0 else class_title(inspection.dataset.classes[finding.label])
    labelled = f"under {label}" if finding.label < 0 else f"labelled “{label}”"
    also = [f"{len(inspection.findings) - 1:,} more {'finding' if len(inspection.findings) == 2 else 'findings'}"] * (
        len(inspection.findings) > 1
    )
    also += [f"{_images(len(mistakes))} more that look mislabelled"] * bool(len(mistakes))
    more = f" There {'is' if also[0].startswith('1 ') else 'are'} also {' and '.join(also)}." if also else ""
    if finding.kind == UNSEEN:
        title = f"{_images(len(finding.rows))} {labelled} stand apart from the others of that label."
        means = "They show other things, and a model learns their label all the same. What gives it away could not be drawn."
        return Headline("poison", "Likely poisoned", title, means + more, finding, mistakes)
    carried, again = PATTERNS[finding.kind]
    title = f"{_images(len(finding.rows))} {labelled} carry {carried}."
    answer = "its attacker's label" if finding.label < 0 else f"“{label}”"
    if finding.mislabelled >= MOSTLY:
        means = f"Most of them show other classes. A model trained on this set would answer {answer} wherever {again} is."
    elif finding.mislabelled <= HARDLY:
        means = f"They show what their label says, so no look at labels finds them. A model trained on this set may answer {answer} wherever {again} is."
    else:
        means = f"Some of them show other classes. A model trained on this set may answer {answer} wherever {again} is."
    return Headline("poison", "Backdoor found", title, means + more, finding, mistakes)


def _images(n: int) -> str:
    return "1 image" if n == 1 else f"{n:,} images"
