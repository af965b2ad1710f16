"""Cases of bench/detection.py, averaged over seeds, as data and as Markdown."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

FPR = ("0.001", "0.01", "0.05")
# the three verdicts, and the shares of rows that they concern
FLAGS = ("suspicious", "poison", "findings")
FLAGGED = ("flagged", "flagged_poison", "flagged_findings")
# what a name in the table stands for, where it does not say so itself
WORDS = {
    "suspicion": "**suspicion (all evidence, as shipped)**",
    "label_distance_ratio": "label_distance_ratio (SelfClean's formula)",
    "findings": "findings (strongest carrier)",
    "cleanlab_datalab_knn": "peer: cleanlab Datalab, its kNN",
    "cleanlab_datalab_probe": "peer: cleanlab Datalab, probe",
    "art_activation_clustering": "peer: ART activation clustering",
    "art_spectral_signatures": "peer: ART spectral signatures",
}

Result = Mapping[str, Any]


def averaged(results: Sequence[Result]) -> list[dict[str, Any]]:
    """One entry an attack and rate: means over its seeds; figures that some seeds lack are means over those that have them."""
    groups: dict[tuple[str, float], list[Result]] = defaultdict(list)
    for result in results:
        groups[result["case"]["attack"], result["case"]["rate"]].append(result)
    return [_entry(attack, rate, group) for (attack, rate), group in groups.items()]


def _entry(attack: str, rate: float, group: list[Result]) -> dict[str, Any]:
    done = [result for result in group if "not_run" not in result]
    entry: dict[str, Any] = {"attack": attack, "rate": rate, "seeds": len(done)}
    if not done:
        return entry | {"not_run": group[0]["not_run"]}
    plain = ("rows", *FLAGGED, "suggestion_accuracy", "covers_flagged", "pattern_correlation", "peak_gb")
    entry |= {name: mean(result.get(name) for result in done) for name in plain}
    entry["analysis"] = min(result.get("analysis", "whole") for result in done)
    entry["findings"] = mean(len(result["findings"]) for result in done)
    entry["seconds"] = {stage: mean(result["seconds"][stage] for result in done) for stage in ("content", "artifact")}
    entry["scores"] = {name: _score(name, done) for name in _names(done, "scores")}
    entry["decided"] = {
        name: {side: mean(result["decided"].get(name, {}).get(side) for result in done) for side in ("tpr", "fpr")}
        for name in _names(done, "decided")
    }
    entry["peers_flagged"] = {name: mean(result["peers_flagged"].get(name) for result in done) for name in _names(done, "peers_flagged")}
    entry["peers_missing"] = {name: reason for result in done for name, reason in result["peers_missing"].items()}
    return entry


def _names(done: list[Result], part: str) -> list[str]:
    return list(dict.fromkeys(name for result in done for name in result.get(part, {})))


def _score(name: str, done: list[Result]) -> dict[str, float | None]:
    measured = [result["scores"][name] for result in done if name in result.get("scores", {})]
    means: dict[str, float | None] = {key: mean(one[key] for one in measured) for key in ("auroc", "ap")}
    return means | {f"tpr_at_{bound}": mean(one["tpr_at_fpr"][bound] for one in measured) for bound in FPR}


def mean(values: Iterable[float | None]) -> float | None:
    """Mean of what is known, None where nothing is."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def markdown(about: Mapping[str, Any], table: Sequence[Result]) -> str:
    """The whole report: what was run, the verdicts as shipped, then every score and peer, attack by attack."""
    sizes = " and ".join(f"{rows:,.0f}" for rows in sorted({entry["rows"] for entry in table if "rows" in entry}))
    lines = [
        "# How well poison is found",
        "",
        f"`{about['command']}`, commit {about['commit']}, {about['machine']}, {about['seconds']:.0f} s.",
        f"Sets of {sizes} images of CIFAR-10.",
        "Means over seeds. AUROC 0.5 is chance. TPR: share of the poison caught. FPR: share of the rest called suspicious.",
        "",
    ]
    for words, things in (("Commits of the cases", about["commits_of_cases"]), ("Failed", about["failed"])):
        if len(things) > (words != "Failed"):
            lines += [f"{words}: {', '.join(things)}", ""]
    lines += _as_shipped(table)
    for attack in dict.fromkeys(entry["attack"] for entry in table if entry.get("scores")):
        lines += _one_attack(attack, [entry for entry in table if entry["attack"] == attack and entry.get("scores")])
    missing = {name: reason for entry in table for name, reason in entry.get("peers_missing", {}).items()}
    lines += [f"- {_words(name)} is missing: {reason}" for name, reason in missing.items()]
    return "\n".join(lines) + "\n"


def _as_shipped(table: Sequence[Result]) -> list[str]:
    head = ("attack", "rate", "seeds", "suspicious: TPR", "FPR", "called poison: TPR", "FPR", "in a finding: TPR", "FPR", "covers flagged")
    head += ("suggestion right", "pattern likeness", "findings", "content s", "artifact s", "peak GB")
    lines = ["## As shipped", "", *_head(head)]
    for entry in table:
        name = [entry["attack"], _rate(entry), str(entry["seeds"])]
        if "not_run" in entry:
            lines.append(_row([*name, f"not run: {entry['not_run']}", *[""] * (len(head) - 4)]))
            continue
        # of a clean set every row is one of the rest
        share = {} if entry["decided"] else dict(zip(FLAGS, (entry[key] for key in FLAGGED), strict=True))
        for flag in FLAGS:
            sides = entry["decided"].get(flag, {"tpr": None, "fpr": share.get(flag)})
            name += [_figure(sides["tpr"], 3), _figure(sides["fpr"], 4)]
        name += [_figure(entry[key], 3) for key in ("covers_flagged", "suggestion_accuracy", "pattern_correlation")]
        name += [_figure(entry["findings"], 1)]
        name += [_figure(entry["seconds"][stage], 1) for stage in ("content", "artifact")]
        lines.append(_row([*name, _figure(entry["peak_gb"], 2)]))
    return [*lines, "", *_peers_on_clean(table)]


def _peers_on_clean(table: Sequence[Result]) -> list[str]:
    shares = {name: share for entry in table for name, share in entry.get("peers_flagged", {}).items()}
    if not shares:
        return []
    said = ", ".join(f"{_words(name).removeprefix('peer: ')} {100 * share:.1f} %" for name, share in shares.items())
    return [f"Of the clean set the peers call suspicious: {said}.", ""]


def _one_attack(attack: str, entries: Sequence[Result]) -> list[str]:
    lines = [f"## {attack}", ""]
    for entry in entries:
        lines += [f"{_rate(entry)}:", ""] if entry["rate"] else []
        lines += _head(("score", "AUROC", "AP", "TPR at 0.1 %", "1 %", "5 % FPR", "own verdict: TPR", "FPR"))
        for name, score in entry["scores"].items():
            decided = entry["decided"].get("suspicious" if name == "suspicion" else name, {})
            figures = [_figure(score[key], 4) for key in ("auroc", "ap")]
            figures += [_figure(score[f"tpr_at_{bound}"], 3) for bound in FPR]
            lines.append(_row([_words(name), *figures, _figure(decided.get("tpr"), 3), _figure(decided.get("fpr"), 4)]))
        lines.append("")
    return lines


def _words(name: str) -> str:
    return WORDS.get(name, name)


def _rate(entry: Result) -> str:
    return f"{100 * entry['rate']:g} %" if entry["rate"] else "–"


def _figure(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def _head(names: Sequence[str]) -> list[str]:
    return [_row(names), "|" + "---|" * len(names)]


def _row(cells: Sequence[str]) -> str:
    # a bar inside a cell would end it
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
