"""Truth against scores: AUROC, average precision, TPR at a given FPR, and how often a suggestion was right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ..errors import UserError
from ..types import UNLABELLED, Bool, Dataset, Float32, Int64, Suggestions, Truth

FPR_BOUNDS = ("0.001", "0.01", "0.05")
YES, NO = {"true", "1", "1.0", "yes"}, {"false", "0", "0.0", "no", ""}

Table = dict[str, list[object]]


def read_truth(path: Path, dataset: Dataset) -> Truth:
    """The truth about `dataset` from a .csv or .parquet file with columns id, is_poisoned, original_label.

    Lines are joined by id. Images that the file does not name count as clean; lines about other images are passed
    over. original_label is a class name or an index, empty or −1 where unknown; one of the two columns may be missing.
    An original label that is none of the data set's classes makes its row poisoned: the given label cannot be right.
    Raises UserError where the file or a value cannot be used, an id occurs twice, or no id is known.
    """
    table = _read_table(path)
    if "id" not in table or not {"is_poisoned", "original_label"} & table.keys():
        raise UserError(
            f"truth file {path.name!r} has the columns {', '.join(table) or '(none)'}",
            "it needs id and is_poisoned, original_label, or both",
        )
    ids = [str(value) for value in table["id"]]
    if len(set(ids)) != len(ids):
        raise UserError(f"truth file {path.name!r} names an image twice", "each id may occur once")
    known = [(line, row) for line, row in enumerate(dataset.rows_of(ids).tolist()) if row >= 0]
    if not known:
        raise UserError(
            f"truth file {path.name!r} names no image of this data set",
            f"ids must be those of the data set, such as {dataset.ids[0] if dataset.ids else ''!r}",
            "choose the truth that was written with this set",
        )
    return _joined(table, known, dataset)


def _joined(table: Table, known: Sequence[tuple[int, int]], dataset: Dataset) -> Truth:
    """The truth from (line of the table, row of the data set) pairs."""
    by_name = {name: index for index, name in enumerate(dataset.classes)}
    poisoned = np.zeros(len(dataset), dtype=bool)
    originals = np.full(len(dataset), UNLABELLED, dtype=np.int64)
    foreign = 0
    for line, row in known:
        if "is_poisoned" in table:
            poisoned[row] = _as_flag(table["is_poisoned"][line], line)
        if "original_label" in table:
            original = _as_label(table["original_label"][line], line, by_name)
            if original is None:
                poisoned[row] = True
                foreign += 1
            else:
                originals[row] = original
    if foreign and not (originals >= 0).any():
        raise UserError(
            "the truth's original_label names none of the data set's classes",
            f"the classes are: {', '.join(dataset.classes[:10])}{', …' if len(dataset.classes) > 10 else ''}",
            "choose the truth that was written with this set",
        )
    return Truth(poisoned, originals)


def evaluate(
    truth: Truth,
    labels: Int64,
    scores: Mapping[str, Float32],
    is_suspicious: Bool,
    suggestions: Suggestions | None,
) -> dict[str, object]:
    """How well scores, verdict and suggestions agree with the truth.

    labels: int64 (n,), as given, −1 for none.  scores: name -> (n,), higher = more suspicious; NaN (not scorable)
    counts as least suspicious.  is_suspicious: bool (n,), the verdict.
    Positive are rows that are poisoned, or whose original label is known and differs from the given one.
    Returns {"scores": {name: {"auroc", "ap", "tpr_at_fpr": {"0.001", "0.01", "0.05"}}}, "verdict": {"tpr", "fpr"},
    "suggestion_accuracy", "rows", "positives"}; AUROC counts ties as one half, TPR at FPR is the largest TPR of any
    threshold whose FPR does not exceed the bound; suggestion accuracy is the share of wrongly labelled rows whose
    suggestion is the original label. None stands where a share has nothing to be taken of.
    """
    n = len(truth.is_poisoned)
    columns = {"labels": labels, "is_suspicious": is_suspicious, **scores}
    for name, column in columns.items():
        if np.shape(column) != (n,):
            raise ValueError(f"{name} has shape {np.shape(column)}, the truth has {n} rows")
    mislabelled = (truth.original_labels >= 0) & (labels >= 0) & (truth.original_labels != labels)
    positive = np.asarray(truth.is_poisoned | mislabelled)
    return {
        "scores": {name: _measure(positive, score) for name, score in scores.items()},
        "verdict": {"tpr": _share(is_suspicious[positive]), "fpr": _share(is_suspicious[~positive])},
        "suggestion_accuracy": None if suggestions is None else _share((suggestions.labels == truth.original_labels)[mislabelled]),
        "rows": n,
        "positives": int(positive.sum()),
    }


def to_table(result: Mapping[str, object]) -> str:
    """The result of `evaluate` as aligned text, one line a score, "–" where there is no value."""
    scores, verdict = result["scores"], result["verdict"]
    assert isinstance(scores, Mapping) and isinstance(verdict, Mapping)
    lines = [["score", "AUROC", "AP", *(f"TPR@{100 * float(bound):g}%FPR" for bound in FPR_BOUNDS)]]
    for name, measured in scores.items():
        at_fpr = measured["tpr_at_fpr"]
        values = [measured["auroc"], measured["ap"], *(at_fpr[bound] for bound in FPR_BOUNDS)]
        lines.append([str(name), *map(_shown, values)])
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    text = ["  ".join([line[0].ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(line[1:], widths[1:], strict=True))]) for line in lines]
    text += [
        "",
        f"verdict              TPR {_shown(verdict['tpr'])}, FPR {_shown(verdict['fpr'])}",
        f"suggestion accuracy  {_shown(result['suggestion_accuracy'])}",
        f"positives            {result['positives']} of {result['rows']} rows",
    ]
    return "\n".join(text)


def _measure(positive: Bool, score: Float32) -> dict[str, object]:
    if not positive.any() or positive.all():
        return {"auroc": None, "ap": None, "tpr_at_fpr": dict.fromkeys(FPR_BOUNDS)}
    # imported here: scikit-learn takes a second to load
    from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

    # ranks keep order and ties, and carry −inf, which scikit-learn refuses
    _, ranks = np.unique(np.where(np.isnan(score), -np.inf, score), return_inverse=True)
    fpr, tpr, _ = roc_curve(positive, ranks, drop_intermediate=False)
    return {
        "auroc": float(roc_auc_score(positive, ranks)),
        "ap": float(average_precision_score(positive, ranks)),
        "tpr_at_fpr": {bound: float(tpr[fpr <= float(bound)].max()) for bound in FPR_BOUNDS},
    }


def _share(flags: Bool) -> float | None:
    return float(np.mean(flags)) if len(flags) else None


def _shown(value: object) -> str:
    return f"{value:.4f}" if isinstance(value, float) else "–"


def _read_table(path: Path) -> Table:
    """Columns of a .csv or .parquet file as lists; a .csv holds text throughout."""
    suffix = path.suffix.lower()
    if not path.exists():
        raise UserError(f"truth file {path} is not there", "give the path of an existing .csv or .parquet file")
    if suffix not in (".csv", ".parquet"):
        raise UserError(f"truth file {path.name!r} is of unknown kind", "it must be a .csv or .parquet file")
    # imported here: evaluating a demo needs no tables
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        if suffix == ".csv":
            frame = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig", index_col=False)
            return {str(name): list(frame[name]) for name in frame.columns}
        table = pq.read_table(path)
        return {name: table.column(i).to_pylist() for i, name in enumerate(table.column_names)}
    except (OSError, ValueError, pa.ArrowException) as error:
        # pandas' parser errors are ValueErrors
        raise UserError(f"truth file {path.name!r} cannot be read: {error}", f"it must be a sound {suffix} file") from error


def _as_flag(value: object, line: int) -> bool:
    text = "" if value is None else str(value).strip().lower()
    if text in YES or text in NO:
        return text in YES
    raise UserError(f"is_poisoned is {value!r} in line {line + 1} of the truth", "it must be true or false, 1 or 0")


def _as_label(value: object, line: int, by_name: Mapping[str, int]) -> int | None:
    """Index of the original label, −1 where unknown, None where it is a name outside the classes."""
    if value is None or value == "":
        return UNLABELLED
    if isinstance(value, str) and value in by_name:
        return by_name[value]
    try:
        number = float(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else 0.5
    except ValueError:
        return None
    if np.isnan(number):  # how tables write a missing number
        return UNLABELLED
    if not number.is_integer() or not UNLABELLED <= number < len(by_name):
        raise UserError(
            f"original_label is {value!r} in line {line + 1} of the truth",
            f"it must be a class name, a number 0…{len(by_name) - 1}, or −1 where it is unknown",
        )
    return int(number)
