"""Step by step through the state machines of imaging and of tables, by the service's own TestState API.

With `SMOKE_STACK` (`make smoke`) Step Functions itself answers: that needs credentials and nothing else, as every task
is mocked. Without it the laptop cloud's interpreter does, and requests are checked by the service's model. Source: AWS
Step Functions API reference, TestState.
"""

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import boto3
import pytest

from local.emulator.requests import check_request, service_model
from tests.contract.local_cloud import account_fixture
from tests.infrastructure.support import STATEMACHINES, all_states
from tests.infrastructure.test_imaging_machine import deployed as imaging
from tests.infrastructure.test_tables_machine import deployed as tables

account = account_fixture()
REAL = "SMOKE_STACK" in os.environ
MACHINES = {"imaging": imaging, "tables": tables}
CONTEXT = {"Execution": {"Name": "run-0123456789abcdef"}, "Map": {"Item": {"Index": 0, "Value": {}}}}
JOB = {
    "job_name": "img-0123456789ab-1",
    "lane": "processing",
    "image_uri": "111122223333.dkr.ecr.us-east-1.amazonaws.com/radiomics:1",
    "manifest_uri": "s3://processed/runs/r/jobs/0/inputs.manifest",
    "job_uri": "s3://processed/runs/r/jobs/0/job/",
    "output_uri": "s3://processed/imaging",
    "volume_gb": 5,
    "time_limit_seconds": 7200,
}
LINE = {"job_name": JOB["job_name"], "completed": 1}
RUN = {"run_id": "run-1"}


@dataclass(frozen=True)
class Fails:
    """A task's error and, where the service adds none of its own, its cause."""

    error: str
    cause: str = "said by a test"


def payload(**answer: Any) -> dict[str, Any]:
    """What a function answers, as its integration returns it."""
    return {"StatusCode": 200, "Payload": answer}


def recorded(decision: str = "done") -> dict[str, Any]:
    return payload(decision=decision, job={**JOB, "job_name": "img-0123456789ab-2"}, line=LINE)


def planned(jobs: int) -> dict[str, Any]:
    return payload(**RUN, bucket="processed", jobs_key="runs/r/jobs.json", job_count=jobs, concurrency=4)


def summed(status: str) -> dict[str, Any]:
    return payload(**RUN, status=status, cause="1 unit failed", counts={})


ENDS = {"RecordJob": recorded(), "AnotherAttempt": None, "JobRecorded": None}
"""How a job ends, and what its child returns."""
TAKEN = Fails("SageMaker.AmazonSageMakerException")

WALKS: dict[str, tuple[str, dict[str, Any], Iterable[tuple[str, Any]], dict[str, Any]]] = {
    "a run without jobs": (
        "imaging",
        RUN,
        {"PlanJobs": planned(0), "AnyJobs": None, "SummarizeRun": summed("SUCCEEDED"), "RunStatus": None,
         "RunSucceeded": None}.items(),
        {"status": "SUCCEEDED"},
    ),
    "a run with a unit that failed": (
        "imaging",
        RUN,
        {"PlanJobs": planned(1), "AnyJobs": None, "ProcessStudies": [], "SummarizeRun": summed("PARTIAL"),
         "RunStatus": None, "RunIncomplete": None}.items(),
        {"status": "FAILED", "error": "RunIncomplete", "cause": "1 unit failed"},
    ),
    "a run that cannot be planned": (
        "imaging",
        RUN,
        {"PlanJobs": Fails("InvalidRequestError"), "PlanningFailed": None}.items(),
        {"status": "FAILED", "error": "InvalidRequestError"},
    ),
    "a Map that breaks, and no summary": (
        "imaging",
        {**RUN, "job_count": 1, "bucket": "processed", "jobs_key": "runs/r/jobs.json", "concurrency": 4},
        {"AnyJobs": None, "ProcessStudies": Fails("States.ExceedToleratedFailureThreshold"),
         "SummarizeRun": Fails("RetryableError"), "SummaryFailed": None}.items(),
        {"status": "FAILED", "error": "RetryableError"},
    ),
    "the fast lane": (
        "imaging",
        {"job": {**JOB, "lane": "function"}},
        {"Lane": None, "MeasureInFunction": payload(), "JobCompleted": None, **ENDS}.items(),
        {"status": "SUCCEEDED", "output": LINE},
    ),
    "a fast lane that was killed": (
        "imaging",
        {"job": {**JOB, "lane": "function"}},
        {"Lane": None, "MeasureInFunction": Fails("Lambda.Unknown"), "FallBack": None, "CreateProcessingJob": {},
         "JobCompleted": None, **ENDS}.items(),
        {"status": "SUCCEEDED", "output": LINE},
    ),
    "a job whose name is taken, adopted": (
        "imaging",
        {"job": JOB},
        [("Lane", None), ("CreateProcessingJob", TAKEN), ("DescribeJob", {"ProcessingJobStatus": "InProgress"}),
         ("JobStatus", None), ("WaitForJob", None), ("DescribeJob", {"ProcessingJobStatus": "Completed"}),
         ("JobStatus", None), ("JobCompleted", None), *ENDS.items()],
        {"status": "SUCCEEDED", "output": LINE},
    ),
    "a job that failed, and its second attempt": (
        "imaging",
        {"job": JOB},
        [("Lane", None), ("CreateProcessingJob", Fails("States.TaskFailed")),
         ("DescribeJob", {"ProcessingJobStatus": "Failed", "FailureReason": "AlgorithmError"}), ("JobStatus", None),
         ("JobFailed", None), ("RecordJob", recorded("retry")), ("AnotherAttempt", None), ("CreateProcessingJob", {}),
         ("JobCompleted", None), *ENDS.items()],
        {"status": "SUCCEEDED", "output": LINE},
    ),
    "a job that stopped, and no record of it": (
        "imaging",
        {"job": JOB},
        {"Lane": None, "CreateProcessingJob": Fails("States.TaskFailed"),
         "DescribeJob": {"ProcessingJobStatus": "Stopped"}, "JobStatus": None, "JobStopped": None,
         "RecordJob": Fails("ConfigurationError"), "OutcomeNotRecorded": None}.items(),
        {"status": "FAILED", "error": "ConfigurationError"},
    ),
    "a job that was not made": (
        "imaging",
        {"job": JOB},
        {"Lane": None, "CreateProcessingJob": TAKEN, "DescribeJob": Fails("SageMaker.ResourceNotFoundException"),
         "JobNotMade": None, **ENDS}.items(),
        {"status": "SUCCEEDED", "output": LINE},
    ),
    "a table": (
        "tables",
        RUN,
        {"CheckTable": payload(**RUN, decision="ingest", cause="", parts=[0, 1]), "WhatIsToBeDone": None,
         "IngestParts": [0, 1], "FinishTable": payload(**RUN, counts={"written": 2}), "TableTaken": None}.items(),
        {"status": "SUCCEEDED", "output": {**RUN, "counts": {"written": 2}}},
    ),
    "a part with more": (
        "tables",
        {**RUN, "part": 3},
        [("IngestPart", payload(**RUN, part=3, more=True)), ("AnyMore", None),
         ("IngestPart", payload(**RUN, part=3, more=False)), ("AnyMore", None), ("PartWritten", None)],
        {"status": "SUCCEEDED", "output": 3},
    ),
    "a part that fails": (
        "tables",
        {**RUN, "part": 3},
        {"IngestPart": Fails("RetryableError"), "PartFailed": None}.items(),
        {"status": "FAILED", "error": "RetryableError"},
    ),
    "a table that was refused": (
        "tables",
        RUN,
        {"CheckTable": payload(**RUN, decision="refuse", cause="no rows", parts=[]), "WhatIsToBeDone": None,
         "TableRefused": None}.items(),
        {"status": "FAILED", "error": "TableRefused", "cause": "no rows"},
    ),
    "a table that was replaced": (
        "tables",
        RUN,
        {"CheckTable": payload(**RUN, decision="replaced", cause="", parts=[]), "WhatIsToBeDone": None,
         "TableReplaced": None}.items(),
        {"status": "SUCCEEDED"},
    ),
    "a table whose parts fail": (
        "tables",
        {**RUN, "decision": "ingest", "cause": "", "parts": [0]},
        {"WhatIsToBeDone": None, "IngestParts": Fails("RetryableError"),
         "RecordTableFailure": payload(**RUN, cause="throttled"), "TableFailed": None}.items(),
        {"status": "FAILED", "error": "TableFailed", "cause": "throttled"},
    ),
    "a failure that cannot be recorded": (
        "tables",
        {**RUN, "decision": "finish", "cause": "", "parts": []},
        {"WhatIsToBeDone": None, "FinishTable": Fails("Lambda.Unknown"),
         "RecordTableFailure": Fails("ConfigurationError"), "FailureNotRecorded": None}.items(),
        {"status": "FAILED", "error": "ConfigurationError"},
    ),
}  # fmt: skip
"""Machine, input, each state with what its task returns, and the end."""


@lru_cache(maxsize=2)
def states(machine: str) -> dict[str, dict[str, Any]]:
    return dict(all_states(MACHINES[machine]()["States"]))


def retrier_of(state: dict[str, Any], error: str) -> dict[str, Any]:
    """Return the rule that an error meets, or one without attempts."""
    found = (r for r in state.get("Retry", []) if {error, "States.ALL"} & set(r["ErrorEquals"]))
    return next(found, {"MaxAttempts": 0})


def request(state: dict[str, Any], given: Any, answer: Any, retries: int | None = None) -> dict[str, Any]:
    """Return the request of one step; without `retries`, those of an error are used up."""
    known = {"Seconds": 1} if state["Type"] == "Wait" else {}
    made: dict[str, Any] = {"definition": json.dumps({**state, **known}), "input": json.dumps(given)}
    made |= {"context": json.dumps(CONTEXT), "inspectionLevel": "INFO"}
    if isinstance(answer, Fails):
        attempts = retrier_of(state, answer.error).get("MaxAttempts", 3)
        made["stateConfiguration"] = {"retrierRetryCount": attempts if retries is None else retries}
        made["mock"] = {"errorOutput": {"error": answer.error, "cause": answer.cause}}
    elif answer is not None:  # what is mocked is what the definition reads, not all that a service says
        made["mock"] = {"result": json.dumps(answer), "fieldValidationMode": "NONE"}
    if "ItemReader" in state:
        made["stateConfiguration"] = made.get("stateConfiguration", {}) | {"mapItemReaderData": json.dumps([JOB])}
    check_request(service_model("stepfunctions").operation_model("TestState"), made, "ValidationException")
    return made


@pytest.fixture(scope="module")
def service(request: pytest.FixtureRequest) -> Any:
    """Step Functions, or the laptop's."""
    return boto3.client("stepfunctions") if REAL else request.getfixturevalue("account").client("stepfunctions")


def taken(service: Any, made: dict[str, Any]) -> dict[str, Any]:
    """Have a step taken."""
    state = json.loads(made["definition"])
    if state["Type"] == "Map" and not REAL:  # the laptop tests none: mocked, it is a task
        kept = {key: state[key] for key in ("ResultPath", "Catch", "Next") if key in state}
        made = {**made, "definition": json.dumps({"Type": "Task", "Resource": "mocked", **kept})}
    return dict(service.test_state(**made))


@pytest.mark.parametrize("walk", WALKS)
def test_a_machine_goes_where_it_should(service: Any, walk: str) -> None:
    machine, given, steps, end = WALKS[walk]
    names = [name for name, _ in steps]
    answer: dict[str, Any] = {}
    for (name, result), following in zip(steps, [*names[1:], None], strict=True):
        answer = taken(service, request(states(machine)[name], given, result))
        assert answer.get("nextState") == following, f"after {name}: {answer}"
        given = json.loads(answer["output"]) if "output" in answer else given
    found = {**answer, "output": given}
    assert {key: found.get(key) for key in end} == end


def test_the_walks_pass_every_state() -> None:
    passed = {(machine, name) for machine, _, steps, _ in WALKS.values() for name, _ in steps}
    assert passed == {(machine, name) for machine in MACHINES for name in states(machine)}
    assert {path.name.partition(".")[0] for path in STATEMACHINES.glob("*.json")} > set(MACHINES)


RETRIES = [
    (machine, name, error, retrier["MaxAttempts"])
    for machine in MACHINES
    for name, state in states(machine).items()
    for retrier in state.get("Retry", [])
    for error in retrier["ErrorEquals"][:1]
]


@pytest.mark.parametrize(("machine", "name", "error", "attempts"), RETRIES)
def test_errors_are_retried_and_then_caught(service: Any, machine: str, name: str, error: str, attempts: int) -> None:
    state, given = states(machine)[name], {"job": JOB, **RUN, "outcome": {}, "part": 0, "error": {}}
    error = "Lambda.Unknown" if error == "States.ALL" else error
    caught = taken(service, request(state, given, Fails(error)))
    assert (caught["status"], caught["nextState"]) == ("CAUGHT_ERROR", state["Catch"][0]["Next"])
    again = request(state, given, Fails(error), retries=0)
    if REAL and attempts:  # the laptop looks at Catch first
        assert taken(service, again)["status"] == "RETRIABLE"
