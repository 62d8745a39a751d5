"""Survival of a table's cases, for its report: Kaplan–Meier with follow-up taken into account."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from math import ceil, exp, log, prod, sqrt
from typing import Any, NamedTuple

from multimodal.clinical.report.profile import ProfileSummary
from multimodal.clinical.report.tallies import DAYS_OF_YEAR, NORMAL_95

MAX_POINTS = 48

NEAR_HALF = 1e-6
"""More than rounding can add up to over millions of events."""

STEP_DAYS = 30
"""The curve is given on a grid of this many days, or a multiple: its own steps would be single patients' days."""


class Step(NamedTuple):
    """A day with events: cases at risk just before it and events on it, survival and Greenwood's sum just after it."""

    day: float
    at_risk: int
    died: int
    share: float
    greenwood: float


def kaplan_meier(days: Sequence[float], events: Sequence[bool]) -> list[Step]:
    """Return the product-limit estimate of Kaplan and Meier, JASA 53:457 (1958), with Greenwood's variance sum.

    Parameters
    ----------
    days : sequence of float
        Time to the event, or to the end of follow-up.

    Examples
    --------
    >>> [(step.day, round(step.share, 3)) for step in kaplan_meier([1, 2, 3], [True, False, True])]
    [(1, 0.667), (3, 0.0)]
    """
    died = Counter(day for day, event in zip(days, events, strict=True) if event)
    left = Counter(days)
    at_risk, share, greenwood = len(days), 1.0, 0.0
    steps = []
    for day in sorted(left):
        if died[day]:
            share *= 1 - died[day] / at_risk
            greenwood += died[day] / (at_risk * (at_risk - died[day])) if at_risk > died[day] else 0.0
            steps.append(Step(day, at_risk, died[day], share, greenwood))
        at_risk -= left[day]
    return steps


def median_of(steps: Sequence[Step]) -> float | None:
    """Return the first day at which survival is at most one half, or None when it stays above.

    Where the product of shares comes near one half it is compared in whole numbers: as floating-point numbers,
    23/24 · 22/23 · … · 12/13 is more than 12/24, and the median would be one event late.

    Examples
    --------
    >>> median_of(kaplan_meier(range(10, 250, 10), [True] * 24))
    120
    """
    return next((step.day for number, step in enumerate(steps) if _is_half(steps, number)), None)


def _is_half(steps: Sequence[Step], number: int) -> bool:
    """Whether survival after a step is at most one half."""
    share = steps[number].share
    if abs(share - 0.5) > NEAR_HALF:
        return share < 0.5
    until = steps[: number + 1]
    return 2 * prod(step.at_risk - step.died for step in until) <= prod(step.at_risk for step in until)


def labels_section(summary: ProfileSummary, held: Mapping[str, int]) -> dict[str, Any]:
    """Return the report's part on labels.

    Parameters
    ----------
    held : mapping
        Code → labels held back, of rows whose features are taken.
    """
    counts = {name: dict(values) for name, values in summary.labels.items()}
    return {"counts": counts, "held": dict(held), "survival": _survival(summary)}


def _survival(summary: ProfileSummary) -> dict[str, Any] | None:
    labels = summary.sample.labels
    if "os_days" not in labels:
        return None
    known = [
        (day, bool(event))
        for day, event in zip(labels["os_days"], labels["os_event"], strict=True)
        if day is not None and event is not None
    ]
    if not known:
        return None
    days, events = [day for day, _ in known], [event for _, event in known]
    follow_up = kaplan_meier(days, [not event for event in events])
    return {
        "cases": len(days),
        "events": sum(events),
        "median_days": median_of(kaplan_meier(days, events)),
        "median_follow_up_days": median_of(follow_up),
        "curve": list(_curve(days, events)),
    }


def _curve(days: Sequence[float], events: Sequence[bool]) -> Iterator[dict[str, Any]]:
    """Yield the curve on its grid, with the 95 % interval on the scale of log(−log S)."""
    step = STEP_DAYS * max(1, ceil(max(days) / STEP_DAYS / MAX_POINTS))
    end = step * ceil(max(days) / step)
    grid = sorted({*range(0, end + 1, step), *range(0, end + 1, DAYS_OF_YEAR)})
    steps = [Step(-1.0, len(days), 0, 1.0, 0.0), *kaplan_meier(days, events)]
    for day in grid:
        last = _last_before(steps, day)
        low, high = _log_log(last.share, last.greenwood)
        at_risk = sum(d >= day for d in days)
        yield {"day": day, "survival": round(last.share, 4), "low": low, "high": high, "at_risk": at_risk}


def _last_before(steps: Sequence[Step], day: float) -> Step:
    return next((step for step, after in pairwise(steps) if after.day > day), steps[-1])


def _log_log(share: float, greenwood: float) -> tuple[float, float]:
    if not 0 < share < 1:
        return round(share, 4), round(share, 4)
    spread = exp(NORMAL_95 * sqrt(greenwood) / abs(log(share)))
    return round(share**spread, 4), round(share ** (1 / spread), 4)
