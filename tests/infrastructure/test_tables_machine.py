"""The state machine for tables: linted as it is deployed, and the rules that no linter knows."""

import json
import re
from typing import Any

import pytest
from statelint.linter import Linter

from multimodal.ledger import errors
from multimodal.tables.run import MAX_TABLE_BYTES, PART_RECORDS, READ_RESERVE_MS, WRITE_RESERVE_MS
from tests.infrastructure.support import ACCOUNT, REGION, STATEMACHINES, all_states, properties, resolve

DEFINITION = STATEMACHINES / "tables.asl.json"
FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:stack-table-ingest"
INLINE_LIMIT = 40
"""Most iterations that Step Functions runs at once in an inline Map."""
HISTORY_EVENTS = 25_000
"""Most events of one execution's history; an inline Map shares it."""
EVENTS_OF_A_PART = 20
"""Iteration, task, choice and end, with one call more."""
STATE_BYTES = 256 * 1024
LINE_BYTES = 300
"""A short row of a table."""


def deployed() -> dict[str, Any]:
    """Return the definition with its substitution made."""
    text = DEFINITION.read_text(encoding="utf-8").replace("${TableIngestFunctionArn}", FUNCTION)
    document: dict[str, Any] = json.loads(text.replace("${Partition}", "aws"))
    return document


TOP = deployed()["States"]
STATES = dict(all_states(TOP))
TASKS = sorted(name for name, state in STATES.items() if state["Type"] == "Task")


def test_every_placeholder_is_substituted_and_every_substitution_used() -> None:
    used = set(re.findall(r"\$\{(\w+)\}", DEFINITION.read_text(encoding="utf-8")))
    assert used == set(properties("TablesStateMachine")["DefinitionSubstitutions"])


def test_the_linter_has_no_finding() -> None:
    assert Linter.validate(deployed()) == []


def test_the_linter_finds_a_broken_definition() -> None:
    broken = deployed()
    broken["States"]["CheckTable"]["Next"] = "Nowhere"
    assert Linter.validate(broken)


@pytest.mark.parametrize("name", TASKS)
def test_steps_are_retried_by_the_class_of_their_error_bounded_and_caught(name: str) -> None:
    never, again, _ = STATES[name]["Retry"]
    assert (never["ErrorEquals"], never["MaxAttempts"]) == (["InvalidRequestError", "ConfigurationError"], 0)
    assert again["ErrorEquals"][0] == "RetryableError"
    assert not {"States.ALL", "States.TaskFailed"} & set(again["ErrorEquals"]), "a bug or bad input would be repeated"
    assert (again["JitterStrategy"], again["BackoffRate"]) == ("FULL", 2.0)
    own = [e for e in [*never["ErrorEquals"], *again["ErrorEquals"]] if "." not in e]
    assert all(issubclass(getattr(errors, e), errors.MultimodalError) for e in own)
    assert STATES[name]["Catch"][-1]["ErrorEquals"] == ["States.ALL"]
    assert STATES[name]["TimeoutSeconds"] > properties("TableIngestFunction")["Timeout"]


def test_state_data_stays_small() -> None:
    assert all("ResultSelector" in STATES[name] for name in TASKS), "else Lambda's whole answer is kept"
    assert TOP["IngestParts"]["ResultPath"] is None
    parts = MAX_TABLE_BYTES // LINE_BYTES * 3 // PART_RECORDS + 1
    assert len(json.dumps(list(range(parts)))) < STATE_BYTES / 10
    assert parts * EVENTS_OF_A_PART < HISTORY_EVENTS


def test_parts_are_written_side_by_side_and_bounded() -> None:
    state = TOP["IngestParts"]
    assert state["ItemProcessor"]["ProcessorConfig"] == {"Mode": "INLINE"}
    assert 1 < state["MaxConcurrency"] <= INLINE_LIMIT


def test_a_part_is_written_on_while_there_is_more() -> None:
    (rule,) = STATES["AnyMore"]["Choices"]
    assert rule == {"Variable": "$.more", "BooleanEquals": True, "Next": "IngestPart"}
    assert {"run_id", "part"} <= {n.removesuffix(".$") for n in STATES["IngestPart"]["ResultSelector"]}


def test_whatever_breaks_is_recorded_and_fails_the_execution() -> None:
    for name in ("CheckTable", "IngestParts", "FinishTable"):
        (catcher,) = TOP[name]["Catch"]
        assert (catcher["Next"], catcher["ResultPath"]) == ("RecordTableFailure", "$.error"), (
            "the run's id must survive"
        )
    assert TOP["RecordTableFailure"]["Next"] == "TableFailed"
    for end in ("TableFailed", "TableRefused", "FailureNotRecorded"):
        assert TOP[end]["Type"] == "Fail"


def test_an_execution_succeeds_only_when_the_table_is_taken_or_replaced() -> None:
    assert {name for name, s in TOP.items() if s["Type"] == "Succeed"} == {"TableTaken", "TableReplaced"}
    assert [name for name, s in TOP.items() if s.get("Next") == "TableTaken"] == ["FinishTable"]
    choices = {c["StringEquals"]: c["Next"] for c in TOP["WhatIsToBeDone"]["Choices"]}
    assert choices == {"ingest": "IngestParts", "finish": "FinishTable", "replaced": "TableReplaced"}
    assert TOP["WhatIsToBeDone"]["Default"] == "TableRefused"


def test_a_function_has_time_left_for_what_follows() -> None:
    timeout = properties("TableIngestFunction")["Timeout"]
    assert timeout == 900
    assert timeout * 500 > READ_RESERVE_MS
    assert WRITE_RESERVE_MS >= 60_000
    assert resolve(properties("TableIngestFunction")["EphemeralStorage"]) == {"Size": 10240}


def test_the_state_machine_logs_no_data() -> None:
    machine = resolve(properties("TablesStateMachine"))
    assert machine["Type"] == "STANDARD"
    assert (machine["Logging"]["IncludeExecutionData"], machine["Logging"]["Level"]) == (False, "ALL")
    group = resolve(properties("TablesStateMachineLogGroup"))
    assert (group["KmsKeyId"], group["LogGroupName"]) == ("DataKey.Arn", "/aws/vendedlogs/states/stack-tables")
    assert machine["Tracing"] == {"Enabled": True}
