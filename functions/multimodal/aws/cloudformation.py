"""The answer of a custom resource to CloudFormation."""

import json
import urllib.request
from collections.abc import Mapping
from typing import Any

from multimodal.ledger.errors import RetryableError

MAX_REASON = 1000

MAX_ANSWER_BYTES = 4096
"""An answer that is longer is none (AWS CloudFormation User Guide, "Understand CloudFormation quotas")."""


def respond(event: Mapping[str, Any], log_stream: str, data: Mapping[str, str], failure: str | None = None) -> None:
    """Tell CloudFormation how the request ended.

    Source: AWS CloudFormation User Guide, "Custom resource response objects". Without an answer the stack waits an
    hour; data that are too long for one fail it with a reason instead.
    """
    body = _answer(event, log_stream, data, failure)
    if len(body) > MAX_ANSWER_BYTES:
        names = ", ".join(data)
        failure = f"{names}: longer than CloudFormation takes; deploy fewer datasets in one stack, or shorter names"
        body = _answer(event, log_stream, {}, failure)
    request = urllib.request.Request(  # noqa: S310 – the address is CloudFormation's own
        event["ResponseURL"], data=body, method="PUT", headers={"Content-Type": ""}
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 # nosec B310: as above
            answer.read()
    except OSError as error:
        raise RetryableError(f"CloudFormation did not take the answer: {error}") from error


def _answer(event: Mapping[str, Any], log_stream: str, data: Mapping[str, str], failure: str | None) -> bytes:
    answer = {
        "Status": "FAILED" if failure else "SUCCESS",
        "Reason": (failure or f"see log stream {log_stream}")[:MAX_REASON],
        "PhysicalResourceId": event.get("PhysicalResourceId") or f"{event['StackId']}/{event['LogicalResourceId']}",
        "StackId": event["StackId"],
        "RequestId": event["RequestId"],
        "LogicalResourceId": event["LogicalResourceId"],
        "Data": dict(data),
    }
    return json.dumps(answer, ensure_ascii=False).encode()
