"""The state machine for datasets: queries, and how a build ends."""

import json
from typing import Any

from multimodal.dataset.sql import MAX_STATEMENT
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


def test_a_query_that_was_begun_is_not_repeated() -> None:
    # UNLOAD refuses a folder that is not empty: a second one would hide why the first failed.
    (retry,) = STATES["StoreSnapshot"]["Retry"]
    assert retry["ErrorEquals"] == ["Athena.TooManyRequestsException"]
    assert STATES["StoreSnapshot"]["Resource"].endswith("athena:startQueryExecution.sync")


def test_no_row_passes_through_the_states() -> None:
    assert TOP["StoreSnapshots"]["ResultPath"] is None
    assert STATES["StoreSnapshot"]["ResultPath"] is None
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


def test_an_uploaded_request_starts_this_state_machine() -> None:
    rule = resolve(properties("DatasetRequestRule"))
    assert rule["EventPattern"]["detail"]["object"]["key"] == [{"wildcard": "datasets/*/_build.json"}]
    (target,) = rule["Targets"]
    assert target["Arn"].endswith(f":stateMachine:{resolve(properties('DatasetStateMachine'))['Name']}")
    filled = target["InputTransformer"]["InputTemplate"].replace("<key>", '"datasets/d/_build.json"')
    assert json.loads(filled) == {"asked": {"key": "datasets/d/_build.json"}}
