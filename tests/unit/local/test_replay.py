"""Dead letters go back to where they were meant to go."""

import json
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.stub import ANY, Stubber

from cli.deployment import Deployment
from cli.replay import replay_dead_letters

BASE = "https://sqs.us-east-1.amazonaws.com/111122223333"
ARN = "arn:aws:{}:us-east-1:111122223333:{}"
URLS = [f"{BASE}/{name}" for name in ("arrivals-dead", "arrivals", "results-dead", "results", "events-dead")]


def letter(body: str, target: str = "") -> dict[str, Any]:
    attributes = {"TARGET_ARN": {"StringValue": target, "DataType": "String"}} if target else {}
    return {"MessageId": "m", "ReceiptHandle": "r", "Body": body, "MessageAttributes": attributes}


@pytest.fixture
def deployment() -> Deployment:
    made = Deployment("stack", boto3.Session("key", "secret", region_name="us-east-1"))
    vars(made)["outputs"] = {"DeadLetterQueueUrls": ",".join(URLS[::2]), "RedriveQueueUrls": ",".join(URLS[1::2])}
    return made


def holds(stub: Stubber, url: str, *letters: dict[str, Any]) -> None:
    asked = {"QueueUrl": url, "MaxNumberOfMessages": 10, "VisibilityTimeout": 900, "MessageAttributeNames": ["All"]}
    stub.add_response("receive_message", {"Messages": list(letters)} if letters else {}, asked)


def sends(stub: Stubber, url: str, body: str, dead: str) -> None:
    stub.add_response(
        "send_message", {"MessageId": "n", "MD5OfMessageBody": ""}, {"QueueUrl": url, "MessageBody": body}
    )
    stub.add_response("delete_message", {}, {"QueueUrl": dead, "ReceiptHandle": "r"})


@pytest.mark.parametrize(
    ("machine", "request_"),
    [("stack-dataset-build", {"asked": {"key": "k"}}), ("stack-fetch", {"key": "k"})],
)
@pytest.mark.parametrize("transformed", [False, True])
def test_a_request_starts_the_state_machine_that_it_was_for(
    deployment: Deployment, machine: str, request_: dict[str, Any], *, transformed: bool
) -> None:
    target = ARN.format("states", f"stateMachine:{machine}")
    body = json.dumps(request_ if transformed else {"detail": {"object": {"key": "k"}}})
    started = {"executionArn": f"{target}:x", "startDate": datetime(2026, 1, 1, tzinfo=UTC)}
    with Stubber(deployment.sqs) as sqs, Stubber(deployment.states) as states:
        holds(sqs, URLS[0])
        holds(sqs, URLS[2])
        holds(sqs, URLS[4], letter(body, target))
        states.add_response("start_execution", started, {"stateMachineArn": target, "input": json.dumps(request_)})
        sqs.add_response("delete_message", {}, {"QueueUrl": URLS[4], "ReceiptHandle": "r"})
        holds(sqs, URLS[4])
        assert replay_dead_letters(deployment) == {machine: 1}


def test_each_letter_goes_where_it_was_meant_to_go(deployment: Deployment) -> None:
    record = {
        "requestContext": {"functionArn": ARN.format("lambda", "function:stack-sweep:$LATEST")},
        "requestPayload": {"action": "x"},
    }
    with Stubber(deployment.sqs) as sqs, Stubber(deployment.lambda_) as functions:
        holds(sqs, URLS[0], letter("upload"))
        sends(sqs, URLS[1], "upload", URLS[0])
        holds(sqs, URLS[0])
        holds(sqs, URLS[2])
        holds(
            sqs,
            URLS[4],
            letter("event", ARN.format("sqs", "results")),
            letter("end of a job", ARN.format("lambda", "function:stack-record-outcome")),
            letter(json.dumps(record)),
            letter("alarm", ARN.format("sns", "topic")),
        )
        sqs.add_response("get_queue_url", {"QueueUrl": URLS[3]}, {"QueueName": "results"})
        sends(sqs, URLS[3], "event", URLS[4])
        for name, body in (("stack-record-outcome", "end of a job"), ("stack-sweep", json.dumps({"action": "x"}))):
            called = {"FunctionName": name, "InvocationType": "Event", "Payload": body.encode()}
            functions.add_response("invoke", {"StatusCode": 202}, called)
            sqs.add_response("delete_message", {}, {"QueueUrl": URLS[4], "ReceiptHandle": ANY})
        holds(sqs, URLS[4])
        sent = replay_dead_letters(deployment)
        sqs.assert_no_pending_responses()
    assert sent == {"arrivals": 1, "results": 1, "stack-record-outcome": 1, "stack-sweep": 1, "kept": 1}
