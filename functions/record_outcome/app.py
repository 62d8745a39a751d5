"""Outcome of a job, or of a run. Called by the imaging state machine, and by Batch's events through a rule."""

from functools import lru_cache
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from multimodal.aws.ports import connect, metrics
from multimodal.genomics.jobs import BatchJobRecorder
from multimodal.imaging.runs import JobRecorder, RunSummarizer
from multimodal.ledger.errors import InvalidRequestError
from multimodal.ledger.outcome import OutcomeRecorder
from multimodal.ledger.ports import Ports
from multimodal.settings import Name, Settings


class RecordOutcomeSettings(Settings):
    """Settings of `record_outcome`."""

    LEDGER_TABLE: Name
    PROCESSED_BUCKET: Name


@lru_cache(maxsize=1)
def ports() -> Ports:
    """Return the ports, connected once per execution environment."""
    settings = RecordOutcomeSettings.from_environment()
    return connect(settings.LEDGER_TABLE, processed_bucket=settings.PROCESSED_BUCKET)


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Record the end of a job (`action: job`, or an event of Batch) or summarize a run (`action: run`)."""
    try:
        match event:
            case {"action": "job", "job": dict(job), "outcome": dict(outcome)}:
                return JobRecorder(ports(), OutcomeRecorder(ports())).record_job(job, outcome)
            case {"action": "run", "run_id": str(run)}:
                return RunSummarizer(ports()).summarize(run)
            case {"detail-type": "Batch Job State Change", "detail": dict(detail)}:
                return BatchJobRecorder(ports(), OutcomeRecorder(ports())).record_job(detail)
        raise InvalidRequestError('action must be "job" (with job and outcome) or "run" (with run_id)')
    finally:
        metrics().flush()
