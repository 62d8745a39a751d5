"""SageMaker Processing: jobs are checked, queued, really run and described; events tell of their state changes."""

import re
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from local.emulator.aws import AwsError, arn, publish_event
from local.emulator.containers import job_pool
from local.emulator.iam import require_assumable
from local.emulator.sagemaker.processing_run import CONTAINER_ROOT, Outcome, run_job

IN_PROGRESS = "InProgress"
STOPPING = "Stopping"
_DAY_SECONDS = 86400
_LOCAL_STORAGE = re.compile(r"ml\.(g4dn|g5|g6|g6e|gr6|p3dn|p4d|p4de|p5|p5e|p5en|trn1|trn2|inf2|\w+d)\.")
"""Instance families whose volume is a local disk: they reject a volume key."""

_lock = threading.Lock()


@dataclass
class Job:
    """One processing job; its times are epoch seconds, and `stop` is set when it is to stop."""

    request: dict[str, Any]
    status: str = IN_PROGRESS
    created: float = field(default_factory=time.time)
    modified: float = field(default_factory=time.time)
    started: float | None = None
    ended: float | None = None
    failure_reason: str = ""
    exit_message: str = ""
    stop: threading.Event = field(default_factory=threading.Event)

    @property
    def name(self) -> str:
        """Name of the job, unique in the account."""
        return str(self.request["ProcessingJobName"])

    @property
    def arn(self) -> str:
        """ARN of the job."""
        return arn("sagemaker", "processing-job", self.name)


_jobs: dict[str, Job] = {}


def create_processing_job(request: dict[str, Any]) -> dict[str, Any]:
    """Accept a job and queue it.

    Raises
    ------
    AwsError
        ResourceInUse when the name was used before, ValidationException when the request makes no sense.
    """
    _check(request)
    require_assumable(request["RoleArn"])
    job = Job(request)
    with _lock:
        if job.name in _jobs:
            raise AwsError("ResourceInUse", f"Job name must be unique within an AWS account and region, "
                           f"and a job with this name already exists ({job.arn})")  # fmt: skip
        _jobs[job.name] = job
    _publish(job)
    job_pool().submit(_run, job)
    return {"ProcessingJobArn": job.arn}


def describe_processing_job(request: dict[str, Any]) -> dict[str, Any]:
    """Return what is known of a job."""
    job = _find(request["ProcessingJobName"])
    document = {
        **{key: value for key, value in job.request.items() if key != "Tags"},
        "ProcessingJobArn": job.arn,
        "ProcessingJobStatus": job.status,
        "CreationTime": job.created,
        "LastModifiedTime": job.modified,
        "ProcessingStartTime": job.started,
        "ProcessingEndTime": job.ended,
        "FailureReason": job.failure_reason,
        "ExitMessage": job.exit_message,
    }
    return {key: value for key, value in document.items() if value not in (None, "")}


def list_processing_jobs(request: dict[str, Any]) -> dict[str, Any]:
    """Return summaries of the jobs, newest first, in one page unless `MaxResults` is smaller."""
    with _lock:
        jobs = [job for job in _jobs.values() if _selected(job, request)]
    jobs.sort(key=lambda job: _sort_key(job, request.get("SortBy", "CreationTime")))
    if request.get("SortOrder", "Descending") == "Descending":
        jobs.reverse()
    start, size = int(request.get("NextToken", "0")), int(request.get("MaxResults", 100))
    page = {"ProcessingJobSummaries": [_summary(job) for job in jobs[start : start + size]]}
    return {**page, "NextToken": str(start + size)} if start + size < len(jobs) else page


def stop_processing_job(request: dict[str, Any]) -> dict[str, Any]:
    """Ask a job to stop; one that has ended is rejected, as AWS does."""
    job = _find(request["ProcessingJobName"])
    if job.status not in (IN_PROGRESS, STOPPING):
        raise AwsError("ValidationException", f"The job {job.name} is in status {job.status}: cannot be stopped")
    _change(job, STOPPING)
    job.stop.set()
    return {}


OPERATIONS = {
    "CreateProcessingJob": create_processing_job,
    "DescribeProcessingJob": describe_processing_job,
    "ListProcessingJobs": list_processing_jobs,
    "StopProcessingJob": stop_processing_job,
}


def _run(job: Job) -> None:
    if job.stop.is_set():
        _finish(job, Outcome("Stopped"))
        return
    job.started = time.time()
    try:
        outcome = run_job(job.request, job.stop)
    except Exception as error:  # noqa: BLE001 -- whatever breaks here, the job must not stay InProgress forever
        outcome = Outcome("Failed", f"InternalServerError: {error!r}")
    _finish(job, outcome)


def _finish(job: Job, outcome: Outcome) -> None:
    job.ended = time.time()
    job.failure_reason, job.exit_message = outcome.failure_reason[:1024], outcome.exit_message[:1024]
    _change(job, outcome.status)


def _change(job: Job, status: str) -> None:
    with _lock:
        changed = job.status != status
        job.status, job.modified = status, time.time()
    if changed:
        _publish(job)


def _publish(job: Job) -> None:
    detail = {key: value for key, value in describe_processing_job(job.request).items() if key != "Environment"}
    in_ms = {key: int(value * 1000) if isinstance(value, float) else value for key, value in detail.items()}
    publish_event("aws.sagemaker", "SageMaker Processing Job State Change", job.arn, in_ms)


def _check(request: dict[str, Any]) -> None:
    """Reject what the shapes allow and the service does not."""
    inputs = request.get("ProcessingInputs", [])
    outputs = request.get("ProcessingOutputConfig", {}).get("Outputs", [])
    paths = [item["S3Input"]["LocalPath"] for item in inputs if "S3Input" in item]
    paths += [item["S3Output"]["LocalPath"] for item in outputs if "S3Output" in item]
    for path in paths:
        if not path.startswith(f"{CONTAINER_ROOT}/") or ".." in path.split("/"):
            raise _invalid(f"LocalPath {path} must be a folder inside {CONTAINER_ROOT}")
    if len(set(paths)) != len(paths):
        raise _invalid("The LocalPath of every input and output must be unique")
    names = [item["InputName"] for item in inputs]
    if len(set(names)) != len(names):
        raise _invalid("Input names must be unique")
    cluster = request["ProcessingResources"]["ClusterConfig"]
    if "VolumeKmsKeyId" in cluster and _LOCAL_STORAGE.match(cluster["InstanceType"]):
        raise _invalid(f"VolumeKmsKeyId cannot be set for {cluster['InstanceType']}: it has local storage")
    if "ContainerEntrypoint" in request["AppSpecification"]:
        raise _invalid("The laptop cloud runs an image's own entry point only")


def _invalid(message: str) -> AwsError:
    return AwsError("ValidationException", message)


def _find(name: str) -> Job:
    with _lock:
        job = _jobs.get(name)
    if job is None:
        raise AwsError("ResourceNotFound", f"Could not find requested job with name: {name}")
    return job


def _selected(job: Job, request: dict[str, Any]) -> bool:
    return (
        request.get("NameContains", "") in job.name
        and request.get("StatusEquals", job.status) == job.status
        and job.created >= float(request.get("CreationTimeAfter", 0))
        and job.created <= float(request.get("CreationTimeBefore", time.time() + _DAY_SECONDS))
    )


def _sort_key(job: Job, by: str) -> tuple[float, str]:
    return (job.created, job.name) if by == "CreationTime" else (0.0, {"Name": job.name}.get(by, job.status))


def _summary(job: Job) -> dict[str, Any]:
    wanted = ("ProcessingJobName", "ProcessingJobArn", "CreationTime", "ProcessingEndTime", "LastModifiedTime",
              "ProcessingJobStatus", "FailureReason", "ExitMessage")  # fmt: skip
    described = describe_processing_job(job.request)
    return {key: described[key] for key in wanted if key in described}
