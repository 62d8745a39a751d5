"""``features.json`` → Feature Store. Trigger: FeatureIngestQueue (``Object Created`` events of ProcessedBucket)."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from multimodal import bootstrap
from multimodal.domain.errors import RetryableError
from multimodal.messages import parsed_uploads, partial_failure
from multimodal.observability import logger


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Ingest each document of the batch; return the messages that must come again."""
    uploads, failed = parsed_uploads(event)
    try:
        for upload in uploads:
            try:
                bootstrap.ingest_features()(upload.key)
            except RetryableError as error:
                logger().warning("not ingested, will be delivered again", reason=str(error))
                failed.add(upload.message_id)
        return partial_failure(failed)
    finally:
        bootstrap.meter().flush()
