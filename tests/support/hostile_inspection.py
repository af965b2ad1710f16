"""A small finished inspection with names as an attacker would choose them, over real files or as a container."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from core.types import VERDICTS, Dataset, Decision, Inspection, Recipe, Skipped, Suggestions, content_digest
from tests.support.finding_toys import a_finding

CLASSES = ("<img src=x onerror=alert(1)>", "../evil", "=cmd()", "CON", "cat", "Cat", "</script><b>x")
ROWS = 40
UNLABELLED_ROW = 39
SUSPICIOUS = (3, 10, 17, 24)


def png(row: int) -> bytes:
    pixels = np.random.default_rng(row).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def dataset(folder: Path | None = None) -> Dataset:
    """40 images: rows of a container, or files below `folder` (written here); the last one has no label."""
    labels = np.arange(ROWS, dtype=np.int64) % len(CLASSES)
    labels[UNLABELLED_ROW] = -1
    if folder is None:
        ids = tuple(f"train.parquet#{row}" for row in range(ROWS))
    else:
        # equal file names in every class folder, so that a relabelled file can meet its namesake
        ids = (*(f"c{row % len(CLASSES)}/{row // len(CLASSES):02d}.png" for row in range(ROWS - 1)), "loose.png")
        for row, name in enumerate(ids):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(png(row))
    digests = np.arange(ROWS * 16, dtype=np.uint8).reshape(ROWS, 16)

    def encoded(row: int) -> tuple[bytes, str]:
        return (png(row) if folder is None else (folder / ids[row]).read_bytes()), ".png"

    return Dataset(
        name="<b>set</b>",
        ids=ids,
        labels=labels,
        classes=CLASSES,
        splits=("",) * ROWS,
        image_digests=digests,
        digest=content_digest(ids, labels, CLASSES, digests),
        loader=lambda row: Image.open(BytesIO(encoded(row)[0])).convert("RGB"),
        encoded=encoded,
        skipped=(Skipped("bad<i>.png", "truncated"),),
    )


def inspection(folder: Path | None = None) -> Inspection:
    """Rows 3, 10, 17 and 24 are suspicious, row 5 cannot be scored, rows 10 and 17 carry a trigger."""
    data = dataset(folder)
    suspicion = np.linspace(0.0, 0.4, ROWS, dtype=np.float32)
    suspicion[list(SUSPICIOUS)] = [0.9, 0.8, 0.95, 0.7]
    suspicion[5] = np.nan
    verdicts = np.zeros(ROWS, dtype=np.int8)
    verdicts[list(SUSPICIOUS)] = [VERDICTS.index(v) for v in ("label_noise", "dirty_label_poison", "outlier", "near_duplicate")]
    suggested = np.roll(data.labels, 1)
    confidence = np.where(suggested < 0, np.nan, 0.75).astype(np.float32)
    rows = np.array([10, 17])
    finding = a_finding(ROWS, rows, trigger_id="t<0>", label=3)
    return Inspection(
        dataset=data,
        recipe=Recipe(options=(("weights", "abc"),)),
        key="k" * 16,
        scores={"knn_disagreement": suspicion * 0.5, "outlier": suspicion * 7, "spectral": suspicion},
        suspicion=suspicion,
        threshold=0.5,
        verdicts=verdicts,
        suggestions=Suggestions(suggested, confidence),
        findings=(finding, replace(finding, trigger_id="t1")),
        xy=np.random.default_rng(0).normal(size=(ROWS, 2)).astype(np.float32),
        projection="pca",
        notes=("a <note>",),
    )


def line(seq: int, image_id: str, action: str, label: str = "", **more: object) -> Decision:
    """One line of a log, reviewed by a formula."""
    fields: dict[str, object] = {
        "seq": seq,
        "at": f"2026-01-02T03:04:{seq:02d}.000000+00:00",
        "reviewer": "=HYPERLINK(1)",
        "dataset": "d",
        "image_id": image_id,
        "action": action,
        "label": label,
        "note": "",
        "undoes": None,
        "score_version": "v",
        "event": f"e{seq}",
    }
    return Decision(**(fields | more))  # type: ignore[arg-type]


def decisions(found: Inspection) -> list[Decision]:
    """A log with each action, an undo, a class that is new, a label that is the given one and an image of another set."""
    ids = found.dataset.ids
    return [
        line(1, ids[3], "exclude"),
        line(2, ids[10], "relabel", "cat", note="@sum"),
        line(3, ids[17], "needs_review", note="-1"),
        line(4, ids[0], "relabel", "new\x00 class"),
        line(5, ids[3], "undo", undoes=1),
        line(6, ids[3], "exclude", reviewer="ann", note="plain"),
        line(7, ids[UNLABELLED_ROW], "relabel", "../evil"),
        line(8, ids[1], "relabel", CLASSES[1]),
        line(9, "not/in/this/set.png", "exclude"),
    ]
