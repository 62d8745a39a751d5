"""AWS Batch: jobs are checked, queued, really run, repeated by their retry strategy, and described."""

import os
import threading
import time
import uuid
from collections.abc import Container
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from local.emulator.aws import arn, client, publish_event
from local.emulator.batch.attempts import (
    EXITED,
    NOT_STARTED,
    Attempt,
    Failure,
    is_retried,
    run_attempt,
    strategy_problems,
)
from local.emulator.batch.resources import MINIMUM_TIMEOUT_SECONDS, client_error, find_definition, find_queue
from local.emulator.containers import job_pool, write_log
from local.emulator.iam import role_credentials

SUBMITTED, PENDING, RUNNABLE, STARTING, RUNNING = "SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING"
SUCCEEDED, FAILED = "SUCCEEDED", "FAILED"
WAITING = frozenset({SUBMITTED, PENDING, RUNNABLE})
ENDED = frozenset({SUCCEEDED, FAILED})

_NOT_ON_THE_LAPTOP = ("arrayProperties", "nodeOverrides", "parameters", "shareIdentifier", "eksPropertiesOverride",
                      "ecsPropertiesOverride", "consumableResourcePropertiesOverride")  # fmt: skip
_OVERRIDES_NOT_ON_THE_LAPTOP = ("instanceType",)
_lock = threading.RLock()


@dataclass
class Job:
    """One job.

    Its times are epoch milliseconds, those of `started` and `stopped` of the last attempt's start and the job's end;
    `attempts` and `last` (exit code, reason and log stream of the last attempt) are as DescribeJobs returns them, and
    `stop` is set when it is terminated.
    """

    name: str
    queue: dict[str, Any]
    definition: dict[str, Any]
    request: dict[str, Any]
    job_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    status: str = SUBMITTED
    status_reason: str = ""
    created: int = field(default_factory=lambda: _now_ms())
    started: int | None = None
    stopped: int | None = None
    attempts: list[dict[str, Any]] = field(default_factory=list)
    last: dict[str, Any] = field(default_factory=dict)
    stop: threading.Event = field(default_factory=threading.Event)
    cancelled: bool = False
    terminated: bool = False

    @property
    def arn(self) -> str:
        """ARN of the job."""
        return arn("batch", "job", self.job_id)

    @property
    def retry_strategy(self) -> dict[str, Any]:
        """The request's, or else the definition's."""
        found: dict[str, Any] = self.request.get("retryStrategy") or self.definition.get("retryStrategy") or {}
        return {"attempts": 1, "evaluateOnExit": [], **found}

    @property
    def container(self) -> dict[str, Any]:
        """The definition's container with the request's overrides."""
        own: dict[str, Any] = dict(self.definition["containerProperties"])
        overrides = self.request.get("containerOverrides", {})
        names = {item["name"] for item in overrides.get("environment", [])}
        kept = [item for item in own.get("environment", []) if item["name"] not in names]
        own["environment"] = [*kept, *overrides.get("environment", [])]
        own["command"] = overrides.get("command") or own.get("command", [])
        return own

    @property
    def timeout(self) -> dict[str, int]:
        """The request's, or else the definition's; empty for none."""
        found: dict[str, int] = self.request.get("timeout") or self.definition.get("timeout") or {}
        return found


_jobs: dict[str, Job] = {}


def _now_ms() -> int:
    """Return epoch milliseconds."""
    return int(time.time() * 1000)


def submit_job(request: dict[str, Any]) -> dict[str, Any]:
    """Accept a job; it runs when the jobs it depends on have succeeded and a slot is free.

    Raises
    ------
    AwsError
        ClientException when queue or definition are not there, or the laptop cannot run such a job.
    """
    _check(request)
    job = Job(request["jobName"], find_queue(request["jobQueue"]), find_definition(request["jobDefinition"]), request)
    with _lock:
        for dependency in request.get("dependsOn", []):
            find_job(dependency["jobId"])
        _jobs[job.job_id] = job
    _publish(job)
    _queue(job)
    return {"jobArn": job.arn, "jobName": job.name, "jobId": job.job_id}


def find_job(reference: str) -> Job:
    """Return a job by id or ARN.

    Raises
    ------
    AwsError
        ClientException when there is none.
    """
    with _lock:
        job = _jobs.get(reference.rpartition("/")[2])
    if job is None:
        raise client_error(f"Job {reference} does not exist")
    return job


def all_jobs() -> list[Job]:
    """Return every job, newest first."""
    with _lock:
        return list(reversed(_jobs.values()))


def cancel_job(request: dict[str, Any]) -> dict[str, Any]:
    """End a job that has not started; one that runs goes on, as on AWS."""
    job = find_job(request["jobId"])
    with _lock:
        job.cancelled = job.cancelled or job.status in WAITING
    _end(job, FAILED, request["reason"], WAITING)
    return {}


def terminate_job(request: dict[str, Any]) -> dict[str, Any]:
    """End a job, whether it has started or not."""
    job = find_job(request["jobId"])
    with _lock:
        if job.status not in ENDED:
            job.terminated, job.status_reason = True, request["reason"]
            job.stop.set()
    _end(job, FAILED, request["reason"], WAITING)
    return {}


def describe(job: Job) -> dict[str, Any]:
    """Return a job as DescribeJobs returns it; events carry the same."""
    with _lock:  # its state and the reason for it belong together
        return _document(job)


def _publish(job: Job) -> None:
    publish_event("aws.batch", "Batch Job State Change", job.arn, describe(job))


def _document(job: Job) -> dict[str, Any]:
    container = {key: value for key, value in job.container.items() if key != "logConfiguration"}
    document = {
        "jobArn": job.arn,
        "jobName": job.name,
        "jobId": job.job_id,
        "jobQueue": job.queue["jobQueueArn"],
        "status": job.status,
        "attempts": list(job.attempts),
        "statusReason": job.status_reason if job.attempts or job.status in ENDED else "",
        "createdAt": job.created,
        "retryStrategy": job.retry_strategy,
        "startedAt": job.started,
        "stoppedAt": job.stopped,
        "dependsOn": job.request.get("dependsOn", []),
        "jobDefinition": job.definition["jobDefinitionArn"],
        "parameters": {},
        "container": {**container, "networkInterfaces": [], **job.last},
        "timeout": job.timeout or None,
        "tags": {"resourceArn": job.arn, **job.request.get("tags", {})},
        "propagateTags": job.definition.get("propagateTags", False),
        "platformCapabilities": job.definition.get("platformCapabilities", ["EC2"]),
        "eksAttempts": [],
        "isCancelled": job.cancelled,
        "isTerminated": job.terminated,
    }
    return {key: value for key, value in document.items() if value not in (None, "")}


def _check(request: dict[str, Any]) -> None:
    foreign = [name for name in _NOT_ON_THE_LAPTOP if request.get(name)]
    foreign += [name for name in _OVERRIDES_NOT_ON_THE_LAPTOP if request.get("containerOverrides", {}).get(name)]
    if foreign:
        raise client_error(f"The laptop cloud runs no jobs with {', '.join(foreign)}")
    problems = strategy_problems(request.get("retryStrategy", {}))
    limit = request.get("timeout", {}).get("attemptDurationSeconds", MINIMUM_TIMEOUT_SECONDS)
    if limit < MINIMUM_TIMEOUT_SECONDS:
        problems.append(f"attemptDurationSeconds must be at least {MINIMUM_TIMEOUT_SECONDS}")
    if len(request.get("dependsOn", [])) > 20:
        problems.append("a job depends on at most 20 jobs")
    if problems:
        raise client_error(f"Error executing request: {'; '.join(problems)}")


def _queue(job: Job) -> None:
    """Queue a job whose dependencies have succeeded; end it when one has failed; else let it wait."""
    with _lock:
        states = [find_job(item["jobId"]).status for item in job.request.get("dependsOn", [])]
    if FAILED in states:
        _end(job, FAILED, "Dependent Job failed")
    elif any(state != SUCCEEDED for state in states):
        _change(job, PENDING)
    elif _change(job, RUNNABLE):
        job_pool().submit(_run, job)


def _change(job: Job, status: str, status_reason: str = "", only_from: Container[str] | None = None) -> bool:
    """Change a job's state and publish it; return False when the job has ended or the change does not apply."""
    with _lock:
        if job.status in ENDED or job.status == status or (only_from is not None and job.status not in only_from):
            return False
        job.status, job.status_reason = status, status_reason or job.status_reason
    _publish(job)
    return True


def _run(job: Job) -> None:
    if not _change(job, STARTING, only_from={RUNNABLE}):
        return  # it was cancelled while it waited
    job.started, job.last = _now_ms(), {}
    _change(job, RUNNING)
    try:
        failure, exit_code, log = run_attempt(_attempt(job), job.stop, lambda: job.status_reason)
    except ClientError as error:  # before the program started: only its secrets are fetched with calls of AWS
        reason = f"ResourceInitializationError: unable to pull secrets or registry auth: {error}"
        failure, exit_code, log = Failure(NOT_STARTED, reason), None, ""
    except Exception as error:  # noqa: BLE001 -- whatever breaks here, the job must not stay RUNNING forever
        failure, exit_code, log = Failure(f"Host EC2 (the laptop) failed: {error!r}", final=True), None, ""
    _record(job, failure, exit_code, log)
    if failure is None:
        _end(job, SUCCEEDED, EXITED)
    elif is_retried(job.retry_strategy, failure, len(job.attempts)):
        _change(job, RUNNABLE, failure.status_reason)
        job_pool().submit(_run, job)
    else:
        _end(job, FAILED, failure.status_reason)


def _attempt(job: Job) -> Attempt:
    container, number = job.container, len(job.attempts) + 1
    own = {
        "AWS_BATCH_JOB_ID": job.job_id,
        "AWS_BATCH_JOB_ATTEMPT": str(number),
        "AWS_BATCH_JQ_NAME": job.queue["jobQueueName"],
    }
    limit = job.timeout.get("attemptDurationSeconds")
    return Attempt(
        name=f"{job.job_id}-{number}",
        image=container["image"],
        command=container["command"],
        environment={
            **{item["name"]: item["value"] for item in container["environment"]},
            **_secrets(container, f"batch-{job.job_id[:8]}"),
            **own,
        },
        mounts=[mount["containerPath"] for mount in container.get("mountPoints", [])],
        credentials=role_credentials(container["jobRoleArn"], f"batch-{job.job_id[:8]}"),
        limit_seconds=None if limit is None else limit * _second(),
    )


def _secrets(container: dict[str, Any], session: str) -> dict[str, str]:
    """Fetch what ECS puts into the environment, with the role that it does so with."""
    wanted = container.get("secrets", [])
    if not wanted:
        return {}
    manager = client("secretsmanager", role_credentials(container["executionRoleArn"], session))
    return {item["name"]: manager.get_secret_value(SecretId=item["valueFrom"])["SecretString"] for item in wanted}


def _second() -> float:
    """Return how long a second of a job's time limit takes; tests cannot wait for the least that Batch allows."""
    return float(os.environ.get("MULTIMODAL_BATCH_SECOND", "1"))


def _record(job: Job, failure: Failure | None, exit_code: int | None, log: str) -> None:
    options = job.container.get("logConfiguration", {}).get("options", {})
    prefix = options.get("awslogs-stream-prefix", job.definition["jobDefinitionName"])
    stream = f"{prefix}/default/{uuid.uuid4().hex}"
    with suppress(ClientError, BotoCoreError):  # a log that cannot be written does not fail the job
        write_log(options.get("awslogs-group", "/aws/batch/job"), stream, log)
    known = {"exitCode": exit_code, "reason": failure.reason if failure else "", "logStreamName": stream}
    job.last = {key: value for key, value in known.items() if value not in (None, "")}
    attempt = {
        "container": {**job.last, "networkInterfaces": []},
        "startedAt": job.started,
        "stoppedAt": _now_ms(),
        "statusReason": failure.status_reason if failure else EXITED,
    }
    with _lock:
        job.attempts.append(attempt)


def _end(job: Job, status: str, status_reason: str, only_from: Container[str] | None = None) -> None:
    if only_from is None or job.status in only_from:
        job.stopped = _now_ms()
    if _change(job, status, status_reason, only_from):
        with _lock:
            followers = [other for other in _jobs.values() if other.status == PENDING]
        for other in followers:
            if any(item["jobId"] == job.job_id for item in other.request.get("dependsOn", [])):
                _queue(other)
