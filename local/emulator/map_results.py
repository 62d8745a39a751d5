"""What a DISTRIBUTED Map with a ResultWriter leaves in S3, and what it then returns.

Seams, in `ministack.services.stepfunctions`: `_map_runs` and `_executions`, where the Map run and its children
are found after the run, and the functions that apply a state's result fields.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from typing import Any

from local.emulator.aws import client

_FIELDS = (
    "executionArn",
    "input",
    "name",
    "output",
    "startDate",
    "stateMachineArn",
    "status",
    "stopDate",
    "error",
    "cause",
)


_RESULT_FIELDS = ("ResultSelector", "ResultPath", "OutputPath")


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
    """Write the results of an execution's newest Map run.

    Parameters
    ----------
    execution_arn : str
        The execution whose Map ran.
    writer : mapping
        Bucket and prefix of its `ResultWriter`.

    Returns
    -------
    dict or None
        What the Map state returns; None when the Map did not come to run.
    """
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
