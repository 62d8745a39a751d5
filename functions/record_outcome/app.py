"""What became of a job, or of a run. Called by the imaging state machine, and by Batch's events through a rule."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from multimodal import bootstrap
from multimodal.ledger.errors import InvalidRequestError


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Record the end of a job (``action: job``, or an event of Batch) or sum up a run (``action: run``)."""
    try:
        match event:
            case {"action": "job", "job": dict(job), "outcome": dict(outcome)}:
                return bootstrap.record_job().record_job(job, outcome)
            case {"action": "run", "run_id": str(run)}:
                return bootstrap.summarize_run().summarize(run)
            case {"detail-type": "Batch Job State Change", "detail": dict(detail)}:
                return bootstrap.record_batch_job().record_job(detail)
        raise InvalidRequestError('action must be "job" (with job and outcome) or "run" (with run_id)')
    finally:
        bootstrap.metrics().flush()
