"""Messages of queues, parsed for the handlers that consume them."""

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from multimodal.ledger.errors import BadInputError
from multimodal.observability import logger
from multimodal.pipeline.arrivals import Upload


def object_created(record: Mapping[str, Any]) -> Upload:
    """Return the upload that an SQS record of an EventBridge `Object Created` event reports.

    EventBridge carries the raw key; only direct S3 notifications URL-encode it. Source: Amazon S3 User Guide,
    "EventBridge events".

    Raises
    ------
    BadInputError
        When the record is something else; it belongs in the dead-letter queue.
    """
    try:
        event = json.loads(record["body"])
        moment = datetime.fromisoformat(event["time"])
        key = event["detail"]["object"]["key"].encode().decode()  # neither a number nor half a character is a key
        return Upload(record["messageId"], key, int(moment.timestamp()))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        message = "a message is not an S3 'Object Created' event of EventBridge"
        raise BadInputError("MESSAGE_INVALID", message) from error


def parsed_uploads(event: Mapping[str, Any]) -> tuple[list[Upload], set[str]]:
    """Return the uploads of a batch and the ids of messages that are something else."""
    uploads, failed = [], set()
    for record in event["Records"]:
        try:
            uploads.append(object_created(record))
        except BadInputError as error:
            logger().error("message rejected", reason=error.message)
            failed.add(str(record["messageId"]))
    return uploads, failed


def partial_failure(message_ids: Iterable[str]) -> dict[str, list[dict[str, str]]]:
    """Return the answer by which SQS delivers just these messages again."""
    return {"batchItemFailures": [{"itemIdentifier": m} for m in sorted(message_ids)]}


def time_is_left(context: LambdaContext, reserve_ms: int = 90_000) -> Callable[[], bool]:
    """Return a question: is there time for more, keeping `reserve_ms` for what must follow?"""
    return lambda: context.get_remaining_time_in_millis() > reserve_ms
