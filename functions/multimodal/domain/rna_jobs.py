"""Jobs of the genomics path: their names and what they are told."""

import hashlib
import re
from dataclasses import dataclass

from multimodal.domain.dataset import GenomicsConfig
from multimodal.domain.sample_listing import SampleListing
from multimodal.domain.samplesheet import OPEN_DATA_BUCKET
from multimodal.domain.units import Unit

JOB_NAME = re.compile(r"^(?:rna|ref)-[0-9a-f]{12}-[1-9]\d*$")


@dataclass(frozen=True)
class RnaJobSettings:
    """What a job needs beside its unit: buckets, the engine and its image."""

    raw_bucket: str
    processed_bucket: str
    engine: str
    image_uri: str


def job_name(unit: Unit, content_version: str, attempt: int, image: str, reference: str = "") -> str:
    """Return the name of a job's content: the same case, reads, image, reference and attempt give the same name.

    It is the run's id as well, keeps to Batch's ``[A-Za-z0-9][A-Za-z0-9_-]{0,127}`` and holds nothing of the patient.
    """
    content = "\n".join([unit.unit_id, content_version, image, reference])
    digest = hashlib.sha256(content.encode()).hexdigest()[:12]
    return f"{'ref' if unit.is_reference else 'rna'}-{digest}-{attempt}"


def quantify_command(
    unit: Unit, run: str, listing: SampleListing, config: GenomicsConfig, settings: RnaJobSettings
) -> list[str]:
    """Return the arguments of the job that quantifies a case's reads."""
    strandedness = listing.strandedness
    return [
        *("--engine", settings.engine),
        *("--sample", unit.subject),
        *("--fastq-list", f"s3://{settings.processed_bucket}/{fastq_list_key(unit, run)}"),
        *("--reference", f"s3://{settings.processed_bucket}/references/{config.reference}/"),
        *("--output", f"s3://{settings.processed_bucket}/{unit.result_folder}"),
        # A sample sheet knows better than the dataset; the job refuses two declarations that differ.
        *(("--strandedness", strandedness) if strandedness != "auto" else ("--library-type", config.library_type)),
        *(word for bucket in _buckets(listing, settings) for word in ("--allowed-bucket", bucket)),
        *_run_arguments(run, listing.content_version),
    ]


def _buckets(listing: SampleListing, settings: RnaJobSettings) -> list[str]:
    """Return the only buckets that the job may read reads from: what it is told is checked twice."""
    archive = f"s3://{OPEN_DATA_BUCKET}/"
    uses_archive = any(lane.read1.startswith(archive) for lane in listing.lanes)
    return [settings.raw_bucket, *([OPEN_DATA_BUCKET] if uses_archive else [])]


def build_command(unit: Unit, run: str, content_version: str, settings: RnaJobSettings) -> list[str]:
    """Return the arguments of the job that builds a reference for the engine."""
    return [
        "build-reference",
        *("--engine", settings.engine),
        *("--name", unit.subject),
        *("--source", f"s3://{settings.raw_bucket}/{unit.folder}"),
        *("--output", f"s3://{settings.processed_bucket}/{unit.result_folder}"),
        *_run_arguments(run, content_version),
    ]


def fastq_list_key(unit: Unit, run: str) -> str:
    """Return the key of the list of a case's lanes."""
    return f"runs/{run}/fastq_lists/{unit.correlation_id}.csv"


def _run_arguments(run: str, content_version: str) -> list[str]:
    return ["--run-id", run, "--job-id", run, "--content-version", content_version]
