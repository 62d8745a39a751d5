"""Units into processing jobs."""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

GIB = 1024**3
MAX_UNITS_PER_JOB = 20
MAX_BYTES_PER_JOB = 20 * GIB
VOLUME_FACTOR = 3
"""A job's volume holds its input, the unpacked input of zips and the results."""


@dataclass(frozen=True)
class PlannedUnit:
    """A unit that was claimed for a run."""

    unit_id: str
    dataset: str
    subject: str
    study: str
    content_version: str
    attempt: int
    objects: int
    bytes: int
    listing_key: str


def pack(units: Sequence[PlannedUnit], concurrency: int) -> list[list[PlannedUnit]]:
    """Share units out to jobs.

    A job costs minutes to start, so there are no more jobs than can run at once unless a job would hold more than
    :data:`MAX_UNITS_PER_JOB` units or :data:`MAX_BYTES_PER_JOB` bytes. Largest units go first, each to the job with
    the fewest bytes, so that jobs end together (longest-processing-time rule, Graham 1969).

    Parameters
    ----------
    units : sequence of PlannedUnit
        In any order; the result depends on the set alone.
    concurrency : int
        How many jobs may run at once.

    Returns
    -------
    list of list of PlannedUnit
        One list per job, each sorted by unit id; no list is empty.
    """
    if not units:
        return []
    by_size = sorted(units, key=lambda u: (-u.bytes, u.unit_id))
    jobs: list[list[PlannedUnit]] = [[] for _ in range(_job_count(units, concurrency))]
    for unit in by_size:
        _lightest(jobs, unit).append(unit)
    filled = [sorted(job, key=lambda u: u.unit_id) for job in jobs if job]
    return sorted(filled, key=lambda job: job[0].unit_id)


def _job_count(units: Sequence[PlannedUnit], concurrency: int) -> int:
    by_bytes = math.ceil(sum(u.bytes for u in units) / MAX_BYTES_PER_JOB)
    by_units = math.ceil(len(units) / MAX_UNITS_PER_JOB)
    return max(by_bytes, by_units, min(len(units), max(concurrency, 1)))


def _lightest(jobs: list[list[PlannedUnit]], unit: PlannedUnit) -> list[PlannedUnit]:
    def fits(job: list[PlannedUnit]) -> bool:
        return len(job) < MAX_UNITS_PER_JOB and (not job or _bytes(job) + unit.bytes <= MAX_BYTES_PER_JOB)

    open_jobs = [job for job in jobs if fits(job)]
    if not open_jobs:
        jobs.append([])
        return jobs[-1]
    return min(open_jobs, key=lambda job: (_bytes(job), len(job)))


def _bytes(job: Sequence[PlannedUnit]) -> int:
    return sum(u.bytes for u in job)


def volume_gb(units: Sequence[PlannedUnit], minimum_gb: int) -> int:
    """Size of the job's volume in GB: :data:`VOLUME_FACTOR` times its input, at least ``minimum_gb``."""
    return max(minimum_gb, math.ceil(VOLUME_FACTOR * _bytes(units) / GIB))


def job_id(units: Sequence[PlannedUnit], image: str) -> str:
    """Name of a job's content: the same units, content versions, attempts and image give the same name.

    The name keeps to SageMaker's ``[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}`` and holds nothing of the patient.
    """
    lines = [f"{u.unit_id}\t{u.content_version}\t{u.attempt}\n" for u in sorted(units, key=lambda u: u.unit_id)]
    digest = hashlib.sha256("".join([image, "\n", *lines]).encode()).hexdigest()
    return f"img-{digest[:12]}"


def run_id(units: Sequence[tuple[str, str, int]]) -> str:
    """Name of a run from the (unit id, content_version, attempt) of its units, in any order."""
    lines = [f"{unit_id}\t{content_version}\t{attempt}\n" for unit_id, content_version, attempt in sorted(units)]
    return f"run-{hashlib.sha256(''.join(lines).encode()).hexdigest()[:16]}"
