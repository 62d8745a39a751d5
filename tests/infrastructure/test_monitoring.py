"""Dashboard and alarms: complete, and fed by metrics that exist."""

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from multimodal.ledger.unit import Modality, Unit
from multimodal.observability import GENOMICS_METRICS, IMAGING_METRICS, TABLE_METRICS, Metric
from multimodal.planning.estimate import Settings, make_plan
from multimodal.planning.figures import read_figures
from multimodal.planning.workload import Workload
from tests.evidence.test_alarms import NOT_HERE, RANG
from tests.infrastructure.support import REGION, STACK, listed, properties, resolve, resources, statements

OWN = f"MultimodalHealth/{STACK}"
AWS_METRICS: dict[str, tuple[frozenset[str], frozenset[str]]] = {
    "AWS/SQS": (
        frozenset({"ApproximateAgeOfOldestMessage", "ApproximateNumberOfMessagesVisible"}),
        frozenset({"QueueName"}),
    ),
    "AWS/Lambda": (
        frozenset(
            {"Errors", "Duration", "Invocations", "Throttles", "DestinationDeliveryFailures", "ConcurrentExecutions"}
        ),
        frozenset({"FunctionName"}),
    ),
    "AWS/Events": (frozenset({"FailedInvocations", "InvocationsFailedToBeSentToDlq"}), frozenset({"RuleName"})),
    "AWS/States": (
        frozenset(
            {
                "ExecutionsStarted",
                "ExecutionsSucceeded",
                "ExecutionsFailed",
                "ExecutionsAborted",
                "ExecutionsTimedOut",
                "ExecutionThrottled",
                "ExecutionTime",
            }
        ),
        frozenset({"StateMachineArn"}),
    ),
}
"""Metrics that AWS documents, with the dimensions under which it publishes them."""
FUNNEL = ["UnitsReceived", "UnitsReady", "UnitsStarted", "UnitsProcessed", "UnitsCompleted"]


class Shown(NamedTuple):
    """A metric that a widget or an alarm names."""

    namespace: str
    name: str
    dimensions: dict[str, str]


def widgets() -> list[dict[str, Any]]:
    """Return the dashboard's widgets."""
    found: list[dict[str, Any]] = json.loads(resolve(properties("Dashboard")["DashboardBody"]))["widgets"]
    return found


def shown_by(widget: dict[str, Any]) -> list[Shown]:
    """Return the metrics of a widget."""
    rows = [[c for c in row if isinstance(c, str)] for row in widget["properties"].get("metrics", [])]
    return [Shown(r[0], r[1], dict(zip(r[2::2], r[3::2], strict=True))) for r in rows if r]


def watched_by(alarm: str) -> list[Shown]:
    """Return the metrics of an alarm."""
    p = resolve(properties(alarm))
    metrics = [m["MetricStat"]["Metric"] for m in p.get("Metrics", []) if "MetricStat" in m] or [p]
    return [Shown(m["Namespace"], m["MetricName"], {d["Name"]: d["Value"] for d in m["Dimensions"]}) for m in metrics]


def problem(metric: Shown) -> str | None:
    """Say why nothing emits a metric, or None when something does."""
    if metric.namespace == OWN:
        if metric.name not in set(Metric):
            return f"no function emits {metric.name}"
        wanted = [{"modality": str(modality), "stage": Metric(metric.name).stage} for modality in Modality]
        return None if metric.dimensions in wanted else f"{metric.name} is emitted with {wanted}"
    if metric.namespace not in AWS_METRICS:
        return f"{metric.namespace} is not in the table"
    names, dimensions = AWS_METRICS[metric.namespace]
    if metric.name not in names:
        return f"{metric.namespace} has no {metric.name}"
    return None if set(metric.dimensions) == dimensions else f"{metric.name} needs exactly {sorted(dimensions)}"


WATCHED = [metric for alarm in resources("AWS::CloudWatch::Alarm") for metric in watched_by(alarm)]
ALL_SHOWN = [m for w in widgets() for m in shown_by(w)] + WATCHED


@pytest.mark.parametrize("metric", ALL_SHOWN, ids=lambda m: f"{m.namespace}-{m.name}")
def test_something_emits_every_metric_that_is_shown_or_watched(metric: Shown) -> None:
    assert problem(metric) is None


@pytest.mark.parametrize(
    "metric",
    [
        Shown(OWN, "UnitsEaten", {"modality": "imaging", "stage": "run"}),
        Shown(OWN, "UnitsReceived", {"modality": "imaging", "stage": "run"}),
        Shown(OWN, "UnitsReceived", {"stage": "arrival"}),
        Shown("AWS/SQS", "AgeOfOldestMessage", {"QueueName": "q"}),
        Shown("AWS/Lambda", "Errors", {}),
        Shown("AWS/Batch", "Jobs", {}),
    ],
)
def test_the_metric_check_can_fail(metric: Shown) -> None:
    assert problem(metric)


@pytest.mark.parametrize("modality", list(Modality))
def test_every_own_metric_is_shown(modality: Modality) -> None:
    shown = {m.name for m in ALL_SHOWN if m.namespace == OWN and m.dimensions["modality"] == modality}
    others = {
        Modality.IMAGING: TABLE_METRICS + GENOMICS_METRICS,
        Modality.GENOMICS: IMAGING_METRICS,
        Modality.CLINICAL: IMAGING_METRICS + GENOMICS_METRICS,
    }
    emitted = set(Metric) - set(others[modality])
    assert shown == emitted, f"nobody looks at {sorted(emitted - shown)}"


@pytest.mark.parametrize("modality", list(Modality))
def test_the_dashboard_tells_how_far_studies_and_samples_got(modality: Modality) -> None:
    shown = [shown_by(w) for w in widgets()]
    funnels = [w for w in shown if [m.name for m in w] == FUNNEL]
    assert [modality] * len(FUNNEL) in [[m.dimensions["modality"] for m in funnel] for funnel in funnels]


@pytest.mark.parametrize("metric", ["Errors", "Duration"])
def test_every_function_is_on_the_dashboard(metric: str) -> None:
    shown = {m.dimensions["FunctionName"] for w in widgets() for m in shown_by(w) if m.name == metric}
    assert shown == set(resources("AWS::Serverless::Function"))


def test_every_queue_is_on_the_dashboard() -> None:
    shown = {m.dimensions["QueueName"] for m in ALL_SHOWN if m.namespace == "AWS/SQS"}
    assert shown == {f"{q}.QueueName" for q in resources("AWS::SQS::Queue")}


def test_the_newest_rejections_are_read_from_logs_that_functions_write() -> None:
    (widget,) = (w for w in widgets() if w["type"] == "log")
    sources = re.findall(r"SOURCE '/aws/lambda/([^']+)'", widget["properties"]["query"])
    assert sources == ["SweepFunction", "RecordOutcomeFunction"]
    code = "".join(path.read_text(encoding="utf-8") for path in Path("functions/multimodal/ledger").glob("*.py"))
    messages = re.findall(r"message = '([^']+)'", widget["properties"]["query"])
    assert len(messages) == 2
    assert all(f'"{message}"' in code for message in messages)


def test_the_estimated_spend_is_that_of_a_plan() -> None:
    (widget,) = (w for w in widgets() if "spend" in w["properties"]["title"])
    expressions = [row[0]["expression"].split(" * ") for row in widget["properties"]["metrics"] if len(row) == 1]
    work, many = Workload(), 1000
    for number in range(many):
        work.studies[Unit("d", f"s{number}", "t")] = 152_000_000
        work.samples[Unit("d", f"s{number}", "", Modality.GENOMICS)] = 4_000_000_000
        work.tables[Unit("d", f"s{number}.csv", "", Modality.CLINICAL)] = 1_000
    plan = make_plan(work, Settings(), read_figures())
    # Studies of this size take the fast lane, which is the last way of imaging.
    planned = [plan.imaging[-1].dollars, *(share.dollars for share in plan.others)]
    assert [name for name, _ in expressions] == [f"started_{modality}" for modality in Modality]
    assert [float(price) for _, price in expressions] == pytest.approx([n / many for n in planned], rel=0.02)


def test_widgets_fit_the_grid_and_do_not_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    for widget in widgets():
        assert widget["x"] + widget["width"] <= 24
        columns, rows = (
            range(widget["x"], widget["x"] + widget["width"]),
            range(widget["y"], widget["y"] + widget["height"]),
        )
        cells = {(x, y) for x in columns for y in rows}
        assert not cells & taken, f"{widget['properties']['title']} covers another widget"
        taken |= cells
        assert widget["properties"]["region"] == REGION


@pytest.mark.parametrize("queue", sorted(q for q in resources("AWS::SQS::Queue") if q.endswith("DeadLetterQueue")))
def test_dead_letters_raise_an_alarm(queue: str) -> None:
    watched = Shown("AWS/SQS", "ApproximateNumberOfMessagesVisible", {"QueueName": f"{queue}.QueueName"})
    assert watched in WATCHED


@pytest.mark.parametrize("modality", list(Modality))
@pytest.mark.parametrize("name", ["UnitsQuarantined", "UnitsFailed", "OldestIncompleteUnitSeconds"])
def test_what_needs_a_person_raises_an_alarm(name: str, modality: Modality) -> None:
    assert (name, modality) in {(m.name, m.dimensions.get("modality")) for m in WATCHED}


def test_a_failed_run_raises_an_alarm() -> None:
    for machine in ("ImagingStateMachine", "TablesStateMachine", "DatasetStateMachine"):
        assert Shown("AWS/States", "ExecutionsFailed", {"StateMachineArn": machine}) in WATCHED


@pytest.mark.parametrize("name", ["FailedInvocations", "InvocationsFailedToBeSentToDlq"])
def test_events_that_no_target_got_raise_an_alarm(name: str) -> None:
    assert {m.dimensions["RuleName"] for m in WATCHED if m.name == name} == set(resources("AWS::Events::Rule"))


@pytest.mark.parametrize("alarm", sorted(resources("AWS::CloudWatch::Alarm")))
def test_metric_math_stays_within_what_an_alarm_may_reference(alarm: str) -> None:
    assert len(watched_by(alarm)) <= 10, "CloudWatch User Guide, Alarms based on metric math expressions"


def test_functions_that_fail_are_throttled_or_lose_dead_letters_raise_an_alarm() -> None:
    names = {resolve(properties(f)["FunctionName"]) for f in resources("AWS::Serverless::Function")}
    deployment = {f"{STACK}-feature-groups"}  # a custom resource: its failure fails the deployment
    for metric in ("Errors", "Throttles"):
        assert {m.dimensions["FunctionName"] for m in WATCHED if m.name == metric} == names - deployment
    failing = [f for f in resources("AWS::Serverless::Function") if "EventInvokeConfig" in properties(f)]
    lost = {m.dimensions["FunctionName"] for m in WATCHED if m.name == "DestinationDeliveryFailures"}
    assert lost == {resolve(properties(f)["FunctionName"]) for f in failing}


def test_queues_that_nobody_empties_raise_an_alarm() -> None:
    queues = {f"{q}.QueueName" for q in resources("AWS::SQS::Queue") if not q.endswith("DeadLetterQueue")}
    assert {m.dimensions["QueueName"] for m in WATCHED if m.name == "ApproximateAgeOfOldestMessage"} == queues


@pytest.mark.parametrize("alarm", sorted(resources("AWS::CloudWatch::Alarm")))
def test_alarms_reach_the_topic_and_say_what_to_do(alarm: str) -> None:
    p = resolve(properties(alarm))
    assert p["AlarmActions"] == ["AlarmTopic"]
    assert len(p["AlarmDescription"]) > 40
    # The topic admits alarms of this stack by their names.
    assert p["AlarmName"].startswith(f"{STACK}-")
    assert p["TreatMissingData"] == ("breaching" if alarm == "OldestUnitAlarm" else "notBreaching")


@pytest.mark.parametrize("time_limit", ["ProcessingTimeLimitSeconds", "GenomicsTimeLimitSeconds"])
def test_the_oldest_unit_has_time_for_a_second_attempt(time_limit: str) -> None:
    threshold, force, limit = (resolve({"Ref": p}) for p in ("OldestUnitAlarmSeconds", "ForceAfterSeconds", time_limit))
    assert threshold > force + 2 * limit


def test_the_topic_is_encrypted_and_admits_alarms_of_this_stack_only() -> None:
    assert resolve(properties("AlarmTopic")["KmsMasterKeyId"]) == "DataKey.Arn"
    allow, blocked, deny = statements("AlarmTopicPolicy")
    assert allow["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert listed(allow["Action"]) == ["sns:Publish"]
    assert set(allow["Condition"]) == {"StringEquals", "ArnLike"}
    assert blocked["Principal"] == {"Service": "events.amazonaws.com"}
    assert blocked["Condition"] == {"ArnEquals": {"aws:SourceArn": "BlockedQueueRule.Arn"}}
    assert (deny["Effect"], deny["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})


def test_an_address_is_subscribed_only_when_given() -> None:
    assert resources("AWS::SNS::Subscription")["AlarmSubscription"]["Condition"] == "NotifyByEmail"


def test_every_alarm_rings_in_the_end_to_end_tests_or_says_why_it_cannot() -> None:
    names = {
        resolve(properties(alarm)["AlarmName"]).removeprefix(f"{STACK}-")
        for alarm in resources("AWS::CloudWatch::Alarm")
    }
    assert names == RANG.union(*NOT_HERE.values()), "name it in tests/evidence, and let its fault ring it if possible"
