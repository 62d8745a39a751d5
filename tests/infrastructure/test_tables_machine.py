"""The state machine for tables: parts, their limits, and how a run ends."""

import json
from typing import Any

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


def test_state_data_stays_small() -> None:
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
