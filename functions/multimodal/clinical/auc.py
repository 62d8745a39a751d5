"""Area under the ROC curve of a single feature, cross-validated, with its interval."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

FOLDS = 5


SMOOTHING = 5.0
"""Cases of the average rate that are added to every category's."""


NORMAL_95 = 1.959964


Counts = list[list[int]]
"""For each fold, [negatives, positives]."""


Score = Callable[[Hashable], float]


@dataclass(frozen=True)
class Auc:
    """An area under the ROC curve with its 95 % interval.

    Parameters
    ----------
    value, low, high : float
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
    seen = {True: 0, False: 0}
    folds = []
    for outcome in outcomes:
        folds.append(seen[outcome] % FOLDS)
        seen[outcome] += 1
    return folds


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
    for value, outcome, fold in zip(values, outcomes, folds_of(outcomes), strict=True):
        table[value][fold][outcome] += 1
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
    statistic. Part 2", Statistics in Medicine 25:559 (2006). At the estimate the variance of a perfect AUC is nought,
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
