"""Target leakage: the cross-validated AUC of each column alone, by its value and by whether it is missing."""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from math import sqrt
from typing import Any

from multimodal.clinical.column_config import LATE_TIMEPOINTS, Column
from multimodal.clinical.config import ClinicalConfig
from multimodal.clinical.report.charts import few
from multimodal.clinical.report.cohorts import OTHER
from multimodal.clinical.report.profile import ProfileSummary, Sample
from multimodal.clinical.report.tallies import NORMAL_95, deciles

FOLDS = 5

SMOOTHING = 5.0
"""Cases of the average rate that are added to every category's."""

Counts = list[list[int]]
"""For each fold, [negatives, positives]."""

Score = Callable[[Hashable], float]


@dataclass(frozen=True)
class Auc:
    """An area under the ROC curve with its 95 % interval.

    Parameters
    ----------
    positives, negatives : int
        Cases that it rests on.
    """

    value: float
    low: float
    high: float
    positives: int
    negatives: int


def folds_of(outcomes: Sequence[bool]) -> list[int]:
    """Return a fold for each case, each outcome dealt out in turn: the order of the cases decides, nothing else."""
    following = {outcome: cycle(range(FOLDS)) for outcome in (True, False)}
    return [next(following[outcome]) for outcome in outcomes]


def auc_of_numbers(values: Sequence[float], outcomes: Sequence[bool]) -> Auc:
    """Return the AUC of a number whose direction is learned on the other folds."""
    return _cross_validated(values, outcomes, _direction)


def auc_of_categories(values: Sequence[Hashable], outcomes: Sequence[bool]) -> Auc:
    """Return the AUC of a category that is scored by its smoothed rate of positives in the other folds."""
    return _cross_validated(values, outcomes, _rates)


def _cross_validated(
    values: Sequence[Any], outcomes: Sequence[bool], learn: Callable[[Mapping[Any, tuple[int, int]]], Score]
) -> Auc:
    """Average the folds' areas, each weighted by its pairs of a positive and a negative."""
    table: dict[Any, Counts] = defaultdict(lambda: [[0, 0] for _ in range(FOLDS)])
    for (value, outcome, fold), rows in Counter(zip(values, outcomes, folds_of(outcomes), strict=True)).items():
        table[value][fold][outcome] += rows
    area = pairs = 0.0
    for fold in range(FOLDS):
        score = learn({value: _training(counts, fold) for value, counts in table.items()})
        held_out = [(score(value), counts[fold][0], counts[fold][1]) for value, counts in table.items()]
        won, compared = _wins(held_out)
        area, pairs = area + won, pairs + compared
    positives = sum(outcomes)
    negatives = len(outcomes) - positives
    low, high = interval(area / pairs, positives, negatives)
    return Auc(area / pairs, low, high, positives, negatives)


def _training(counts: Counts, fold: int) -> tuple[int, int]:
    return sum(n for i, (n, _) in enumerate(counts) if i != fold), sum(
        p for i, (_, p) in enumerate(counts) if i != fold
    )


def _wins(scored: Sequence[tuple[float, int, int]]) -> tuple[float, int]:
    """Return how many pairs (negative, positive) the score puts in order, ties counted half, and how many there are."""
    by_score: dict[float, list[int]] = defaultdict(lambda: [0, 0])
    for score, negatives, positives in scored:
        by_score[score][0] += negatives
        by_score[score][1] += positives
    won, below = 0.0, 0
    for _, (negatives, positives) in sorted(by_score.items()):
        won += positives * (below + negatives / 2)
        below += negatives
    return won, below * sum(positives for _, positives in by_score.values())


def _direction(training: Mapping[Any, tuple[int, int]]) -> Score:
    won, pairs = _wins([(value, *counts) for value, counts in training.items()])
    sign = 1.0 if won >= pairs / 2 else -1.0
    return lambda value: sign * value  # type: ignore[operator]


def _rates(training: Mapping[Any, tuple[int, int]]) -> Score:
    positives = sum(p for _, p in training.values())
    base = positives / (positives + sum(n for n, _ in training.values()))
    rates = {value: (p + SMOOTHING * base) / (n + p + SMOOTHING) for value, (n, p) in training.items()}
    return lambda value: rates[value]


def interval(auc: float, positives: int, negatives: int) -> tuple[float, float]:
    """Return the 95 % interval of an AUC.

    The variance is that of Hanley and McNeil, "The meaning and use of the area under a receiver operating
    characteristic (ROC) curve", Radiology 143:29 (1982). It is taken at the bound, not at the estimate, as in a score
    interval: method 5 of Newcombe, "Confidence intervals for an effect size measure based on the Mann–Whitney
    statistic. Part 2", Statistics in Medicine 25:559 (2006). At the estimate the variance of a perfect AUC is zero,
    however few the cases.

    Examples
    --------
    >>> [round(bound, 2) for bound in interval(1.0, 10, 10)]
    [0.8, 1.0]
    """

    def beyond(theta: float) -> bool:
        half = (positives + negatives) / 2 - 1
        shape = 1 + half * ((1 - theta) / (2 - theta) + theta / (1 + theta))
        return abs(auc - theta) > NORMAL_95 * sqrt(theta * (1 - theta) * shape / (positives * negatives))

    return _last_outside(beyond, 0.0, auc), _last_outside(beyond, 1.0, auc)


def _last_outside(beyond: Callable[[float], bool], outside: float, inside: float) -> float:
    if not beyond(outside):
        return outside
    for _ in range(50):
        middle = (outside + inside) / 2
        outside, inside = (middle, inside) if beyond(middle) else (outside, middle)
    return outside


LEAKAGE_SUSPECTED = "LEAKAGE_SUSPECTED"

THRESHOLD = 0.9
"""A column is suspected when the lower bound of its AUC reaches this."""

TENTHS = 10
"""Intervals by which a number is judged beside its order."""

MIN_CASES = 10
"""Positives, and negatives, below which nothing is said of a column."""


def status_of(config: ClinicalConfig, column: Column) -> str:
    """Return `feature`, `allowed` (a feature by name), `blocked` (known too late), `off` or `dropped`."""
    if config.is_feature(column):
        return "allowed" if column.allow else "feature"
    if column.kind == "drop":
        return "dropped"
    return "blocked" if column.available_at in LATE_TIMEPOINTS else "off"


def leakage_section(config: ClinicalConfig, summary: ProfileSummary) -> dict[str, Any]:
    """Return the report's part on leakage."""
    sample, target = summary.sample, config.outcome
    if target is None:
        return {"measured": False, "reason": "the configuration names no target", "columns": [], "warnings": []}
    known = sample.cells.get(target.column, ())
    places = [i for i, cell in enumerate(known) if cell is not None]
    outcomes = [known[i] in target.positive for i in places]
    positives, negatives = sum(outcomes), len(outcomes) - sum(outcomes)
    columns = [c for c in config.columns if c.kind != "drop" and c.source != target.column]
    enough = min(positives, negatives) >= MIN_CASES
    too_few = (
        f"{few(positives)} cases with the favourable outcome and {few(negatives)} without: "
        f"{MIN_CASES} of each are needed"
    )
    return {
        "measured": enough,
        "reason": "" if enough else too_few,
        "target": {"column": target.column, "positive": list(target.positive)},
        "positives": positives,
        "negatives": negatives,
        "rows": len(outcomes),
        "sampled": summary.rows > len(sample.hashes),
        "folds": FOLDS,
        "threshold": THRESHOLD,
        "columns": [_scored(config, column, sample, places, outcomes) for column in columns] if enough else [],
        "warnings": [] if enough else [f"leakage was not judged: {too_few}"],
    }


def _scored(
    config: ClinicalConfig, column: Column, sample: Sample, places: Sequence[int], outcomes: Sequence[bool]
) -> dict[str, Any]:
    told: Sequence[Any] = sample.numbers.get(column.source, ())
    values = (
        [told[i] for i in places] if told else _as_features(column, [sample.cells[column.source][i] for i in places])
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


def _as_features(column: Column, cells: Sequence[str | None]) -> list[str | bool | None]:
    told = {cell: _as_feature(column, cell) for cell in set(cells)}
    return [told[cell] for cell in cells]


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
        why = f"a value is there for {few(positives)} favourable and {few(negatives)} other outcomes: too few to judge"
        return _unscored(why) if explained or not present else _with_missing(is_number, values, outcomes, why)
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
    ends = distinct if len(distinct) <= TENTHS else deciles(ordered)
    return [None if value is None else bisect_left(ends, value) for value in values]


def _with_missing(is_number: bool, values: Sequence[Any], outcomes: Sequence[bool], why: str) -> dict[str, Any]:
    """Judge the values together with their absence: each alone may be too little to tell what both tell."""
    judged = _judged(auc_of_categories(_intervals(values) if is_number else values, outcomes))
    return judged if judged["suspected"] else _unscored(why)


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
        As `build_report` returns it.
    config : ClinicalConfig
        Only its features hold an upload, and only those that it does not `allow`.
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
