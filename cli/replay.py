"""Dead letters, sent again to where they were meant to go: every handler may see a message twice without harm."""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

from cli.deployment import Deployment

_PER_CALL = 10


def replay_dead_letters(deployment: Deployment) -> Counter[str]:
    """Send every dead letter of the stack again and delete it; return how many went where.

    A message of a queue goes back to that queue. What EventBridge could not deliver names its target in the attribute
    `TARGET_ARN`; what a function could not do names the function in `requestContext`. A message that names neither
    stays, and one of a target that only tells people (counted as `kept`).
    """
    sqs, sent = deployment.sqs, Counter[str]()
    *redriven, last_resort = deployment.output("DeadLetterQueueUrls").split(",")
    for dead, source in zip(redriven, deployment.output("RedriveQueueUrls").split(","), strict=True):
        for message in _messages(sqs, dead):
            sqs.send_message(QueueUrl=source, MessageBody=message["Body"])
            sqs.delete_message(QueueUrl=dead, ReceiptHandle=message["ReceiptHandle"])
            sent[source.rpartition("/")[2]] += 1
    for message in _messages(sqs, last_resort):
        target = _resend(deployment, sqs, message)
        if target:
            sqs.delete_message(QueueUrl=last_resort, ReceiptHandle=message["ReceiptHandle"])
        sent[target or "kept"] += 1
    return sent


def _messages(sqs: Any, url: str) -> Iterator[dict[str, Any]]:  # noqa: ANN401 – a boto3 client
    """Yield each message once: what is received is hidden for as long as the command may run."""
    while True:
        answer = sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=_PER_CALL, VisibilityTimeout=900, MessageAttributeNames=["All"]
        )
        found: list[dict[str, Any]] = answer.get("Messages", [])
        if not found:
            return
        yield from found


def _resend(deployment: Deployment, sqs: Any, message: dict[str, Any]) -> str:  # noqa: ANN401
    """Send a message of the last resort to where it was meant to go; return the target's name, or nothing."""
    body = message["Body"]
    target = str(message.get("MessageAttributes", {}).get("TARGET_ARN", {}).get("StringValue", ""))
    if not target:
        target, body = _failed_invocation(body)
    service, name = [*target.split(":"), "", "", ""][2], target.split(":function:")[-1].split(":")[0]
    if service == "sqs":
        name = target.split(":")[-1]
        sqs.send_message(QueueUrl=sqs.get_queue_url(QueueName=name)["QueueUrl"], MessageBody=body)
    elif service == "lambda":
        deployment.lambda_.invoke(FunctionName=name, InvocationType="Event", Payload=body.encode())
    elif service == "states":
        name = target.split(":")[-1]
        deployment.states.start_execution(stateMachineArn=target, input=_request(name, body))
    else:
        return ""
    return name


def _request(machine: str, body: str) -> str:
    """Return what a rule makes of an upload's event for its state machine (stacks/dataset.yaml, stacks/fetch.yaml)."""
    try:
        request = {"key": json.loads(body)["detail"]["object"]["key"]}
    except (ValueError, KeyError, TypeError):
        return body  # the rule's own words already
    return json.dumps({"asked": request} if machine.endswith("-dataset-build") else request)


def _failed_invocation(body: str) -> tuple[str, str]:
    """Return function and event of a record that Lambda sent to a failure destination, or nothing."""
    try:
        record = json.loads(body)
        return str(record["requestContext"]["functionArn"]), json.dumps(record["requestPayload"])
    except (ValueError, KeyError, TypeError):
        return "", body
