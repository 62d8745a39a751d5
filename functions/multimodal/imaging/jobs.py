"""Processing jobs of a run: which units share one, and the documents that describe it."""

import hashlib
import heapq
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from multimodal.imaging.config import ImagingConfig
from multimodal.ledger.claim import PlannedUnit
from multimodal.ledger.listing import Listing, is_archive_of
from multimodal.ledger.run_paths import RunPaths
from multimodal.ledger.unit import Unit

GIB = 1024**3

MAX_UNITS_PER_JOB = 20

MAX_BYTES_PER_JOB = 20 * GIB

WORTH_BYTES_PER_JOB = 750_000_000
"""So much is worth a job of its own, five studies of a chest: what the simulation of the Map chose (plan-1)."""

VOLUME_FACTOR = 3
"""A job's volume holds its input, the unpacked input of zips and the results."""

MAX_JOB_ATTEMPTS = 2
"""A job that fails for the machine's or the program's fault is run once more under the next name."""

MEGABYTE = 1_000_000

STUDY_SECONDS = 900
"""The longest a study may take in the radiomics job (its own limit); a job gets as much for each, and once more."""


@dataclass(frozen=True)
class JobSettings:
    """What a job needs beside its units."""

    raw_bucket: str
    processed_bucket: str
    image_uri: str
    minimum_volume_gb: int
    time_limit_seconds: int
    fast_lane_megabytes: int = 0
    """Most bytes of a subject's studies that a function measures; 0 when there is no such function."""


class Lane(StrEnum):
    """Where a job runs: in a function of the job's image, or on SageMaker Processing.

    `FALLBACK` is the state machine's word for a job of the function that SageMaker Processing had to do.
    """

    FUNCTION = "function"
    PROCESSING = "processing"
    FALLBACK = "fallback"


def manifest_document(raw_bucket: str, listings: Sequence[Listing]) -> list[Any]:
    """Return a SageMaker `ManifestFile`: a prefix object, then keys relative to it.

    Exact keys are listed, so that `R01-1` never takes the objects of `R01-10`.
    Source: Amazon SageMaker API reference, S3DataSource / S3DataType.
    """
    prefix = "imaging/"
    keys = [o.key.removeprefix(prefix) for listing in listings for o in listing.objects]
    return [{"prefix": f"s3://{raw_bucket}/{prefix}"}, *keys]


def input_path(unit: Unit, listing: Listing) -> str:
    """Return the unit's folder or zip, relative to the job's input folder."""
    archive = next((o.key for o in listing.objects if is_archive_of(unit, o.key)), None)
    return (archive or unit.folder).removeprefix("imaging/").rstrip("/")


def job_document(
    run: str,
    image: str,
    planned: Sequence[PlannedUnit],
    listings: Mapping[str, Listing],
    datasets: Mapping[str, ImagingConfig],
) -> dict[str, Any]:
    """Return `job.json`: what the container is told of its units (`job.schema.json`)."""
    names = sorted({u.dataset for u in planned})
    return {
        "schema": 1,
        "job_id": job_id(planned, image),
        "run_id": run,
        "image": image,
        "units": [_job_unit(u, listings[u.unit_id]) for u in planned],
        "datasets": {name: _job_dataset(datasets[name]) for name in names},
    }


def _job_dataset(config: ImagingConfig) -> dict[str, Any]:
    pet = {"pet": config.pet.params} if config.pet else {}
    return {"params": config.params, "roi": config.roi.model_dump(), **pet}


def _job_unit(planned: PlannedUnit, listing: Listing) -> dict[str, Any]:
    unit = Unit(planned.dataset, planned.subject, planned.study)
    return {
        "unit_id": unit.unit_id,
        "correlation_id": unit.correlation_id,
        "dataset": unit.dataset,
        "subject": unit.subject,
        "study": unit.study,
        "path": input_path(unit, listing),
        "content_version": planned.content_version,
    }


def map_item(run: str, planned: Sequence[PlannedUnit], settings: JobSettings, lane: Lane) -> dict[str, Any]:
    """Return one element of `jobs.json`: everything `CreateProcessingJob` needs for this job, in either lane."""
    identity, paths, bucket = job_id(planned, settings.image_uri), RunPaths(run), settings.processed_bucket
    return {
        "run_id": run,
        "job_id": identity,
        "job_name": f"{identity}-1",
        "attempt": 1,
        "lane": lane.value,
        "image_uri": settings.image_uri,
        "manifest_uri": f"s3://{bucket}/{paths.manifest(identity)}",
        "job_uri": f"s3://{bucket}/{paths.job_folder(identity)}",
        "output_uri": f"s3://{bucket}/imaging/",
        "volume_gb": volume_gb(planned, settings.minimum_volume_gb),
        "time_limit_seconds": max(settings.time_limit_seconds, STUDY_SECONDS * (len(planned) + 1)),
    }


def next_attempt(item: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the Map item of a failed job's next attempt, or None when it had its tries."""
    attempt = int(item["attempt"]) + 1
    if attempt > MAX_JOB_ATTEMPTS:
        return None
    name = f"{item['job_id']}-{attempt}"
    return {**item, "attempt": attempt, "job_name": name, "lane": Lane.PROCESSING.value}


def share_lanes(units: Sequence[PlannedUnit], megabytes: int) -> tuple[list[list[PlannedUnit]], list[PlannedUnit]]:
    """Take out what a function measures: the studies of each subject that are together small enough.

    A subject's studies stay together because the job compares their patients. Source: docs/decisions.md#fast-1.

    Returns
    -------
    jobs : list of list of PlannedUnit
        One for each such subject, its units sorted by unit id.
    rest : list of PlannedUnit
        All other units, for `pack`.
    """
    subjects: dict[tuple[str, str], list[PlannedUnit]] = {}
    for unit in sorted(units, key=lambda u: u.unit_id):
        subjects.setdefault((unit.dataset, unit.subject), []).append(unit)
    small = [job for job in subjects.values() if _fits_function(job, megabytes)]
    taken = {unit.unit_id for job in small for unit in job}
    return small, [unit for unit in units if unit.unit_id not in taken]


def _fits_function(job: Sequence[PlannedUnit], megabytes: int) -> bool:
    return megabytes > 0 and len(job) <= MAX_UNITS_PER_JOB and _bytes(job) <= megabytes * MEGABYTE


def pack(units: Sequence[PlannedUnit], concurrency: int) -> list[list[PlannedUnit]]:
    """Share units out to jobs.

    A job costs minutes to start and a study seconds, so a job is made for every `WORTH_BYTES_PER_JOB` bytes. There are
    no more jobs than can run at once unless a job would hold more than `MAX_UNITS_PER_JOB` units or
    `MAX_BYTES_PER_JOB` bytes. Largest units go first, each to the job with the fewest bytes, so that jobs end together
    (longest-processing-time rule, Graham 1969). Source: docs/decisions.md#plan-1.

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
    return share_out(units, _job_count(units, concurrency)) if units else []


def share_out(units: Sequence[PlannedUnit], count: int) -> list[list[PlannedUnit]]:
    """Share units out to `count` jobs, as `pack` does; to more where a job would hold too many units or bytes."""
    by_size = sorted(units, key=lambda u: (-u.bytes, u.unit_id))
    jobs: list[list[PlannedUnit]] = [[] for _ in range(count)]
    lightest = [(0, 0, number) for number in range(len(jobs))]  # a heap of bytes, units and the job's number
    for unit in by_size:
        _give(jobs, lightest, unit)
    filled = [sorted(job, key=lambda u: u.unit_id) for job in jobs if job]
    return sorted(filled, key=lambda job: job[0].unit_id)


def _job_count(units: Sequence[PlannedUnit], concurrency: int) -> int:
    total = sum(u.bytes for u in units)
    needed = max(math.ceil(total / MAX_BYTES_PER_JOB), math.ceil(len(units) / MAX_UNITS_PER_JOB))
    worth = min(len(units), math.ceil(total / WORTH_BYTES_PER_JOB))
    return max(needed, min(worth, max(concurrency, 1)))


def _give(jobs: list[list[PlannedUnit]], lightest: list[tuple[int, int, int]], unit: PlannedUnit) -> None:
    """Give a unit to the lightest job; when that has no room for its bytes, no other has, and a new job gets it."""
    if not lightest or (lightest[0][1] and lightest[0][0] + unit.bytes > MAX_BYTES_PER_JOB):
        heapq.heappush(lightest, (0, 0, len(jobs)))
        jobs.append([])
    size, count, number = heapq.heappop(lightest)
    jobs[number].append(unit)
    if count + 1 < MAX_UNITS_PER_JOB:
        heapq.heappush(lightest, (size + unit.bytes, count + 1, number))


def _bytes(job: Sequence[PlannedUnit]) -> int:
    return sum(u.bytes for u in job)


def volume_gb(units: Sequence[PlannedUnit], minimum_gb: int) -> int:
    """Size of the job's volume in GB: `VOLUME_FACTOR` times its input, at least `minimum_gb`."""
    return max(minimum_gb, math.ceil(VOLUME_FACTOR * _bytes(units) / GIB))


def job_id(units: Sequence[PlannedUnit], image: str) -> str:
    """Name of a job's content: the same units, content versions, attempts and image give the same name.

    The name keeps to SageMaker's `[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}` and holds nothing of the patient.
    """
    lines = [f"{u.unit_id}\t{u.content_version}\t{u.attempt}\n" for u in sorted(units, key=lambda u: u.unit_id)]
    digest = hashlib.sha256("".join([image, "\n", *lines]).encode()).hexdigest()
    return f"img-{digest[:12]}"
