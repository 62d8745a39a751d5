"""A deployment that fails says why."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from cli.deployment import Deployment
from cli.errors import CommandError
from local.cloud import up

NOW = datetime.now(UTC)


def event(name: str, status: str, reason: str = "", seconds: float = 1) -> dict[str, Any]:
    return {
        "StackId": "1",
        "EventId": name + status,
        "StackName": "s",
        "LogicalResourceId": name,
        "ResourceStatus": status,
        "Timestamp": NOW + timedelta(seconds=seconds),
        **({"ResourceStatusReason": reason} if reason else {}),
    }


def stub(deployment: Deployment, events: list[dict[str, Any]] | None) -> None:
    stubber = Stubber(deployment.cloudformation)
    if events is None:
        stubber.add_client_error("describe_stack_events", "ValidationError")
    else:
        stubber.add_response("describe_stack_events", {"StackEvents": events})
    stubber.activate()


@pytest.fixture
def deployment() -> Deployment:
    session = boto3.Session(aws_access_key_id="a", aws_secret_access_key="b", region_name="us-east-1")
    return Deployment("s", session, "http://127.0.0.1:1")


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        (
            [
                event("Other", "CREATE_FAILED", "Resource creation cancelled"),
                event("FeatureGroups", "CREATE_FAILED", "the name is too long"),
                event("FeatureGroups", "CREATE_FAILED", "of an earlier deployment", seconds=-60),
                event("Queue", "CREATE_COMPLETE"),
            ],
            "FeatureGroups: the name is too long",
        ),
        ([event("Queue", "CREATE_COMPLETE")], "the end of sam's output"),
        (None, "the end of sam's output"),
    ],
)
def test_the_reason_is_cloudformations_or_else_sams(
    events: list[dict[str, Any]] | None, expected: str, deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    def deploy(*_: Any, **__: Any) -> None:
        raise CommandError("`sam deploy` failed.", details="the end of sam's output")

    stub(deployment, events)
    monkeypatch.setattr(up, "deploy", deploy)
    monkeypatch.setattr(up, "datetime", FrozenClock)
    with pytest.raises(CommandError) as failure:
        up._deploy(deployment, {}, None)
    assert failure.value.details == expected


class FrozenClock:
    """A clock that stands still."""

    @staticmethod
    def now(_zone: object) -> datetime:
        return NOW
