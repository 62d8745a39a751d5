"""Processing jobs in flight."""

import boto3

from multimodal.aws.errors import translated

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
            pages = self._sagemaker.get_paginator("list_processing_jobs").paginate(
                NameContains=JOB_NAME_PREFIX, StatusEquals="InProgress"
            )
            for page in pages:
                names = (job["ProcessingJobName"] for job in page["ProcessingJobSummaries"])
                count += sum(name.startswith(JOB_NAME_PREFIX) for name in names)
        return count
