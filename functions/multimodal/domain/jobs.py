"""The objects that describe a run and its jobs: where they lie and what they hold."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from multimodal.domain.dataset import DatasetConfig
from multimodal.domain.listing import Listing, StoredObject, is_archive_of
from multimodal.domain.packing import PlannedUnit, job_id, volume_gb
from multimodal.domain.units import Unit

MAX_JOB_ATTEMPTS = 2
"""A job that fails for the machine's or the program's fault is run once more under the next name."""


STUDY_SECONDS = 900
"""The longest a study may take in the radiomics job (its own limit); a job gets as much for each, and once more."""


@dataclass(frozen=True)
class RunPaths:
    """Keys of a run's objects in ProcessedBucket."""

    run_id: str

    @property
    def root(self) -> str:
        """Prefix of everything below."""
        return f"runs/{self.run_id}/"

    @property
    def plan(self) -> str:
        """The units of the run."""
        return f"{self.root}plan.json"

    @property
    def jobs(self) -> str:
        """The array that the state machine's Map reads."""
        return f"{self.root}jobs.json"

    @property
    def check(self) -> str:
        """What was found when a table was read."""
        return f"{self.root}check.json"

    def part(self, number: int) -> str:
        """Some of a table's records, one a line."""
        return f"{self.root}parts/{number:05d}.jsonl.gz"

    def listing(self, correlation_id: str) -> str:
        """The exact objects of one unit."""
        return f"{self.root}listings/{correlation_id}.json"

    def manifest(self, job: str) -> str:
        """SageMaker manifest of a job."""
        return f"{self.root}jobs/{job}/inputs.manifest"

    def job_folder(self, job: str) -> str:
        """Prefix that holds nothing but ``job.json``."""
        return f"{self.root}jobs/{job}/job/"


@dataclass(frozen=True)
class JobSettings:
    """What a job needs beside its units."""

    raw_bucket: str
    processed_bucket: str
    image_uri: str
    minimum_volume_gb: int
    time_limit_seconds: int


def unit_of(planned: PlannedUnit) -> Unit:
    """Return the address of a planned unit."""
    return Unit(planned.dataset, planned.subject, planned.study)


def listing_document(unit: Unit, listing: Listing) -> dict[str, Any]:
    """Return what is stored of a claimed unit's listing."""
    return {
        "unit_id": unit.unit_id,
        "content_version": listing.content_version,
        "objects": [asdict(o) for o in listing.objects],
    }


def listing_from(document: Mapping[str, Any]) -> Listing:
    """Return the listing that :func:`listing_document` stored."""
    return Listing(tuple(StoredObject(o["key"], o["size"], o["etag"]) for o in document["objects"]))


def manifest_document(raw_bucket: str, listings: Sequence[Listing]) -> list[Any]:
    """Return a SageMaker ``ManifestFile``: a prefix object, then keys relative to it.

    Exact keys are listed, so that ``R01-1`` never takes the objects of ``R01-10``.
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
    datasets: Mapping[str, DatasetConfig],
) -> dict[str, Any]:
    """Return ``job.json``: what the container is told of its units (``job.schema.json``)."""
    names = sorted({u.dataset for u in planned})
    return {
        "schema": 1,
        "job_id": job_id(planned, image),
        "run_id": run,
        "image": image,
        "units": [_job_unit(u, listings[u.unit_id]) for u in planned],
        "datasets": {name: _imaging_settings(datasets[name]) for name in names},
    }


def _job_unit(planned: PlannedUnit, listing: Listing) -> dict[str, Any]:
    unit = unit_of(planned)
    return {
        "unit_id": unit.unit_id,
        "dataset": unit.dataset,
        "subject": unit.subject,
        "study": unit.study,
        "path": input_path(unit, listing),
        "content_version": planned.content_version,
    }


def _imaging_settings(config: DatasetConfig) -> dict[str, Any]:
    assert config.imaging is not None  # noqa: S101 – a claimed imaging unit has an imaging section
    return {"params": config.imaging.params, "roi": config.imaging.roi.model_dump()}


def map_item(run: str, planned: Sequence[PlannedUnit], settings: JobSettings, attempt: int = 1) -> dict[str, Any]:
    """Return one element of ``jobs.json``: everything ``CreateProcessingJob`` needs for this job."""
    identity, paths, bucket = job_id(planned, settings.image_uri), RunPaths(run), settings.processed_bucket
    return {
        "run_id": run,
        "job_id": identity,
        "job_name": f"{identity}-{attempt}",
        "attempt": attempt,
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
    return {**item, "attempt": attempt, "job_name": f"{item['job_id']}-{attempt}"}
