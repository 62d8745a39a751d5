"""Features that give the outcome away: each column alone, by its value and by whether it is there at all."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import Any

from multimodal.clinical.auc import FOLDS, Auc, auc_of_categories, auc_of_numbers
from multimodal.clinical.cohorts import OTHER
from multimodal.clinical.config import LATE_STAGES, ClinicalConfig, Column
from multimodal.clinical.profile import ProfileSummary, Sample
from multimodal.clinical.tallies import quantile

LEAKAGE_SUSPECTED = "LEAKAGE_SUSPECTED"


THRESHOLD = 0.9
"""A column is suspected when the lower bound of its AUC reaches this."""


TENTHS = 10
"""Intervals by which a number is judged beside its order."""


MIN_CASES = 10
"""Positives, and negatives, below which nothing is said of a column."""


def status_of(config: ClinicalConfig, column: Column) -> str:
    """Return ``feature``, ``allowed`` (a feature by name), ``blocked`` (known too late), ``off`` or ``dropped``."""
    if config.is_feature(column):
        return "allowed" if column.allow else "feature"
    if column.kind == "drop":
        return "dropped"
    return "blocked" if column.available_at in LATE_STAGES else "off"


def leakage_section(config: ClinicalConfig, summary: ProfileSummary) -> dict[str, Any]:
    """Return the report's part on leakage."""
    sample, target = summary.sample, config.target
    if target is None:
        return {"measured": False, "reason": "the configuration names no target", "columns": [], "warnings": []}
    known = sample.cells.get(target.column, ())
    places = [i for i, cell in enumerate(known) if cell is not None]
    outcomes = [known[i] in target.positive for i in places]
    positives, negatives = sum(outcomes), len(outcomes) - sum(outcomes)
    columns = [c for c in config.columns if c.kind != "drop" and c.source != target.column]
    enough = min(positives, negatives) >= MIN_CASES
    few = f"{positives} cases with the favourable outcome and {negatives} without: {MIN_CASES} of each are needed"
    return {
        "measured": enough,
        "reason": "" if enough else few,
        "target": {"column": target.column, "positive": list(target.positive)},
        "positives": positives,
        "negatives": negatives,
        "rows": len(outcomes),
        "sampled": summary.rows > len(sample.hashes),
        "folds": FOLDS,
        "threshold": THRESHOLD,
        "columns": [_scored(config, column, sample, places, outcomes) for column in columns] if enough else [],
        "warnings": [] if enough else [f"leakage was not judged: {few}"],
    }


def _scored(
    config: ClinicalConfig, column: Column, sample: Sample, places: Sequence[int], outcomes: Sequence[bool]
) -> dict[str, Any]:
    told: Sequence[Any] = sample.numbers.get(column.source, ())
    values = (
        [told[i] for i in places] if told else [_as_feature(column, sample.cells[column.source][i]) for i in places]
    )
    missingness = _by_missingness(values, outcomes)
    value = _by_value(column, values, outcomes, missingness["suspected"])
    return {
        "column": column.source,
        "available_at": column.available_at,
        "status": status_of(config, column),
        "value": value,
        "missingness": missingness,
        "suspected": [name for name, part in (("value", value), ("missingness", missingness)) if part["suspected"]],
    }


def _as_feature(column: Column, cell: str | None) -> str | bool | None:
    """Return what a model is told of a cell: undeclared values are all alike, or missing."""
    if cell is None or column.values is None:
        return cell
    if column.kind == "one_hot":
        return column.levels.get(cell, OTHER if column.unseen == "other" else None)
    return cell in column.true if column.kind == "flag" and cell in column.values else None


def _by_value(
    column: Column, values: Sequence[Any], outcomes: Sequence[bool], explained: bool = False
) -> dict[str, Any]:
    if column.kind == "date":
        return _unscored("a date is never a feature itself")
    is_number = column.kind in ("number", "date_difference", "ordinal")
    present = [(value, outcome) for value, outcome in zip(values, outcomes, strict=True) if value is not None]
    positives = sum(outcome for _, outcome in present)
    negatives = len(present) - positives
    if min(positives, negatives) < MIN_CASES:
        few = f"a value is there for {positives} favourable and {negatives} other outcomes: too few to judge"
        return _unscored(few) if explained or not present else _with_missing(is_number, values, outcomes, few)
    known, of_known = [value for value, _ in present], [outcome for _, outcome in present]
    if not is_number:
        return _judged(auc_of_categories(known, of_known))
    # By its order, and by its intervals: an outcome may lie at both extremes, or between them.
    scores = (auc_of_numbers(known, of_known), auc_of_categories(_intervals(known), of_known))
    return _judged(max(scores, key=lambda auc: auc.value))


def _intervals(values: Sequence[float | None]) -> list[int | None]:
    """Return for each number which tenth of all it is in; few different numbers are told apart as they are."""
    ordered = sorted(value for value in values if value is not None)
    distinct = sorted(set(ordered))
    ends = distinct if len(distinct) <= TENTHS else sorted({quantile(ordered, n / TENTHS) for n in range(1, TENTHS)})
    return [None if value is None else bisect_left(ends, value) for value in values]


def _with_missing(is_number: bool, values: Sequence[Any], outcomes: Sequence[bool], few: str) -> dict[str, Any]:
    """Judge the values together with their absence: each alone may be too little to tell what both tell."""
    judged = _judged(auc_of_categories(_intervals(values) if is_number else values, outcomes))
    return judged if judged["suspected"] else _unscored(few)


def _by_missingness(values: Sequence[Any], outcomes: Sequence[bool]) -> dict[str, Any]:
    missing = [value is None for value in values]
    if all(missing) or not any(missing):
        return _unscored("always missing" if all(missing) else "never missing")
    return _judged(auc_of_categories(missing, outcomes))


def _judged(auc: Auc) -> dict[str, Any]:
    return {
        "auc": round(auc.value, 4),
        "low": round(auc.low, 4),
        "high": round(auc.high, 4),
        "positives": auc.positives,
        "negatives": auc.negatives,
        "suspected": auc.low >= THRESHOLD,
        "reason": "",
    }


def _unscored(reason: str) -> dict[str, Any]:
    nothing = dict.fromkeys(("auc", "low", "high", "positives", "negatives"))
    return {**nothing, "suspected": False, "reason": reason}


def leakage_hold(report: Mapping[str, Any], config: ClinicalConfig) -> tuple[str, str] | None:
    """Return reason code and message when the upload must wait for a person, else None.

    Parameters
    ----------
    report : mapping
        As :func:`multimodal.clinical.report.build_report` returns it.
    config : ClinicalConfig
        Only its features hold an upload, and only those that it does not ``allow``.
    """
    by_source = config.by_source
    suspects = [
        part
        for part in report["leakage"]["columns"]
        if part["suspected"] and config.is_feature(by_source[part["column"]]) and not by_source[part["column"]].allow
    ]
    if not suspects:
        return None
    target = report["leakage"]["target"]["column"]
    return LEAKAGE_SUSPECTED, (
        f"each of these features nearly gives {target!r} away: {'; '.join(_described(part) for part in suspects)}. "
        "Nothing of this upload was written. For each of them set feature: false (and correct available_at when it is "
        "known only later), or allow it with a reason; deploy; then retry"
    )


def _described(part: Mapping[str, Any]) -> str:
    numbers = ", ".join(
        f"{name} alone: AUC {part[name]['auc']:.3f}, 95 % interval {part[name]['low']:.3f}–{part[name]['high']:.3f}"
        for name in part["suspected"]
    )
    return f"{part['column']!r} ({numbers})"
