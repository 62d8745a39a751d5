"""What holds of every state machine: linted as it is deployed, and the rules that no linter knows."""

import json
import re
from typing import Any

import pytest
from statelint.linter import Linter

from multimodal.ledger import errors
from tests.infrastructure.support import STATEMACHINES, all_states, properties, resolve, resources

MACHINES = {
    "dataset_build": "DatasetStateMachine",
    "fetch": "FetchStateMachine",
    "imaging": "ImagingStateMachine",
    "models": "ModelsStateMachine",
    "tables": "TablesStateMachine",
}
"""Definition → resource."""
TEXTS = {name: (STATEMACHINES / f"{name}.asl.json").read_text(encoding="utf-8") for name in MACHINES}
FAST_LANE = "MeasureInFunction"
"""Its faults are the processing job's to repeat, not its own."""
UNCAUGHT = {("fetch", "ReadManifest"), ("fetch", "WritePlan"), ("fetch", "RecordFailure")}
"""Steps whose fault is the execution's, or the child's, own."""
KNOWN_FALSE = re.compile(r'Field "InputType" not allowed in State Machine\.States\.\w+\.ItemReader\.ReaderConfig')
"""statelint knows the language, not AWS's own fields. Each was checked in the Step Functions guide."""


def deployed(machine: str) -> dict[str, Any]:
    """Return a definition with a text for each of its substitutions."""
    document: dict[str, Any] = json.loads(re.sub(r"\$\{\w+\}", "aws", TEXTS[machine]))
    return document


def findings(definition: dict[str, Any]) -> list[str]:
    """Return what the linter says of a definition."""
    return [each for each in Linter.validate(definition) if not KNOWN_FALSE.fullmatch(each)]


TASKS = {
    (machine, name): state
    for machine, text in TEXTS.items()
    for name, state in all_states(json.loads(text)["States"])
    if state["Type"] == "Task"
}
STEPS = {
    place: state
    for place, state in TASKS.items()
    if state["Resource"].endswith(":lambda:invoke") and place[1] != FAST_LANE
}


def test_every_definition_is_looked_at() -> None:
    assert {path.name for path in STATEMACHINES.iterdir()} == {f"{name}.asl.json" for name in MACHINES}


@pytest.mark.parametrize("machine", MACHINES)
def test_every_placeholder_is_substituted_and_every_substitution_used(machine: str) -> None:
    used = set(re.findall(r"\$\{(\w+)\}", TEXTS[machine]))
    assert used == set(properties(MACHINES[machine])["DefinitionSubstitutions"])


@pytest.mark.parametrize("machine", MACHINES)
def test_the_linter_has_no_finding_and_finds_a_broken_definition(machine: str) -> None:
    definition = deployed(machine)
    assert findings(definition) == []
    next(state for state in definition["States"].values() if "Next" in state)["Next"] = "Nowhere"
    assert findings(definition)


@pytest.mark.parametrize("place", TASKS, ids="-".join)
def test_tasks_are_bounded_retried_with_jitter_and_caught(place: tuple[str, str]) -> None:
    state = TASKS[place]
    assert state["TimeoutSeconds"] > 0
    # States.TaskFailed does not match time-outs.
    assert place in UNCAUGHT or state["Catch"][-1]["ErrorEquals"] == ["States.ALL"]
    for retrier in state["Retry"]:
        if retrier["MaxAttempts"]:
            assert (retrier["JitterStrategy"], retrier["BackoffRate"]) == ("FULL", 2.0)
            assert retrier["MaxDelaySeconds"] >= retrier["IntervalSeconds"]


@pytest.mark.parametrize("place", STEPS, ids="-".join)
def test_functions_are_retried_by_the_class_of_their_error(place: tuple[str, str]) -> None:
    never, again, killed = STEPS[place]["Retry"]
    assert (never["ErrorEquals"], never["MaxAttempts"]) == (["InvalidRequestError", "ConfigurationError"], 0)
    assert again["ErrorEquals"][0] == "RetryableError"
    assert again["MaxAttempts"] >= 5
    assert not {"States.ALL", "States.TaskFailed"} & set(again["ErrorEquals"]), "a bug or bad input would be repeated"
    own = [e for e in [*never["ErrorEquals"], *again["ErrorEquals"]] if "." not in e]
    assert all(issubclass(getattr(errors, e), errors.MultimodalError) for e in own)
    assert killed["ErrorEquals"] == ["Lambda.Unknown", "Sandbox.Timedout", "Runtime.ExitError"]
    assert killed["MaxAttempts"] == 2, "what is too large for a function stays so"


@pytest.mark.parametrize("place", STEPS, ids="-".join)
def test_a_step_outlasts_its_function_and_keeps_little_of_its_answer(place: tuple[str, str]) -> None:
    state = STEPS[place]
    function = state["Parameters"]["FunctionName"].removeprefix("${").removesuffix("Arn}")
    assert state["TimeoutSeconds"] > properties(function).get("Timeout", 60)
    assert "ResultSelector" in state, "else Lambda's whole answer is state data"


def test_executions_that_fail_ring_an_alarm() -> None:
    alarms = [resolve(properties(name)) for name in resources("AWS::CloudWatch::Alarm")]
    failures = [alarm for alarm in alarms if alarm.get("MetricName") == "ExecutionsFailed"]
    watched = {dimension["Value"] for alarm in failures for dimension in alarm["Dimensions"]}
    # A table's failure is its unit's, which the alarm of failed units watches.
    assert watched == set(MACHINES.values()) - {"TablesStateMachine"}


@pytest.mark.parametrize("machine", MACHINES)
def test_executions_are_logged_without_data_and_traced(machine: str) -> None:
    found = resolve(properties(MACHINES[machine]))
    assert (found["Type"], found["Tracing"]) == ("STANDARD", {"Enabled": True})
    assert (found["Logging"]["IncludeExecutionData"], found["Logging"]["Level"]) == (False, "ALL"), "data name subjects"
    ((destination),) = found["Logging"]["Destinations"]
    group = resolve(properties(destination["CloudWatchLogsLogGroup"]["LogGroupArn"].removesuffix(".Arn")))
    assert group["KmsKeyId"] == "DataKey.Arn"
    # Elsewhere the account's log policy grows too long.
    assert group["LogGroupName"] == f"/aws/vendedlogs/states/{found['Name']}"
