"""The answer of a custom resource to CloudFormation."""

import json
import urllib.request
from collections.abc import Mapping
from typing import Any

from multimodal.ledger.errors import RetryableError

MAX_REASON = 1000


def respond(event: Mapping[str, Any], log_stream: str, data: Mapping[str, str], failure: str | None = None) -> None:
    """Tell CloudFormation how the request ended.

    Source: AWS CloudFormation User Guide, "Custom resource response objects". Without an answer the stack waits an
    hour.
    """
    body = {
        "Status": "FAILED" if failure else "SUCCESS",
        "Reason": (failure or f"see log stream {log_stream}")[:MAX_REASON],
        "PhysicalResourceId": event.get("PhysicalResourceId") or f"{event['StackId']}/{event['LogicalResourceId']}",
        "StackId": event["StackId"],
        "RequestId": event["RequestId"],
        "LogicalResourceId": event["LogicalResourceId"],
        "Data": dict(data),
    }
    request = urllib.request.Request(  # noqa: S310 – the address is CloudFormation's own
        event["ResponseURL"], data=json.dumps(body).encode(), method="PUT", headers={"Content-Type": ""}
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 # nosec B310: as above
            answer.read()
    except OSError as error:
        raise RetryableError(f"CloudFormation did not take the answer: {error}") from error
