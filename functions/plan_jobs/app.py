"""A run's units → jobs. Called by the imaging state machine."""

from functools import lru_cache
from typing import Annotated, Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import Field

from multimodal.aws.jobs import SageMakerJobs
from multimodal.aws.ports import connect, metrics
from multimodal.imaging.completeness import ImagingRules
from multimodal.imaging.config import imaging_datasets
from multimodal.imaging.jobs import JobSettings
from multimodal.imaging.runs import RunPlanner, SubjectClaims
from multimodal.ledger.claim import UnitClaims
from multimodal.ledger.evaluate import UnitEvaluator
from multimodal.ledger.listing import CompletionTimeouts
from multimodal.settings import RunSettings, Seconds


class PlanJobsSettings(RunSettings):
    """Settings of `plan_jobs`."""

    MAX_CONCURRENCY: Annotated[int, Field(ge=1)]
    MIN_VOLUME_GB: Annotated[int, Field(ge=5)]
    TIME_LIMIT_SECONDS: Seconds
    FAST_LANE_MEGABYTES: Annotated[int, Field(ge=0)]


@lru_cache(maxsize=1)
def planner() -> RunPlanner:
    """Return the service, wired once per execution environment."""
    s = PlanJobsSettings.from_environment()
    ports = connect(s.LEDGER_TABLE, s.RAW_BUCKET, s.PROCESSED_BUCKET)
    timeouts = CompletionTimeouts(s.QUIET_PERIOD_SECONDS, s.FORCE_AFTER_SECONDS)
    rules = ImagingRules(ports.raw, s.RADIOMICS_IMAGE_URI, imaging_datasets(s.DATASET_NAMES))
    subjects = SubjectClaims(ports, UnitEvaluator(ports, timeouts, lambda _: rules), UnitClaims(ports))
    settings = JobSettings(
        s.RAW_BUCKET,
        s.PROCESSED_BUCKET,
        s.RADIOMICS_IMAGE_URI,
        s.MIN_VOLUME_GB,
        s.TIME_LIMIT_SECONDS,
        s.FAST_LANE_MEGABYTES,
    )
    return RunPlanner(ports, SageMakerJobs(), subjects, settings, s.MAX_CONCURRENCY)


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Plan the jobs of the run that the execution's input names."""
    try:
        return planner().plan(event["execution_name"], event["input"])
    finally:
        metrics().flush()
