"""Jobs, runs and results: SageMaker processing jobs in flight, executions, AWS Batch jobs, the queue of results."""

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import boto3
from botocore.exceptions import ClientError

from multimodal.aws.errors import code_of, translated
from multimodal.aws.pages import pages

JOB_NAME_PREFIX = "img-"


class SageMakerJobs:
    """`JobCounter` over the account's processing jobs.

    Job names carry no stack, so another stack's imaging jobs count too: the account's quota is shared as well.
    """

    def __init__(self) -> None:
        self._sagemaker = boto3.client("sagemaker")

    def in_flight(self) -> int:
        """Return how many imaging jobs are running."""
        count = 0
        with translated("list processing jobs"):
            running = {"NameContains": JOB_NAME_PREFIX, "StatusEquals": "InProgress"}
            for page in pages(self._sagemaker.list_processing_jobs, **running):
                names = (job["ProcessingJobName"] for job in page["ProcessingJobSummaries"])
                count += sum(name.startswith(JOB_NAME_PREFIX) for name in names)
        return count


class StepFunctionsRuns:
    """`Runs` on one state machine."""

    def __init__(self, state_machine_arn: str) -> None:
        self._arn = state_machine_arn
        self._sfn = boto3.client("stepfunctions")

    def start(self, run_id: str) -> None:
        """Start a run by name; a second start of the same name changes nothing."""
        with translated("start a run"):
            try:
                self._sfn.start_execution(stateMachineArn=self._arn, name=run_id, input=json.dumps({"run_id": run_id}))
            except ClientError as error:
                if code_of(error) != "ExecutionAlreadyExists":
                    raise

    def is_running(self, run_id: str) -> bool:
        """Return whether the run is still at work; False also when it never started."""
        execution = self._arn.replace(":stateMachine:", ":execution:") + f":{run_id}"
        with translated("describe a run"):
            try:
                answer = self._sfn.describe_execution(executionArn=execution)
            except ClientError as error:
                if code_of(error) == "ExecutionDoesNotExist":
                    return False
                raise
        return answer["status"] in {"RUNNING", "PENDING_REDRIVE"}


_ENDED = frozenset({"SUCCEEDED", "FAILED"})
_OPEN = ("SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING")


class QueueJobs:
    """`BatchJobs` on one queue with two job definitions.

    Parameters
    ----------
    queue_arn : str
        Where jobs go.
    definition_arn, reference_definition_arn : str
        What quantifies a sample, and what builds a reference: they have different rights (decision `aws-14`).
    """

    def __init__(self, queue_arn: str, definition_arn: str, reference_definition_arn: str) -> None:
        self._queue = queue_arn
        self._definition, self._reference_definition = definition_arn, reference_definition_arn
        self._batch = boto3.client("batch")

    def submit(self, name: str, command: Sequence[str], *, builds_reference: bool) -> None:
        """Submit a job by name; a second submission of the same name changes nothing.

        SubmitJob knows no uniqueness by name, so the queue is asked first. Whoever submits holds the unit's claim, so
        nobody else submits this name meanwhile.
        """
        if self._statuses(name):
            return
        with translated("submit a job"):
            self._batch.submit_job(
                jobName=name,
                jobQueue=self._queue,
                jobDefinition=self._reference_definition if builds_reference else self._definition,
                containerOverrides={"command": list(command)},
            )

    def is_running(self, name: str) -> bool:
        """Return whether the job waits or runs; False also when it was never submitted."""
        return any(status not in _ENDED for status in self._statuses(name))

    def count_open(self) -> dict[str, int]:
        """Return how many jobs of the queue are in each state that is no end; nothing without a queue.

        Source: AWS Batch API reference, ListJobs (one state a request).
        """
        counts = dict[str, int]()
        with translated("list jobs"):
            for status in _OPEN if self._queue else ():
                found = self._listed(jobStatus=status)
                counts[status] = sum(len(page["jobSummaryList"]) for page in found)
        return counts

    def _statuses(self, name: str) -> list[str]:
        """Return the status of every job of this name; a filter makes Batch list jobs of all statuses."""
        found: list[str] = []
        with translated("list jobs"):
            for page in self._listed(filters=[{"name": "JOB_NAME", "values": [name]}]):
                found += [j["status"] for j in page["jobSummaryList"] if j["jobName"] == name]
        return found

    def _listed(self, **settings: Any) -> Iterator[Any]:  # noqa: ANN401 – boto3's
        return pages(self._batch.list_jobs, "nextToken", "nextToken", jobQueue=self._queue, **settings)


class ResultQueue:
    """The queue of feature ingest, to which S3's events of results come.

    Parameters
    ----------
    url : str
        URL of the queue.
    """

    def __init__(self, url: str) -> None:
        self._url, self._sqs = url, boto3.client("sqs")

    def announce(self, key: str) -> None:
        """Send the event of a result again, as EventBridge would have."""
        event = {
            "detail-type": "Object Created",
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
            "detail": {"object": {"key": key}},
        }
        with translated("announce a result"):
            self._sqs.send_message(QueueUrl=self._url, MessageBody=json.dumps(event))
