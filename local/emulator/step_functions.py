"""Step Functions: SageMaker and Athena integrations, the state machine's own permissions, and the Map's missing fields.

Seams, all in `ministack.services.stepfunctions`:

- `_SERVICE_DISPATCH`: `sagemaker:createProcessingJob` and `athena:startQueryExecution`, with and without `.sync`;
- `_AWS_SDK_SERVICE_MAP`, `_AWS_SDK_ERROR_PREFIX`, `_AWS_SDK_ERROR_CODE_OVERRIDES`: `aws-sdk:sagemaker:*`;
- `_execute_task`: records which execution a task belongs to;
- `_invoke_resource`: checks the state machine's role before each task, which the emulator does not;
- `_run_distributed_map`: honours `MaxConcurrencyPath` and `ResultWriter`, and checks the role for what the Map
  itself does.
"""

import json
import re
import time
import uuid
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from typing import Any

from botocore.exceptions import ClientError

from local.emulator.aws import AwsError, arn, client
from local.emulator.iam import require_role_allows
from local.emulator.sagemaker.api import CONTROL_PLANE

_POLL_SECONDS = 0.2
_RUNNING = ("InProgress", "Stopping")
_QUERY_ENDED = ("SUCCEEDED", "FAILED", "CANCELLED")
_EPOCH_MEMBERS = ("CreationTime", "LastModifiedTime", "ProcessingStartTime", "ProcessingEndTime")
_MODELLED = ("ResourceInUse", "ResourceLimitExceeded", "ResourceNotFound")
_execution: ContextVar[dict[str, Any] | None] = ContextVar("execution", default=None)

_FIELDS = ("executionArn", "input", "name", "output", "startDate", "stateMachineArn", "status", "stopDate", "error",
           "cause")  # fmt: skip
_RESULT_FIELDS = ("ResultSelector", "ResultPath", "OutputPath")
Permission = tuple[str, str, dict[str, str]]
"""An action, the resource it is done to, and the request's condition keys."""

_MANAGED_RULE = "StepFunctionsGetEventsForSageMakerProcessingJobsRule"


def install() -> None:
    """Add the integrations and wrap the interpreter's functions."""
    from ministack.services import stepfunctions

    stepfunctions._SERVICE_DISPATCH["arn:aws:states:::sagemaker:createProcessingJob"] = create_processing_job
    stepfunctions._SERVICE_DISPATCH["arn:aws:states:::athena:startQueryExecution"] = start_query_execution
    stepfunctions._AWS_SDK_SERVICE_MAP["sagemaker"] = {"target_prefix": "SageMaker", "protocol": "json"}
    stepfunctions._AWS_SDK_ERROR_PREFIX["sagemaker"] = "SageMaker"
    stepfunctions._AWS_SDK_ERROR_CODE_OVERRIDES["sagemaker"] = {
        **{code: f"{code}Exception" for code in _MODELLED},
        "ValidationException": "SageMakerException",
    }
    _wrap_tasks(stepfunctions)
    _wrap_maps(stepfunctions)


def create_processing_job(resource: str, request: dict[str, Any]) -> dict[str, Any]:
    """Run the optimized integration: create a job and, for `.sync`, wait and return its description."""
    try:
        created = CONTROL_PLANE.call("CreateProcessingJob", request)
    except AwsError as error:
        name = f"{error.code}Exception" if error.code in _MODELLED else "AmazonSageMakerException"
        raise _execution_error(f"SageMaker.{name}", error.message) from error
    return _wait(request["ProcessingJobName"]) if resource.endswith(".sync") else created


def start_query_execution(resource: str, request: dict[str, Any]) -> dict[str, Any]:
    """Run the optimized integration: start a query and, for `.sync`, wait and return its description."""
    athena = client("athena")
    try:
        started = athena.start_query_execution(**request)
    except ClientError as error:
        told = error.response["Error"]
        raise _execution_error(f"Athena.{told['Code']}", told["Message"]) from error
    if not resource.endswith(".sync"):
        return {"QueryExecutionId": started["QueryExecutionId"]}
    return _wait_for_query(athena, started["QueryExecutionId"])


def _wait_for_query(athena: Any, query_id: str) -> dict[str, Any]:  # noqa: ANN401 -- boto3's
    while True:
        query = athena.get_query_execution(QueryExecutionId=query_id)["QueryExecution"]
        state = query["Status"]["State"]
        if state in _QUERY_ENDED:
            description = json.loads(json.dumps({"QueryExecution": query}, default=str))
            if state != "SUCCEEDED":
                raise _execution_error("States.TaskFailed", json.dumps(description))
            return dict(description)
        execution = _execution.get()
        if execution and execution["status"] != "RUNNING":
            athena.stop_query_execution(QueryExecutionId=query_id)  # as AWS does for a stopped run
        time.sleep(_POLL_SECONDS)


def _wait(name: str) -> dict[str, Any]:
    while True:
        job = CONTROL_PLANE.call("DescribeProcessingJob", {"ProcessingJobName": name})
        job.update({key: int(job[key] * 1000) for key in _EPOCH_MEMBERS if key in job})
        if job["ProcessingJobStatus"] == "Completed":
            return job
        if job["ProcessingJobStatus"] not in _RUNNING:
            raise _execution_error("States.TaskFailed", json.dumps(job))
        execution = _execution.get()
        if execution and execution["status"] != "RUNNING" and job["ProcessingJobStatus"] == "InProgress":
            CONTROL_PLANE.call("StopProcessingJob", {"ProcessingJobName": name})  # as AWS does for a stopped run
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


def without_result_fields(state: Mapping[str, Any]) -> dict[str, Any]:
    """Return a state that returns its plain result, so that the writer's can take its place."""
    return {name: value for name, value in state.items() if name not in _RESULT_FIELDS}


def apply_result_fields(state: Mapping[str, Any], raw_input: object, result: object, ctx: object) -> object:
    """Return a state's output for another result than the one it had."""
    from ministack.services import stepfunctions

    selected = stepfunctions._apply_result_selector(state, result)
    output = stepfunctions._apply_result_path(state, raw_input, selected)
    return stepfunctions._apply_output_path(state, output, ctx)


def write_results(execution_arn: str, writer: Mapping[str, str]) -> dict[str, Any] | None:
    """Write the results of an execution's newest Map run; return the Map's own, None when none came to run."""
    from ministack.services import stepfunctions

    runs = [run for run in stepfunctions._map_runs.values() if run["executionArn"] == execution_arn]
    if not runs:
        return None
    arn = runs[-1]["mapRunArn"]
    children = [child for child in stepfunctions._executions.values() if child.get("mapRunArn") == arn]
    bucket, folder = writer["Bucket"], f"{writer.get('Prefix', '').rstrip('/')}/{uuid.uuid4()}".lstrip("/")
    files: dict[str, list[dict[str, Any]]] = {"FAILED": [], "PENDING": [], "SUCCEEDED": []}
    for status in ("SUCCEEDED", "FAILED"):
        described = [_describe(child) for child in children if child["status"] == status]
        if described:
            files[status] = [_store(bucket, f"{folder}/{status}_0.json", described)]
    manifest = {"DestinationBucket": bucket, "MapRunArn": arn, "ResultFiles": files}
    _store(bucket, f"{folder}/manifest.json", manifest)
    return {"MapRunArn": arn, "ResultWriterDetails": {"Bucket": bucket, "Key": f"{folder}/manifest.json"}}


def _describe(child: Mapping[str, Any]) -> dict[str, Any]:
    return {name[0].upper() + name[1:]: child[name] for name in _FIELDS if child.get(name) is not None}


def _store(bucket: str, key: str, document: object) -> dict[str, Any]:
    body = json.dumps(document).encode()
    client("s3").put_object(Bucket=bucket, Key=key, Body=body, ContentType="application/json")
    return {"Key": key, "Size": len(body)}


def task_permissions(resource: str, request: Mapping[str, Any]) -> Iterator[Permission]:
    """Yield what a Task state needs for a request; nothing for an integration that is not known here."""
    if ":states:::lambda:invoke" in resource:
        yield "lambda:InvokeFunction", str(request.get("FunctionName", "")), {}
    elif ":lambda:" in resource:
        yield "lambda:InvokeFunction", resource, {}
    elif ":sagemaker:createProcessingJob" in resource:
        yield from _processing_permissions(request, waits=resource.endswith(".sync"))
    elif ":athena:startQueryExecution" in resource:
        yield from _query_permissions(request)
    elif ":aws-sdk:sagemaker:" in resource:
        operation = resource.rpartition(":")[2]
        yield f"sagemaker:{operation[0].upper()}{operation[1:]}", _job_arn(request), {}


def map_permissions(state_machine_arn: str, resolved: Mapping[str, Mapping[str, str]]) -> Iterator[Permission]:
    """Yield what a DISTRIBUTED Map needs to start its children, read its items and write its results.

    `resolved` holds the parameters of its `ItemReader` and `ResultWriter`, as far as it has them.
    """
    yield "states:StartExecution", state_machine_arn, {}
    if "ItemReader" in resolved:
        reader = resolved["ItemReader"]
        yield "s3:GetObject", f"arn:aws:s3:::{reader.get('Bucket')}/{reader.get('Key')}", {}
    if "ResultWriter" in resolved:
        writer = resolved["ResultWriter"]
        target = f"arn:aws:s3:::{writer.get('Bucket')}/{writer.get('Prefix', '').rstrip('/')}/manifest.json"
        yield "s3:PutObject", target, {}


def _processing_permissions(request: Mapping[str, Any], *, waits: bool) -> Iterator[Permission]:
    job = _job_arn(request)
    yield "sagemaker:CreateProcessingJob", job, {}
    yield "sagemaker:AddTags", job, {}
    passed = {"iam:PassedToService": "sagemaker.amazonaws.com"}
    yield "iam:PassRole", str(request.get("RoleArn", "")), passed
    if waits:
        yield "sagemaker:DescribeProcessingJob", job, {}
        yield "sagemaker:StopProcessingJob", job, {}
        rule = arn("events", "rule", _MANAGED_RULE)
        for action in ("PutTargets", "PutRule", "DescribeRule"):
            yield f"events:{action}", rule, {}


def _query_permissions(request: Mapping[str, Any]) -> Iterator[Permission]:
    """Yield what a query needs of its caller: the workgroup, the catalogue, and the folder of an UNLOAD."""
    group = arn("athena", "workgroup", str(request.get("WorkGroup", "primary")))
    for action in ("StartQueryExecution", "GetQueryExecution", "StopQueryExecution"):
        yield f"athena:{action}", group, {}
    database = str(request.get("QueryExecutionContext", {}).get("Database", "default"))
    yield "glue:GetDatabase", arn("glue", "database", database), {}
    yield "glue:GetTable", arn("glue", "table", f"{database}/any"), {}
    for bucket, key in _UNLOADED_TO.findall(str(request.get("QueryString", ""))):
        yield "s3:PutObject", f"arn:aws:s3:::{bucket}/{key}part", {}


_UNLOADED_TO = re.compile(r"(?is)\)\s*TO\s+'s3://([^/']+)/([^']*)'\s+WITH\b")


def _job_arn(request: Mapping[str, Any]) -> str:
    return arn("sagemaker", "processing-job", str(request.get("ProcessingJobName", "")))
