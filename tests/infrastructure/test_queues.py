"""Queues and rules: nothing that is lost is lost silently."""

from typing import Any

import pytest

from tests.infrastructure.support import (
    allowed_actions,
    expanded,
    listed,
    properties,
    resolve,
    resources,
    statements,
    template,
)

QUEUES = resources("AWS::SQS::Queue")
RULES = resources("AWS::Events::Rule")
DEAD_LETTER_QUEUES = {name for name in QUEUES if name.endswith("DeadLetterQueue")}


def sources() -> dict[str, dict[str, Any]]:
    """Return the event source mappings of the expanded template: queue → properties."""
    mappings = [r for r in expanded()["Resources"].values() if r["Type"] == "AWS::Lambda::EventSourceMapping"]
    return {resolve(m["Properties"]["EventSourceArn"]).removesuffix(".Arn"): m["Properties"] for m in mappings}


def enough_visibility(visibility: int, timeout: int, window: int) -> bool:
    """Whether a message stays hidden as long as AWS recommends: six times the function's time-out plus the window."""
    return visibility >= 6 * timeout + window


@pytest.mark.parametrize("name", sorted(QUEUES))
def test_queues_are_encrypted_with_the_key(name: str) -> None:
    if name == "EventsDeadLetterQueue":
        assert properties(name)["SqsManagedSseEnabled"] is True, "the last resort may not need the key that failed"
        assert "KmsMasterKeyId" not in properties(name)
    else:
        assert resolve(properties(name)["KmsMasterKeyId"]) == "DataKey.Arn", (
            "EventBridge cannot write to queues with AWS-managed keys"
        )
    assert properties(name)["MessageRetentionPeriod"] == 14 * 86400, "two weeks to look at it"


@pytest.mark.parametrize("name", sorted(set(QUEUES) - DEAD_LETTER_QUEUES))
def test_queues_have_a_dead_letter_queue_of_their_own(name: str) -> None:
    redrive = resolve(properties(name)["RedrivePolicy"])
    assert redrive["deadLetterTargetArn"] == f"{name.removesuffix('Queue')}DeadLetterQueue.Arn"
    assert redrive["maxReceiveCount"] == 5, "fewer, a passing fault is a dead letter; more, nobody is told"


@pytest.mark.parametrize("name", sorted(QUEUES))
def test_queues_take_tls_only(name: str) -> None:
    policy = statements(f"{name}Policy")
    assert resolve(properties(f"{name}Policy")["Queues"]) == [name]
    denied = [s for s in policy if s["Effect"] == "Deny"]
    assert denied == [
        {
            "Sid": "OnlyTls",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "sqs:*",
            "Resource": f"{name}.Arn",
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
    ]


@pytest.mark.parametrize(
    ("queue", "rules"),
    [
        ("ArrivalsQueue", {"ArrivalsRule.Arn"}),
        ("FeatureIngestQueue", {"FeaturesRule.Arn"}),
        ("EventsDeadLetterQueue", {f"{rule}.Arn" for rule in RULES}),
        ("ArrivalsDeadLetterQueue", set()),
        ("FeatureIngestDeadLetterQueue", set()),
    ],
)
def test_queues_admit_just_their_rules(queue: str, rules: set[str]) -> None:
    allowed = [s for s in statements(f"{queue}Policy") if s["Effect"] == "Allow"]
    admitted: set[str] = set()
    for statement in allowed:
        assert statement["Principal"] == {"Service": "events.amazonaws.com"}
        assert statement["Action"] == "sqs:SendMessage"
        assert statement["Resource"] == f"{queue}.Arn"
        admitted |= set(listed(statement["Condition"]["ArnEquals"]["aws:SourceArn"]))
    assert admitted == rules


@pytest.mark.parametrize("name", sorted(RULES))
def test_what_a_rule_cannot_deliver_is_kept(name: str) -> None:
    for target in resolve(properties(name)["Targets"]):
        assert target["DeadLetterConfig"] == {"Arn": "EventsDeadLetterQueue.Arn"}
        assert target["RetryPolicy"]["MaximumRetryAttempts"] > 0
        # With a role EventBridge does not use a queue's policy, and encrypted queues refuse it. A state machine has
        # no policy of its own.
        assert ("RoleArn" in target) == (":stateMachine:" in str(target["Arn"]))


def test_rules_listen_where_data_arrives() -> None:
    arrivals = resolve(properties("ArrivalsRule")["EventPattern"])
    features = resolve(properties("FeaturesRule")["EventPattern"])
    for pattern in (arrivals, features):
        assert (pattern["source"], pattern["detail-type"]) == (["aws.s3"], ["Object Created"])
    assert arrivals["detail"] == {
        "bucket": {"name": ["RawBucket"]},
        "object": {"key": [{"prefix": "imaging/"}, {"prefix": "genomics/"}, {"prefix": "clinical/"}]},
    }
    # Results never go where uploads are listened for, or a run would start the next.
    assert features["detail"]["bucket"] == {"name": ["ProcessedBucket"]}
    assert features["detail"]["object"] == {
        "key": [{"wildcard": "imaging/*/features.json"}, {"wildcard": "genomics/*/run.json"}]
    }


def test_the_sweep_comes_every_minute() -> None:
    assert properties("SweepRule")["ScheduleExpression"] == "rate(1 minute)"
    permission = resolve(properties("SweepRulePermission"))
    assert (permission["FunctionName"], permission["Principal"]) == ("SweepFunction.Arn", "events.amazonaws.com")
    assert permission["SourceArn"] == "SweepRule.Arn"


@pytest.mark.parametrize("name", sorted(resources("AWS::Lambda::Permission")))
def test_rules_invoke_functions_by_their_arn_alone(name: str) -> None:
    # With a source account EventBridge's invocations were blocked without a word; the rule's ARN holds the account.
    permission = resolve(properties(name))
    assert permission["Principal"] == "events.amazonaws.com"
    assert permission["SourceArn"].removesuffix(".Arn") in RULES
    assert "SourceAccount" not in permission


def senders() -> dict[str, set[str]]:
    """Return who may send to a queue: role → queues."""
    found = {role: allowed_actions(role).get("sqs:SendMessage", set()) for role in resources("AWS::IAM::Role")}
    return {role: {queue.removesuffix(".Arn") for queue in queues} for role, queues in found.items() if queues}


def test_every_function_with_a_failure_destination_is_a_sender() -> None:
    failing = {n for n, f in resources("AWS::Serverless::Function").items() if "EventInvokeConfig" in f["Properties"]}
    assert {f"{name.removesuffix('Function')}Role" for name in failing} == set(senders())


@pytest.mark.parametrize("role", sorted(senders()))
def test_who_sends_to_an_encrypted_queue_may_make_its_data_key(role: str) -> None:
    # SQS encrypts with the sender's permissions: without GenerateDataKey a dead letter is dropped silently.
    keys = {resolve(p["KmsMasterKeyId"]) for p in map(properties, senders()[role]) if "KmsMasterKeyId" in p}
    for action in ("kms:GenerateDataKey", "kms:Decrypt"):
        assert keys <= allowed_actions(role).get(action, set()), f"{role} needs {action} to send"


@pytest.mark.parametrize("service", ["events.amazonaws.com", "cloudwatch.amazonaws.com"])
def test_services_that_send_to_encrypted_targets_may_use_the_key_without_a_condition(service: str) -> None:
    (statement,) = [s for s in statements("DataKey") if s["Principal"].get("Service") == service]
    assert statement["Action"] == ["kms:Decrypt", "kms:GenerateDataKey"]
    assert "Condition" not in statement, "neither is known to fill one in, and what it sends would be lost silently"


@pytest.mark.parametrize("queue", sorted(set(QUEUES) - DEAD_LETTER_QUEUES))
def test_messages_stay_hidden_long_enough(queue: str) -> None:
    source = sources()[queue]
    function = properties(resolve(source["FunctionName"]))
    window = source.get("MaximumBatchingWindowInSeconds", 0)
    visibility = properties(queue)["VisibilityTimeout"]
    assert enough_visibility(visibility, function["Timeout"], window), (
        f"raise VisibilityTimeout of {queue} to at least {6 * function['Timeout'] + window}"
    )


def test_the_visibility_check_can_fail() -> None:
    assert not enough_visibility(729, 120, 10)


@pytest.mark.parametrize("queue", sorted(set(QUEUES) - DEAD_LETTER_QUEUES))
def test_a_bad_message_does_not_hold_up_the_batch(queue: str) -> None:
    source = sources()[queue]
    assert source["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert source["ScalingConfig"]["MaximumConcurrency"] == 5


def test_arrivals_come_in_large_batches() -> None:
    source = sources()["ArrivalsQueue"]
    assert (source["BatchSize"], source["MaximumBatchingWindowInSeconds"]) == (500, 10), (
        "batches of ten would mean 28,500 invocations for the 285,000 images of the public cohort"
    )


def test_dead_letters_go_back_to_the_queue_that_they_were_in() -> None:
    outputs = template()["Outputs"]
    dead, back = (
        [str(resolve(part)) for part in outputs[name]["Value"]["Fn::Join"][1]]
        for name in ("DeadLetterQueueUrls", "RedriveQueueUrls")
    )
    assert [name.replace("DeadLetterQueue", "Queue") for name in dead[:-1]] == back
    assert dead[-1] == "EventsDeadLetterQueue", "its messages name their targets themselves"
