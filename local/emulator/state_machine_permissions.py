"""What a state machine's role must allow for each integration, from the Step Functions developer guide."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from local.emulator.aws import ACCOUNT, REGION

Permission = tuple[str, str, dict[str, str]]
"""An action, the resource it is done to, and the request's condition keys."""


_MANAGED_RULE = "StepFunctionsGetEventsForSageMakerProcessingJobsRule"


def task_permissions(resource: str, request: Mapping[str, Any]) -> Iterator[Permission]:
    """Yield what a Task state needs; nothing for an integration that is not known here.

    Parameters
    ----------
    resource : str
        ARN of the integration, or of a function.
    request : mapping
        The task's input.
    """
    if ":states:::lambda:invoke" in resource:
        yield "lambda:InvokeFunction", str(request.get("FunctionName", "")), {}
    elif ":lambda:" in resource:
        yield "lambda:InvokeFunction", resource, {}
    elif ":sagemaker:createProcessingJob" in resource:
        yield from _processing_permissions(request, waits=resource.endswith(".sync"))
    elif ":aws-sdk:sagemaker:" in resource:
        operation = resource.rpartition(":")[2]
        yield f"sagemaker:{operation[0].upper()}{operation[1:]}", _job_arn(request), {}


def map_permissions(state_machine_arn: str, resolved: Mapping[str, Mapping[str, str]]) -> Iterator[Permission]:
    """Yield what a DISTRIBUTED Map needs to start its children, read its items and write its results.

    Parameters
    ----------
    state_machine_arn : str
        The state machine the Map is part of.
    resolved : mapping
        Parameters of its `ItemReader` and `ResultWriter`, as far as it has them.
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
        rule = f"arn:aws:events:{REGION}:{ACCOUNT}:rule/{_MANAGED_RULE}"
        for action in ("PutTargets", "PutRule", "DescribeRule"):
            yield f"events:{action}", rule, {}


def _job_arn(request: Mapping[str, Any]) -> str:
    return f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:processing-job/{request.get('ProcessingJobName', '')}"
