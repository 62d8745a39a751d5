"""Final results → Feature Store. Trigger: FeatureIngestQueue (``Object Created`` events of ProcessedBucket)."""

from typing import Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from multimodal import bootstrap
from multimodal.ledger.errors import MultimodalError
from multimodal.observability import logger
from multimodal.pipeline.messages import object_created


def ingest(record: SQSRecord) -> None:
    """Ingest the document that one message tells of; an error brings back just this message."""
    try:
        bootstrap.ingest_features().ingest(object_created(record.raw_event).key)
    except MultimodalError as error:
        logger().warning("not ingested", reason=str(error), error=type(error).__name__)
        raise


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Ingest each document of the batch; return the messages that must come again."""
    processor = BatchProcessor(EventType.SQS, raise_on_entire_batch_failure=False)
    try:
        return dict(process_partial_response(event, ingest, processor, context))
    finally:
        bootstrap.metrics().flush()
