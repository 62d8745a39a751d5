"""The state machine for datasets: linted as it is deployed, and the rules that no linter knows."""

import json
import re
from typing import Any

import pytest
from statelint.linter import Linter

from multimodal.dataset.sql import MAX_STATEMENT
from multimodal.ledger import errors
from tests.infrastructure.support import ACCOUNT, REGION, STATEMACHINES, all_states, properties, resolve

DEFINITION = STATEMACHINES / "dataset_build.asl.json"
FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:stack-dataset-build"
STATE_BYTES = 256 * 1024


def deployed() -> dict[str, Any]:
    """Return the definition with its substitutions made."""
    text = DEFINITION.read_text(encoding="utf-8").replace("${DatasetBuildFunctionArn}", FUNCTION)
    document: dict[str, Any] = json.loads(
        text.replace("${WorkGroupName}", "stack-datasets").replace("${Partition}", "aws")
    )
    return document


TOP = deployed()["States"]
STATES = dict(all_states(TOP))
STEPS = sorted(name for name, state in STATES.items() if "lambda" in state.get("Resource", ""))


def test_every_placeholder_is_substituted_and_every_substitution_used() -> None:
    used = set(re.findall(r"\$\{(\w+)\}", DEFINITION.read_text(encoding="utf-8")))
    assert used == set(properties("DatasetStateMachine")["DefinitionSubstitutions"])


def test_the_linter_has_no_finding() -> None:
    assert Linter.validate(deployed()) == []


@pytest.mark.parametrize("name", STEPS)
def test_steps_are_retried_by_the_class_of_their_error_bounded_and_caught(name: str) -> None:
    never, again, _ = STATES[name]["Retry"]
    assert (never["ErrorEquals"], never["MaxAttempts"]) == (["InvalidRequestError", "ConfigurationError"], 0)
    assert not {"States.ALL", "States.TaskFailed"} & set(again["ErrorEquals"]), "a bug or bad input would be repeated"
    own = [e for e in [*never["ErrorEquals"], *again["ErrorEquals"]] if "." not in e]
    assert all(issubclass(getattr(errors, e), errors.MultimodalError) for e in own)
    assert STATES[name]["Catch"][-1]["ErrorEquals"] == ["States.ALL"]
    assert STATES[name]["TimeoutSeconds"] > properties("DatasetBuildFunction")["Timeout"]


def test_a_query_that_was_begun_is_not_repeated() -> None:
    # UNLOAD refuses a folder that is not empty: a second one would hide why the first failed.
    (retry,) = STATES["StoreSnapshot"]["Retry"]
    assert retry["ErrorEquals"] == ["Athena.TooManyRequestsException"]
    assert STATES["StoreSnapshot"]["Resource"].endswith("athena:startQueryExecution.sync")


def test_no_row_passes_through_the_states() -> None:
    assert TOP["StoreSnapshots"]["ResultPath"] is None
    assert STATES["StoreSnapshot"]["ResultPath"] is None
    assert all("ResultSelector" in STATES[name] for name in STEPS), "else Lambda's whole answer is kept"
    assert MAX_STATEMENT <= STATE_BYTES, "a statement is state data, its quotes escaped"


def test_whatever_breaks_is_recorded_and_fails_the_execution() -> None:
    for name in ("PlanBuild", "StoreSnapshots", "WriteDataset"):
        (catcher,) = TOP[name]["Catch"]
        assert (catcher["Next"], catcher["ResultPath"]) == ("RecordFailure", "$.error"), "the run's id must survive"
    assert {name for name, s in TOP.items() if s["Type"] == "Succeed"} == {"DatasetWritten"}
    assert [name for name, s in TOP.items() if s.get("Next") == "DatasetWritten"] == ["WriteDataset"]


def test_queries_are_encrypted_and_limited_whatever_they_ask() -> None:
    settings = resolve(properties("DatasetWorkGroup"))["WorkGroupConfiguration"]
    assert settings["EnforceWorkGroupConfiguration"] is True
    assert 10_000_000 <= settings["BytesScannedCutoffPerQuery"] <= 7_000_000_000_000
    assert settings["ResultConfiguration"]["EncryptionConfiguration"] == {
        "EncryptionOption": "SSE_KMS",
        "KmsKey": "DataKey.Arn",
    }


def test_the_state_machine_logs_no_data() -> None:
    machine = resolve(properties("DatasetStateMachine"))
    assert (machine["Type"], machine["Logging"]["IncludeExecutionData"]) == ("STANDARD", False)
    group = resolve(properties("DatasetStateMachineLogGroup"))
    assert (group["KmsKeyId"], group["LogGroupName"]) == ("DataKey.Arn", "/aws/vendedlogs/states/stack-dataset-build")


def test_an_uploaded_request_starts_this_state_machine() -> None:
    rule = resolve(properties("DatasetRequestRule"))
    assert rule["EventPattern"]["detail"]["object"]["key"] == [{"wildcard": "datasets/*/_build.json"}]
    (target,) = rule["Targets"]
    assert target["Arn"].endswith(f":stateMachine:{resolve(properties('DatasetStateMachine'))['Name']}")
    filled = target["InputTransformer"]["InputTemplate"].replace("<key>", '"datasets/d/_build.json"')
    assert json.loads(filled) == {"asked": {"key": "datasets/d/_build.json"}}
