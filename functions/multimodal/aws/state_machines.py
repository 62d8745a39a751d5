"""Runs as executions of the imaging state machine."""

import json

import boto3
from botocore.exceptions import ClientError

from multimodal.aws.errors import code_of, translated


class StepFunctionsRuns:
    """`Runs` on one state machine."""

    def __init__(self, state_machine_arn: str) -> None:
        self._arn = state_machine_arn
        self._sfn = boto3.client("stepfunctions")

    def start(self, run_id: str) -> None:
        """Start a run by name; a second start of the same name changes nothing."""
        with translated("start a run"):
            try:
                self._sfn.start_execution(stateMachineArn=self._arn, name=run_id, input=json.dumps({"run_id": run_id}))
            except ClientError as error:
                if code_of(error) != "ExecutionAlreadyExists":
                    raise

    def is_running(self, run_id: str) -> bool:
        """Return whether the run is still at work; False also when it never started."""
        execution = self._arn.replace(":stateMachine:", ":execution:") + f":{run_id}"
        with translated("describe a run"):
            try:
                answer = self._sfn.describe_execution(executionArn=execution)
            except ClientError as error:
                if code_of(error) == "ExecutionDoesNotExist":
                    return False
                raise
        return answer["status"] in {"RUNNING", "PENDING_REDRIVE"}
