#!/usr/bin/env bash
# moto, Step Functions: a time with milliseconds or an offset is before, after and equal to nothing, so each choice by time takes the default.
#
# Expected: times "conform to the RFC3339 profile of ISO 8601" (Amazon States Language, "Timestamps"; Choice rule), which has fractions of
#   a second and offsets; the context object's own times (`$$.Execution.StartTime`) have milliseconds. In `StringMatches` the only special
#   character is `*` (the same, "Data-test expression").
# Seen: of 2024-03-01T10:00:00Z, with .000Z and with +01:00 (an hour later on the clock), the first alone is less than noon; the others
#   are not less, not greater and not equal, no error. Nor is the start of the execution later than 2020. A test of "was the scan before the operation"
#   passes by the default branch. `?` and `[…]` match as in a shell: a study CT[1] is not "CT[1]*", and
#   "slice_?.dcm" is any slice.
# Versions: moto 5.2.5, boto3 1.44.8, Python 3.11, 2026-11-29.
# Here: no choice is by time, one looks for the end of a name with a single `*` (statemachines/); tests run on the emulator, not on moto.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "moto[stepfunctions]==5.2.5" boto3==1.44.8 \
  2>"$folder/pip.log" || { cat "$folder/pip.log"; exit 2; }
export AWS_ACCESS_KEY_ID=made-up AWS_SECRET_ACCESS_KEY=made-up AWS_DEFAULT_REGION=us-east-1
"$folder/venv/bin/python" - <<'PY'
import json
import sys
import time
from typing import Any

import boto3
from moto import mock_aws


@mock_aws(config={"stepfunctions": {"execute_state_machine": True}})
def chosen(rule: dict[str, Any], value: str | None) -> bool:
    """Return whether `rule` holds for `value`, or for the start of the execution when it is None."""
    ends = {name: {"Type": "Pass", "Result": name, "End": True} for name in ("yes", "no")}
    rule = {"Variable": "$.value" if value else "$$.Execution.StartTime", **rule, "Next": "yes"}
    states = {"choice": {"Type": "Choice", "Choices": [rule], "Default": "no"}, **ends}
    role = boto3.client("iam").create_role(RoleName="made-up", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    machines = boto3.client("stepfunctions")
    definition = json.dumps({"StartAt": "choice", "States": states})
    machine = machines.create_state_machine(name="made-up", definition=definition, roleArn=role)["stateMachineArn"]
    execution = machines.start_execution(stateMachineArn=machine, input=json.dumps({"value": value}))["executionArn"]
    while (run := machines.describe_execution(executionArn=execution))["status"] == "RUNNING":
        time.sleep(0.05)
    return "yes" in run["output"]


noon = "2024-03-01T12:00:00Z"
trials = [
    ({"TimestampLessThan": noon}, "2024-03-01T10:00:00Z", True, True),
    ({"TimestampLessThan": noon}, "2024-03-01T10:00:00.000Z", True, False),
    ({"TimestampLessThan": noon}, "2024-03-01T11:00:00+01:00", True, False),
    ({"TimestampGreaterThanEquals": noon}, "2024-03-01T14:00:00.000Z", True, False),
    ({"TimestampEquals": noon}, "2024-03-01T13:00:00+01:00", True, False),
    ({"TimestampGreaterThan": "2020-01-01T00:00:00Z"}, None, True, False),
    ({"StringMatches": "slice_?.dcm"}, "slice_7.dcm", False, True),
    ({"StringMatches": "CT[1]*"}, "CT[1].dcm", True, False),
]
seen = [chosen(rule, value) for rule, value, *_ in trials]
for (rule, value, right, _), got in zip(trials, seen, strict=True):
    print(f"{value or 'start of the execution':27} {json.dumps(rule):60} expected: {right!s:6} seen: {got}")
sys.exit(0 if seen == [now for *_, now in trials] else 1)
PY
