"""How makespan and machine minutes depend on packing and concurrency: what the default was chosen by."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from multimodal.planning.estimate import Plan, processing_lane, work_of
from multimodal.planning.figures import Figures
from multimodal.planning.simulation import Course, simulate

STUDIES_PER_JOB = (1, 2, 3, 4, 5, 6, 7, 8, 10, 14, 20)


@dataclass(frozen=True)
class Point:
    """One packing at one concurrency, and how it went."""

    studies_per_job: int
    concurrency: int
    course: Course


def sweep_packings(
    studies: int, size: int, concurrencies: Sequence[int], start_ups: Sequence[float], figures: Figures
) -> list[Point]:
    """Simulate a cohort of equal studies for each packing and concurrency.

    Parameters
    ----------
    studies : int
        How many.
    size : int
        Bytes of each.
    concurrencies : sequence of int
    start_ups : sequence of float
        Seconds; jobs take them in turn.
    figures : Figures
    """
    lane, work = processing_lane(figures, start_ups), work_of(size, figures)
    points = []
    for concurrency in concurrencies:
        for per_job in (k for k in STUDIES_PER_JOB if k <= max(studies, 1)):
            jobs = _shared_evenly(studies, per_job)
            course = simulate([[work] * count for count in jobs], lane, concurrency)
            points.append(Point(per_job, concurrency, course))
    return points


def _shared_evenly(studies: int, per_job: int) -> list[int]:
    jobs = math.ceil(studies / per_job)
    return [studies // jobs + (number < studies % jobs) for number in range(jobs)]


def packing_curves(plan: Plan, figures: Figures) -> list[tuple[str, Sequence[Point]]]:
    """Simulate a plan's studies, taken as equally large, for each case of start-up times; none for fewer than two."""
    studies, concurrency = plan.workload.studies, plan.settings.concurrency
    if len(studies) < 2:
        return []
    mean = sum(studies.values()) // len(studies)
    at_once = sorted({max(1, concurrency // 2), concurrency, concurrency * 2})
    cases = figures.processing.start_up_seconds
    return [(name, sweep_packings(len(studies), mean, at_once, times, figures)) for name, times in cases.items()]
