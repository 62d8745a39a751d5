"""Batch jobs of the genomics path: their names and arguments, their start, and the outcome of one that ended."""

import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from multimodal.genomics.config import GenomicsConfig
from multimodal.genomics.reads import fastq_list
from multimodal.genomics.samples import SampleListing
from multimodal.genomics.samplesheet import OPEN_DATA_BUCKET
from multimodal.ledger.claim import UnitClaims
from multimodal.ledger.errors import MultimodalError
from multimodal.ledger.evaluate import ReadyUnit
from multimodal.ledger.outcome import Outcome, OutcomeRecorder, outcome_line, outcome_without_result
from multimodal.ledger.ports import BatchJobs, Ports
from multimodal.ledger.run_paths import RunPaths
from multimodal.ledger.unit import Status, Unit, schedule_check
from multimodal.observability import Metric, logger

JOB_NAME = re.compile(r"^(?:rna|ref)-[0-9a-f]{12}-[1-9]\d*$")


RESUBMIT_SECONDS = 60
"""A unit whose job could not be submitted is started again after this long, under the same name."""


@dataclass(frozen=True)
class RnaJobSettings:
    """What a job needs beside its unit: buckets, the engine and its image."""

    raw_bucket: str
    processed_bucket: str
    engine: str
    image_uri: str


def job_name(unit: Unit, content_version: str, attempt: int, image: str, reference: str = "") -> str:
    """Return a job's name: equal for the same case, reads, image, reference and attempt.

    It is the run's id as well, keeps to Batch's `[A-Za-z0-9][A-Za-z0-9_-]{0,127}` and holds nothing of the patient.
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
        # A sample sheet overrides the dataset; the job rejects two declarations that differ.
        *(("--strandedness", strandedness) if strandedness != "auto" else ("--library-type", config.library_type)),
        *(["--trim"] if config.trim else []),
        *(
            word
            for path in listing.pairing.without_mate
            for word in ("--without-mate", f"s3://{settings.raw_bucket}/{unit.folder}{path}")
        ),
        *(word for bucket in _buckets(listing, settings) for word in ("--allowed-bucket", bucket)),
        *_run_arguments(run, listing.content_version),
    ]


def _buckets(listing: SampleListing, settings: RnaJobSettings) -> list[str]:
    """Return the only buckets that the job may take reads from; it checks its list against them."""
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


@dataclass(frozen=True)
class JobStarter:
    """Submits a Batch job of its own for every case and every reference; `datasets` is name → configuration."""

    ports: Ports
    jobs: BatchJobs
    claims: UnitClaims
    settings: RnaJobSettings
    datasets: Mapping[str, GenomicsConfig]

    def start(self, ready: Sequence[ReadyUnit]) -> list[str]:
        """Claim each unit and submit its job."""
        return [run for run in self.ports.parallel_map(self._start, ready) if run]

    def is_running(self, run_id: str) -> bool:
        """Ask Batch."""
        return self.jobs.is_running(run_id)

    def _start(self, ready: ReadyUnit) -> str | None:
        run = self._name_of(ready)
        if not self.claims.claim(run, [ready]):
            return None
        try:
            self.jobs.submit(run, self._prepare(run, ready), builds_reference=ready.item.unit.is_reference)
        except MultimodalError as error:
            self._release_claim(run, ready, error)
            return None
        logger().info("job submitted", correlation_id=ready.item.unit.correlation_id, run_id=run)
        return run

    def _name_of(self, ready: ReadyUnit) -> str:
        unit, attempt = ready.item.unit, ready.item.attempt + 1
        reference = "" if unit.is_reference else self.datasets[unit.dataset].reference
        return job_name(unit, ready.listing.content_version, attempt, self.settings.image_uri, reference)

    def _prepare(self, run: str, ready: ReadyUnit) -> list[str]:
        """Write down what the job reads and return its command, which names no sample (decision `aws-17`)."""
        unit, listing = ready.item.unit, ready.listing
        if not isinstance(listing, SampleListing):
            return build_command(unit, run, listing.content_version, self.settings)
        self.ports.processed.write_text(fastq_list_key(unit, run), fastq_list(unit.subject, listing.lanes))
        arguments = quantify_command(unit, run, listing, self.datasets[unit.dataset], self.settings)
        self.ports.processed.write_json(RunPaths(run).arguments, arguments)
        return ["--arguments", f"s3://{self.settings.processed_bucket}/{RunPaths(run).arguments}"]

    def _release_claim(self, run: str, ready: ReadyUnit, error: MultimodalError) -> None:
        """Undo the claim; the next start has the same attempt, so the same name, and cannot run twice."""
        unit = ready.item.unit
        logger().error("job not submitted", correlation_id=unit.correlation_id, run_id=run, reason=str(error)[:500])
        self.ports.metrics.count(Metric.EVALUATIONS_FAILED, modality=unit.modality)
        item = self.ports.ledger.get(unit.unit_id)
        if item is not None and item.run_id == run and item.status is Status.PROCESSING:
            changes = {"status": Status.READY.value, "attempt": ready.item.attempt, "lease_until": None}
            self.ports.ledger.update(item, changes | schedule_check(unit, self.ports.clock() + RESUBMIT_SECONDS))


@dataclass(frozen=True)
class BatchJobRecorder:
    """Records the outcome of the unit of a Batch job that ended."""

    ports: Ports
    recorder: OutcomeRecorder

    def record_job(self, detail: Mapping[str, Any]) -> dict[str, Any]:
        """Record a job's end from the `detail` of a `Batch Job State Change`; `line` of the answer is for the log.

        Jobs of others on the queues, and states that are no end, are ignored.
        """
        name, status = str(detail.get("jobName", "")), detail.get("status")
        if not JOB_NAME.fullmatch(name) or status not in {"SUCCEEDED", "FAILED"}:
            return {"decision": "ignored", "line": f"{name[:128]} {status} is not the end of a job of this stack"}
        plan = self.ports.processed.read_json(RunPaths(name).plan) or {"units": []}
        outcomes = Counter(
            self.recorder.record_outcome(u["unit_id"], name, _batch_outcome(name, detail)) for u in plan["units"]
        )
        return {"decision": "done", "line": outcome_line(name, outcomes)}


def _batch_outcome(name: str, detail: Mapping[str, Any]) -> Outcome:
    """Return what a job's end means when it left no result of its run."""
    if detail["status"] == "SUCCEEDED" and name.startswith("ref-"):
        return Outcome(Status.COMPLETED)
    container = detail.get("container") or {}
    parts = [detail.get("statusReason") or "no reason given", container.get("reason")]
    if container.get("exitCode") is not None:
        parts.append(f"exit code {container['exitCode']}")
    return outcome_without_result(detail["status"] == "SUCCEEDED", "; ".join(str(part) for part in parts if part))
