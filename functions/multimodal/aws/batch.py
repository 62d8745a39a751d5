"""Jobs on an AWS Batch queue."""

from collections.abc import Sequence

import boto3

from multimodal.aws.errors import translated

_ENDED = frozenset({"SUCCEEDED", "FAILED"})


class QueueJobs:
    """`BatchJobs` on one queue with one job definition.

    Parameters
    ----------
    queue_arn, definition_arn : str
        Where jobs go and what they are.
    """

    def __init__(self, queue_arn: str, definition_arn: str) -> None:
        self._queue, self._definition = queue_arn, definition_arn
        self._batch = boto3.client("batch")

    def submit(self, name: str, command: Sequence[str]) -> None:
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
                jobDefinition=self._definition,
                containerOverrides={"command": list(command)},
            )

    def is_running(self, name: str) -> bool:
        """Return whether the job waits or runs; False also when it was never submitted."""
        return any(status not in _ENDED for status in self._statuses(name))

    def _statuses(self, name: str) -> list[str]:
        """Return the status of every job of this name; a filter makes Batch list jobs of all statuses."""
        found: list[str] = []
        with translated("list jobs"):
            pages = self._batch.get_paginator("list_jobs").paginate(
                jobQueue=self._queue, filters=[{"name": "JOB_NAME", "values": [name]}]
            )
            for page in pages:
                found += [j["status"] for j in page["jobSummaryList"] if j["jobName"] == name]
        return found
