"""Uploads → ledger. Trigger: ArrivalsQueue (``Object Created`` events of RawBucket)."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from multimodal import bootstrap
from multimodal.pipeline.messages import parsed_uploads, partial_failure


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Register a batch of uploads; return the messages that must come again."""
    uploads, unreadable = parsed_uploads(event)
    try:
        return partial_failure(unreadable | bootstrap.register_arrivals().register(uploads))
    finally:
        bootstrap.metrics().flush()
