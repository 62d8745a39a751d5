"""A discrete-event simulation of a Map: jobs that start up, work off their studies, and make room for others."""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Work:
    """One study in a job: seconds for its bytes' way, which come one after the other, and of one worker's time."""

    transfer_seconds: float
    compute_seconds: float


@dataclass(frozen=True)
class Lane:
    """Where jobs run.

    Parameters
    ----------
    start_ups : sequence of float
        Seconds from a job's request to its program's first line; jobs take one after the other, in turn.
    launches_per_second : float
        How many jobs are requested in a second: the Map and the API start no more.
    workers : int
        Studies that a job works on at a time.
    """

    start_ups: Sequence[float]
    launches_per_second: float
    workers: int


@dataclass(frozen=True)
class Course:
    """How a Map went: its seconds, the seconds of all its machines with their start-up, and machines at once."""

    seconds: float
    machine_seconds: float
    machines: int


def simulate(jobs: Sequence[Sequence[Work]], lane: Lane, concurrency: int) -> Course:
    """Run jobs in their order, at most `concurrency` at once.

    A job is requested as soon as there is room and the rate allows it. It holds its machine from then to its end: the
    article's instance minutes count start-up as well, and whether AWS bills it is not documented.

    Parameters
    ----------
    jobs : sequence of sequence of Work
        The studies of each job.
    lane : Lane
    concurrency : int
        At least 1.

    Examples
    --------
    >>> job = [Work(1, 4), Work(1, 4)]
    >>> simulate([job, job, job], Lane([100], 1, 2), 2)
    Course(seconds=212.0, machine_seconds=318.0, machines=2)
    """
    free = [0.0] * min(max(concurrency, 1), len(jobs))
    machines, end, machine_seconds, next_launch = len(free), 0.0, 0.0, 0.0
    heapq.heapify(free)
    for number, job in enumerate(jobs):
        start = max(heapq.heappop(free), next_launch)
        next_launch = start + 1 / lane.launches_per_second
        seconds = lane.start_ups[number % len(lane.start_ups)] + job_seconds(job, lane.workers)
        heapq.heappush(free, start + seconds)
        end, machine_seconds = max(end, start + seconds), machine_seconds + seconds
    return Course(end, machine_seconds, machines)


def job_seconds(job: Sequence[Work], workers: int) -> float:
    """Return the seconds of a job after its start-up: all transfers, then the workers' share.

    SageMaker copies all input before the program starts and all output after it ended (`S3InputMode: File`,
    `S3UploadMode: EndOfJob`).
    """
    busy = [0.0] * max(1, min(workers, len(job)))
    for work in job:
        heapq.heapreplace(busy, busy[0] + work.compute_seconds)
    return sum(work.transfer_seconds for work in job) + max(busy)
