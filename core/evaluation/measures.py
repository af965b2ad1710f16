"""Truth against scores: AUROC, average precision, TPR at a given FPR, and how often a suggestion was right."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..types import Bool, Float32, Int64, Suggestions, Truth

FPR_BOUNDS = ("0.001", "0.01", "0.05")


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
