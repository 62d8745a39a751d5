"""How makespan and machine minutes depend on packing and concurrency: what the default was chosen by."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from multimodal.imaging.jobs import share_out
from multimodal.ledger.unit import Unit
from multimodal.planning.estimate import Plan, planned_units, processing_lane, works_of
from multimodal.planning.figures import Figures
from multimodal.planning.simulation import Course, Work, simulate

STUDIES_PER_JOB = (1, 2, 3, 4, 5, 6, 7, 8, 10, 14, 20)


@dataclass(frozen=True)
class Point:
    """One packing (studies a job, as a mean) at one concurrency, and how it went."""

    studies_per_job: int
    jobs: int
    concurrency: int
    course: Course


def share_studies(studies: Sequence[tuple[Unit, int]], figures: Figures) -> dict[int, list[list[Work]]]:
    """Share studies out to jobs as the plan does, for each number of studies a job.

    Parameters
    ----------
    studies : sequence of (Unit, int)
        With their bytes.
    figures : Figures

    Returns
    -------
    dict of int to list
        Studies a job → what those of each job take.
    """
    planned = planned_units(studies)
    sizes = [per_job for per_job in STUDIES_PER_JOB if per_job <= max(len(planned), 1)]
    return {size: works_of(share_out(planned, math.ceil(len(planned) / size)), figures) for size in sizes}


def sweep_packings(
    packings: Mapping[int, Sequence[Sequence[Work]]],
    concurrencies: Sequence[int],
    start_ups: Sequence[float],
    figures: Figures,
) -> list[Point]:
    """Simulate each packing at each concurrency.

    Parameters
    ----------
    packings : mapping of int to sequence
        As `share_studies` makes them.
    concurrencies : sequence of int
    start_ups : sequence of float
        Seconds; jobs take them in turn.
    figures : Figures
    """
    lane = processing_lane(figures, start_ups)
    return [
        Point(per_job, len(jobs), concurrency, simulate(jobs, lane, concurrency))
        for concurrency in concurrencies
        for per_job, jobs in packings.items()
    ]


def packing_curves(plan: Plan, figures: Figures) -> list[tuple[str, Sequence[Point]]]:
    """Simulate other packings of a plan's studies for each case of start-up times; none for fewer than two studies."""
    studies, concurrency = plan.workload.studies, plan.settings.concurrency
    if len(studies) < 2:
        return []
    packings = share_studies(list(studies.items()), figures)
    at_once = sorted({max(1, concurrency // 2), concurrency, concurrency * 2})
    cases = figures.processing.start_up_seconds
    return [(name, sweep_packings(packings, at_once, times, figures)) for name, times in cases.items()]
