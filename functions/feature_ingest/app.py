"""Final results → Feature Store. Trigger: FeatureIngestQueue (`Object Created` events of ProcessedBucket)."""

from functools import lru_cache
from typing import Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from multimodal.aws.feature_store import SageMakerRecords
from multimodal.aws.ports import connect, metrics
from multimodal.features.group import RecordMaker
from multimodal.features.ingest import FeatureIngest
from multimodal.genomics.records import RnaRecords
from multimodal.imaging.records import ImagingRecords
from multimodal.ledger.errors import MultimodalError
from multimodal.ledger.unit import Modality
from multimodal.observability import logger
from multimodal.pipeline.messages import object_created
from multimodal.settings import Name, Settings


class FeatureIngestSettings(Settings):
    """Settings of `feature_ingest`."""

    LEDGER_TABLE: Name
    PROCESSED_BUCKET: Name


@lru_cache(maxsize=1)
def feature_ingest() -> FeatureIngest:
    """Return the service, wired once per execution environment."""
    settings = FeatureIngestSettings.from_environment()
    ports = connect(settings.LEDGER_TABLE, processed_bucket=settings.PROCESSED_BUCKET)
    makers: dict[str, RecordMaker] = {
        Modality.IMAGING.value: ImagingRecords(ports, settings.STACK_NAME),
        Modality.GENOMICS.value: RnaRecords(ports, settings.STACK_NAME),
    }
    return FeatureIngest(ports, SageMakerRecords(), makers)


def ingest(record: SQSRecord) -> None:
    """Ingest the document that one message names; an error has just this message delivered again."""
    try:
        feature_ingest().ingest(object_created(record.raw_event).key)
    except MultimodalError as error:
        logger().warning("not ingested", reason=str(error), error=type(error).__name__)
        raise


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Ingest each document of the batch; return the messages that must be delivered again."""
    processor = BatchProcessor(EventType.SQS, raise_on_entire_batch_failure=False)
    try:
        return dict(process_partial_response(event, ingest, processor, context))
    finally:
        metrics().flush()
