"""IAM enforcement for what the emulator leaves out.

Seams:

- `ministack.core.iam_actions.SERVICE_TO_IAM_NAMESPACE` and `_BOTOCORE_SERVICE_MAP`: make the emulator derive
  `sagemaker:` actions for the SageMaker handler, and so check the callers of both SageMaker APIs;
- `ministack.core.iam_actions.extract_resource_arn`: names the job or the feature group that a call is about;
- `ministack.core.iam_evaluator.enforce`: checks `iam:PassRole` of the caller;
- `ministack.core.iam_evaluator.evaluate`, `EvalContext`, `_gather_role_policies`: check what a service does
  with a role that was given to it;
- `ministack.app.pin_request_origin`: calls count as made over TLS. They never leave the computer, the endpoint
  is plain HTTP, and the buckets' policies refuse what is not TLS.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from local.emulator import batch_permissions
from local.emulator.aws import ACCOUNT, REGION, AwsError

_ARN_KINDS = {"ProcessingJobName": "processing-job", "FeatureGroupName": "feature-group"}


def install() -> None:
    """Enforce IAM for SageMaker, and let the laptop's plain HTTP count as TLS."""
    from ministack import app
    from ministack.core import iam_actions

    iam_actions.SERVICE_TO_IAM_NAMESPACE["sagemaker"] = "sagemaker"
    iam_actions._BOTOCORE_SERVICE_MAP["sagemaker"] = ["sagemaker-featurestore-runtime"]
    name_resource, pin_origin = iam_actions.extract_resource_arn, app.pin_request_origin

    def extract_resource_arn(
        service: str, method: str, path: str, headers: Mapping[str, str], body: bytes, *rest: object
    ) -> object:
        if service == "sagemaker":
            return resource_arn(path, body)
        if service == "batch":
            return batch_permissions.resource_arn(path, body)
        return name_resource(service, method, path, headers, body, *rest)

    def pin_request_origin(source_ip: str, _secure_transport: bool) -> None:
        pin_origin(source_ip, True)

    iam_actions.extract_resource_arn = extract_resource_arn
    app.pin_request_origin = pin_request_origin


def resource_arn(path: str, body: bytes) -> str:
    """Return the ARN of the job or feature group that a SageMaker request is about; `*` when it names none."""
    parts = path.strip("/").split("/")
    if parts[0] == "FeatureGroup" and len(parts) > 1:
        return _arn("feature-group", parts[1])
    try:
        document = json.loads(body or b"{}")
    except ValueError:
        return "*"
    for member, kind in _ARN_KINDS.items():
        if isinstance(document.get(member), str):
            return _arn(kind, document[member])
    return "*"


def require_pass_role(headers: Mapping[str, str], query: Mapping[str, Any], role_arn: str) -> None:
    """Refuse a caller that may not pass a role to SageMaker.

    Raises
    ------
    AwsError
        AccessDeniedException, as AWS answers.
    """
    context = {"iam:PassedToService": "sagemaker.amazonaws.com"}
    require_caller_allows(headers, query, "iam:PassRole", role_arn, context)


def require_caller_allows(
    headers: Mapping[str, str],
    query: Mapping[str, Any],
    action: str,
    resource: str,
    context: Mapping[str, str] | None = None,
) -> None:
    """Refuse a caller whose policies do not allow something beyond what the emulator checks itself.

    Raises
    ------
    AwsError
        AccessDeniedException, as AWS answers.
    """
    from ministack import app
    from ministack.core.iam_evaluator import enforce
    from ministack.core.router import extract_access_key_id

    if not app.AUTH:
        return
    denied = enforce(
        extract_access_key_id(headers, query),
        action,
        action.partition(":")[0],
        REGION,
        resource_arn=resource,
        service_context=dict(context or {}),
    )
    if denied:
        raise _denied(getattr(denied, "principal_arn", ""), action, resource)


def require_role_allows(role_arn: str, action: str, resource: str, context: Mapping[str, str] | None = None) -> None:
    """Refuse what a role's own policies do not allow.

    Parameters
    ----------
    role_arn : str
        Role that a service acts with, such as a state machine's.
    action, resource : str
        What it does, to what.
    context : mapping, optional
        Condition keys of the request.

    Raises
    ------
    AwsError
        AccessDeniedException.
    """
    from ministack import app
    from ministack.core.iam_evaluator import EvalContext, _gather_role_policies, evaluate

    if not app.AUTH:
        return
    request = EvalContext(
        principal_arn=role_arn,
        principal_type="AssumedRole",
        principal_account=ACCOUNT,
        action=action,
        resource_arn=resource,
        region=REGION,
        secure_transport=True,
        service_context={key.lower(): value for key, value in (context or {}).items()},
    )
    policies = _gather_role_policies(role_arn.rpartition("/")[2], ACCOUNT)
    if evaluate(request, policies).decision != "Allow":
        raise _denied(role_arn, action, resource)


def _denied(principal: str, action: str, resource: str) -> AwsError:
    message = f"User: {principal} is not authorized to perform: {action} on resource: {resource}"
    return AwsError("AccessDeniedException", message)


def _arn(kind: str, name: str) -> str:
    return name if name.startswith("arn:") else f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:{kind}/{name}"
