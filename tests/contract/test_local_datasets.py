"""The state machine for datasets on the laptop's interpreter: its queries run on Athena, with its own rights."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.contract.local_cloud import Account, account_fixture, allow

account = account_fixture()

DEFINITION = Path(__file__).resolve().parents[2] / "statemachines" / "dataset_build.asl.json"
BUCKET = "processed"
FUNCTION = """
class BadInputError(Exception):
    pass

def handler(event, context):
    step, asked = event["step"], event.get("asked", {})
    if step == "plan":
        if asked.get("wrong"):
            raise BadInputError("no such dataset")
        return {"queries": [0, 9 if asked.get("broken") else 1]}
    if step == "query":
        name = "x" if event["query"] == 9 else "1"
        target = f"s3://processed/runs/{event['run_id']}/snapshots/{event['query']}/"
        return {"sql": f"UNLOAD (SELECT {name} AS a) TO '{target}' WITH (format = 'PARQUET')", "database": "default"}
    if step == "write":
        return {"build": "b", "key": "datasets/d/b/", "cases": 3, "rows": "must not be in the state"}
    return {"cause": event["error"]["Error"] + " recorded"}
"""


@dataclass(frozen=True)
class Machine:
    """The definition with a function that answers by the run's name."""

    definition: dict[str, Any]
    function: str

    def role(self, account: Account, name: str, *more: dict[str, Any]) -> str:
        """Return a role that may call the function, and more."""
        return account.role(name, "states", allow("lambda:InvokeFunction", self.function), *more)


ATHENA = allow(["athena:StartQueryExecution", "athena:GetQueryExecution", "athena:StopQueryExecution"])
CATALOGUE = allow(["glue:GetDatabase", "glue:GetTable"])
SNAPSHOTS = allow("s3:PutObject", f"arn:aws:s3:::{BUCKET}/runs/*/snapshots/*")


@pytest.fixture(scope="module")
def machine(account: Account) -> Machine:
    account.bucket(BUCKET)
    location = {"ResultConfiguration": {"OutputLocation": f"s3://{BUCKET}/queries/"}}
    account.client("athena").create_work_group(Name="datasets", Configuration=location)
    role = account.role("dataset-build", "lambda", allow(["logs:CreateLogStream", "logs:PutLogEvents"]))
    function = account.function("dataset-build", FUNCTION, role)
    text = DEFINITION.read_text(encoding="utf-8").replace("${DatasetBuildFunctionArn}", function)
    text = text.replace("${WorkGroupName}", "datasets").replace("${Partition}", "aws")
    return Machine(json.loads(text), function)


def test_every_query_is_stored_and_the_state_stays_small(account: Account, machine: Machine) -> None:
    role = machine.role(account, "whole", ATHENA, CATALOGUE, SNAPSHOTS)
    execution = account.run(machine.definition, role, "good", {"asked": {}})

    assert execution["status"] == "SUCCEEDED", execution
    assert json.loads(execution["output"]) == {"build": "b", "key": "datasets/d/b/", "cases": 3}
    stored = account.client("s3").list_objects_v2(Bucket=BUCKET, Prefix="runs/")["Contents"]
    assert len({o["Key"].rsplit("/", 1)[0] for o in stored if o["Key"].endswith(".parquet")}) == 2


def test_a_request_that_is_wrong_ends_with_its_error(account: Account, machine: Machine) -> None:
    role = machine.role(account, "wrong", ATHENA, CATALOGUE, SNAPSHOTS)
    execution = account.run(machine.definition, role, "wrong", {"asked": {"wrong": True}})

    assert (execution["status"], execution["error"]) == ("FAILED", "BadInputError")
    assert execution["cause"] == "BadInputError recorded"


def test_a_query_that_breaks_ends_the_build(account: Account, machine: Machine) -> None:
    role = machine.role(account, "broken", ATHENA, CATALOGUE, SNAPSHOTS)
    execution = account.run(machine.definition, role, "broken", {"asked": {"broken": True}})

    assert (execution["status"], execution["error"]) == ("FAILED", "States.TaskFailed")


@pytest.mark.parametrize("missing", ["athena", "glue", "s3"])
def test_the_state_machine_needs_the_rights_of_its_queries(account: Account, machine: Machine, missing: str) -> None:
    statements = {"athena": ATHENA, "glue": CATALOGUE, "s3": SNAPSHOTS}
    others = [statement for name, statement in statements.items() if name != missing]
    execution = account.run(machine.definition, machine.role(account, f"no-{missing}", *others), missing, {"asked": {}})

    assert (execution["status"], execution["error"]) == ("FAILED", "States.Permissions")
