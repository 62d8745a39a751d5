"""A table into Feature Store, step by step. Called by the state machine for tables."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from multimodal import bootstrap
from multimodal.ledger.errors import InvalidRequestError
from multimodal.pipeline.messages import time_is_left
from multimodal.tables.limits import READ_RESERVE_MS, WRITE_RESERVE_MS


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Take one step of a run: ``check``, ``ingest`` a part, ``finish``, or ``fail`` with the error that ended it."""
    try:
        match event:
            case {"step": "check", "run_id": str(run)}:
                return bootstrap.check_table()(run, time_is_left(context, READ_RESERVE_MS))
            case {"step": "ingest", "run_id": str(run), "part": int(part)}:
                return bootstrap.ingest_part()(run, part, time_is_left(context, WRITE_RESERVE_MS))
            case {"step": "finish", "run_id": str(run)}:
                return bootstrap.finish_table()(run)
            case {"step": "fail", "run_id": str(run), "error": dict(error)}:
                return bootstrap.fail_table()(run, error)
        raise InvalidRequestError('step must be "check", "ingest" (with part), "finish" or "fail" (with error)')
    finally:
        bootstrap.metrics().flush()
