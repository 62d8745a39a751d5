"""Step Functions: SageMaker integrations, the state machine's own permissions, and the Map's missing fields.

Seams, all in `ministack.services.stepfunctions`:

- `_SERVICE_DISPATCH`: `sagemaker:createProcessingJob`, with and without `.sync`;
- `_AWS_SDK_SERVICE_MAP`, `_AWS_SDK_ERROR_PREFIX`, `_AWS_SDK_ERROR_CODE_OVERRIDES`: `aws-sdk:sagemaker:*`;
- `_execute_task`: tells which execution a task belongs to;
- `_invoke_resource`: checks the state machine's role before each task, which the emulator does not;
- `_run_distributed_map`: honours `MaxConcurrencyPath` and `ResultWriter`, and checks the role for what the Map
  itself does.
"""

from __future__ import annotations

import json
import time
from contextvars import ContextVar
from typing import Any

from local.emulator import sagemaker
from local.emulator.aws import AwsError
from local.emulator.iam_checks import require_role_allows
from local.emulator.map_results import apply_result_fields, without_result_fields, write_results
from local.emulator.state_machine_permissions import map_permissions, task_permissions

_POLL_SECONDS = 0.2


_RUNNING = ("InProgress", "Stopping")


_EPOCH_MEMBERS = ("CreationTime", "LastModifiedTime", "ProcessingStartTime", "ProcessingEndTime")


_MODELLED = ("ResourceInUse", "ResourceLimitExceeded", "ResourceNotFound")


_execution: ContextVar[dict[str, Any] | None] = ContextVar("execution", default=None)


def install() -> None:
    """Add the integrations and wrap the interpreter's functions."""
    from ministack.services import stepfunctions

    stepfunctions._SERVICE_DISPATCH["arn:aws:states:::sagemaker:createProcessingJob"] = create_processing_job
    stepfunctions._AWS_SDK_SERVICE_MAP["sagemaker"] = {"target_prefix": "SageMaker", "protocol": "json"}
    stepfunctions._AWS_SDK_ERROR_PREFIX["sagemaker"] = "SageMaker"
    stepfunctions._AWS_SDK_ERROR_CODE_OVERRIDES["sagemaker"] = {
        **{code: f"{code}Exception" for code in _MODELLED},
        "ValidationException": "SageMakerException",
    }
    _wrap_tasks(stepfunctions)
    _wrap_maps(stepfunctions)


def create_processing_job(resource: str, request: dict[str, Any]) -> dict[str, Any]:
    """Run the optimized integration: create a job and, for `.sync`, wait until it ends.

    Parameters
    ----------
    resource : str
        ARN of the integration.
    request : dict
        The CreateProcessingJob request.

    Returns
    -------
    dict
        The answer of CreateProcessingJob, or for `.sync` of DescribeProcessingJob.
    """
    try:
        created = _sagemaker("CreateProcessingJob", request)
    except AwsError as error:
        name = f"{error.code}Exception" if error.code in _MODELLED else "AmazonSageMakerException"
        raise _execution_error(f"SageMaker.{name}", error.message) from error
    return _wait(request["ProcessingJobName"]) if resource.endswith(".sync") else created


def _sagemaker(name: str, request: dict[str, Any]) -> dict[str, Any]:
    answer = sagemaker.call(name, request)
    assert isinstance(answer, dict)  # noqa: S101 -- only records are answered later
    return answer


def _wait(name: str) -> dict[str, Any]:
    while True:
        job = _sagemaker("DescribeProcessingJob", {"ProcessingJobName": name})
        job.update({key: int(job[key] * 1000) for key in _EPOCH_MEMBERS if key in job})
        if job["ProcessingJobStatus"] == "Completed":
            return job
        if job["ProcessingJobStatus"] not in _RUNNING:
            raise _execution_error("States.TaskFailed", json.dumps(job))
        execution = _execution.get()
        if execution and execution["status"] != "RUNNING" and job["ProcessingJobStatus"] == "InProgress":
            _sagemaker("StopProcessingJob", {"ProcessingJobName": name})  # as AWS does for a stopped run
        time.sleep(_POLL_SECONDS)


def _wrap_tasks(stepfunctions: Any) -> None:  # noqa: ANN401 -- the emulator has no types
    execute_task, invoke_resource = stepfunctions._execute_task, stepfunctions._invoke_resource

    def _execute_task(
        state_def: dict[str, Any], raw_input: object, execution: dict[str, Any], ctx: dict[str, Any]
    ) -> object:
        token = _execution.set(execution)
        try:
            return execute_task(state_def, raw_input, execution, ctx)
        finally:
            _execution.reset(token)

    def _invoke_resource(resource: str, input_data: dict[str, Any]) -> object:
        execution = _execution.get()
        if execution:
            for permission in task_permissions(resource, input_data):
                _require(execution, *permission)
        return invoke_resource(resource, input_data)

    stepfunctions._execute_task = _execute_task
    stepfunctions._invoke_resource = _invoke_resource


def _wrap_maps(stepfunctions: Any) -> None:  # noqa: ANN401
    run_map = stepfunctions._run_distributed_map

    def _run_distributed_map(
        state_def: dict[str, Any],
        raw_input: object,
        effective: object,
        iterator: dict[str, Any],
        execution: dict[str, Any],
        ctx: dict[str, Any],
    ) -> object:
        path = state_def.get("MaxConcurrencyPath")
        limit = stepfunctions._resolve_path_or_ctx(path, effective, ctx) if path else None
        state = {**state_def, "MaxConcurrency": limit} if path else state_def
        resolved: dict[str, dict[str, str]] = {
            name: stepfunctions._resolve_params_obj(state_def[name].get("Parameters", {}), effective, ctx)
            for name in ("ItemReader", "ResultWriter")
            if name in state_def
        }
        for permission in map_permissions(_state_machine_arn(execution), resolved):
            _require(execution, *permission)
        if "ResultWriter" not in resolved:
            return run_map(state, raw_input, effective, iterator, execution, ctx)
        try:
            plain = without_result_fields(state)
            _, following = run_map(plain, raw_input, effective, iterator, execution, ctx)
        finally:
            written = write_results(execution["executionArn"], resolved["ResultWriter"])
        return apply_result_fields(state_def, raw_input, written, ctx), following

    stepfunctions._run_distributed_map = _run_distributed_map


def _require(execution: dict[str, Any], action: str, resource: str, context: dict[str, str]) -> None:
    from ministack.services import stepfunctions

    machine = stepfunctions._state_machines.get(_state_machine_arn(execution))
    if machine is None:
        return
    try:
        require_role_allows(machine["roleArn"], action, resource, context)
    except AwsError as error:
        raise _execution_error("States.Permissions", error.message) from error


def _state_machine_arn(execution: dict[str, Any]) -> str:
    """Return the ARN of an execution's state machine; a Map's child names it with the Map's label behind it."""
    return str(execution["stateMachineArn"]).partition("/")[0]


def _execution_error(name: str, cause: str) -> Exception:
    from ministack.services import stepfunctions

    error: Exception = stepfunctions._ExecutionError(name, cause)
    return error
