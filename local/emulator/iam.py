"""IAM for what the emulator leaves out: what requests are about, and what a service does with a role given to it.

Seams:

- `ministack.core.iam_actions.SERVICE_TO_IAM_NAMESPACE` and `_BOTOCORE_SERVICE_MAP`: make the emulator derive
  `sagemaker:` actions for the SageMaker handler, and so check the callers of both SageMaker APIs;
- `ministack.core.iam_actions.extract_resource_arn`: names what a call of SageMaker or Batch is about; the
  emulator asks for one resource a request, and submitting a job is about two, its queue and its definition;
- `ministack.services.iam._roles`: trust policies, for who may assume a role;
- `ministack.services.sts.register_session`, with the credential convention of
  `ministack.core.lambda_runtime.execution_credentials`: a job's transfers and the offline store's writes pass the
  same IAM checks as any call;
- `ministack.core.iam_evaluator.enforce`: checks `iam:PassRole` of the caller;
- `ministack.core.iam_evaluator.evaluate`, `EvalContext`, `_gather_role_policies`: check what a service does
  with a role that was given to it;
- `ministack.core.iam_evaluator.parse_policy_document` and `evaluate_resource_policy`: read every policy of a role, and
  the bucket's, at each request; each text is read once here;
- `ministack.app.pin_request_origin`: calls count as made over TLS. They never leave the computer, the endpoint
  is plain HTTP, and the buckets' policies reject what is not TLS.
"""

import hashlib
import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from local.emulator.aws import ACCOUNT, REGION, AwsError, Credentials, arn, shared_document

_SAGEMAKER_KINDS = {"ProcessingJobName": "processing-job", "FeatureGroupName": "feature-group"}
_BATCH_KINDS = {"jobQueue": "job-queue", "jobId": "job", "jobDefinition": "job-definition"}
_BATCH_WITHOUT_RESOURCE = frozenset({"/v1/listjobs", "/v1/describejobs"})
_POLICIES = 1024
"""Most texts of policies that are kept parsed."""
SAGEMAKER = "sagemaker.amazonaws.com"
TASKS = "ecs-tasks.amazonaws.com"


def install() -> None:
    """Enforce IAM for SageMaker, and let the laptop's plain HTTP count as TLS."""
    from ministack import app
    from ministack.core import iam_actions, iam_evaluator

    parse, parse_once = iam_evaluator.parse_policy_document, lru_cache(_POLICIES)(iam_evaluator.parse_policy_document)
    iam_evaluator.parse_policy_document = lambda doc: list((parse_once if isinstance(doc, str) else parse)(doc))
    evaluate_resource_policy, document = iam_evaluator.evaluate_resource_policy, lru_cache(_POLICIES)(_document)

    def _evaluate_resource_policy(doc: object, *rest: object, **named: object) -> object:
        return evaluate_resource_policy(document(doc) if isinstance(doc, str) else doc, *rest, **named)

    iam_evaluator.evaluate_resource_policy = _evaluate_resource_policy
    iam_actions.SERVICE_TO_IAM_NAMESPACE["sagemaker"] = "sagemaker"
    iam_actions._BOTOCORE_SERVICE_MAP["sagemaker"] = ["sagemaker-featurestore-runtime"]
    name_resource, pin_origin = iam_actions.extract_resource_arn, app.pin_request_origin

    def extract_resource_arn(
        service: str, method: str, path: str, headers: Mapping[str, str], body: bytes, *rest: object
    ) -> object:
        if service == "sagemaker":
            return sagemaker_resource(path, body)
        if service == "batch":
            return batch_resource(path, body)
        return name_resource(service, method, path, headers, body, *rest)

    def pin_request_origin(source_ip: str, _secure_transport: bool) -> None:
        pin_origin(source_ip, True)

    iam_actions.extract_resource_arn = extract_resource_arn
    app.pin_request_origin = pin_request_origin


def _document(policy: str) -> object:
    """Return what a policy's text says; nothing for a text that is no JSON, as the emulator takes it."""
    try:
        return json.loads(policy)
    except ValueError:
        return None


def sagemaker_resource(path: str, body: bytes) -> str:
    """Return the ARN of the job or feature group that a SageMaker request is about; `*` when it names none."""
    parts = path.strip("/").split("/")
    if parts[0] == "FeatureGroup" and len(parts) > 1:
        return arn("sagemaker", "feature-group", parts[1])
    if parts == ["BatchWriteRecord"]:
        return next(iter(groups_of_batch(shared_document(body))), "*")
    return _named_resource("sagemaker", body, _SAGEMAKER_KINDS)


def groups_of_batch(request: object) -> list[str]:
    """Return the ARNs of the feature groups that the entries of a BatchWriteRecord name, each once."""
    match request:
        case {"Entries": list(entries)}:
            names = [entry.get("FeatureGroupName") for entry in entries if isinstance(entry, dict)]
            return list(dict.fromkeys(arn("sagemaker", "feature-group", str(n).rpartition("/")[2]) for n in names if n))
    return []


def batch_resource(path: str, body: bytes) -> str:
    """Return the ARN of the queue, job or definition that a request names first; `*` when it names none."""
    is_general = path.rstrip("/").lower() in _BATCH_WITHOUT_RESOURCE
    return "*" if is_general else _named_resource("batch", body, _BATCH_KINDS)


def _named_resource(service: str, body: bytes, kinds: Mapping[str, str]) -> str:
    request = shared_document(body)
    named = (arn(service, kind, request[key]) for key, kind in kinds.items() if isinstance(request.get(key), str))
    return next(named, "*")


def second_batch_resource(operation: str, request: Mapping[str, Any]) -> str | None:
    """Return the ARN of the definition that a job is submitted with; None for any other operation."""
    if operation != "SubmitJob" or not isinstance(request.get("jobDefinition"), str):
        return None
    return arn("batch", "job-definition", request["jobDefinition"])


def require_pass_role(headers: Mapping[str, str], query: Mapping[str, Any], role_arn: str) -> None:
    """Reject a caller that may not pass a role to SageMaker, as `require_caller_allows` does."""
    context = {"iam:PassedToService": SAGEMAKER}
    require_caller_allows(headers, query, "iam:PassRole", role_arn, context)


def require_caller_allows(
    headers: Mapping[str, str],
    query: Mapping[str, Any],
    action: str,
    resource: str,
    context: Mapping[str, str] | None = None,
) -> None:
    """Reject a caller whose policies do not allow something beyond what the emulator checks itself.

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
    """Reject what the policies of a role that a service acts with, such as a state machine's, do not allow.

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


def require_assumable(role_arn: str) -> None:
    """Reject a role that does not exist or does not trust SageMaker.

    Raises
    ------
    AwsError
        ValidationException, as AWS answers.
    """
    if SAGEMAKER not in _trusted_services(role_arn):
        raise AwsError(
            "ValidationException",
            f"Could not assume role {role_arn}. Please ensure that the role exists and allows principal "
            f"'{SAGEMAKER}' to assume the role.",
        )


def is_assumable(role_arn: str) -> bool:
    """Return whether a role exists and trusts the tasks that jobs are."""
    return TASKS in _trusted_services(role_arn)


def role_credentials(role_arn: str, session_name: str) -> Credentials:
    """Return temporary credentials of a role, registered with the emulator under the name of a session."""
    from ministack import app
    from ministack.services import sts

    if not app.AUTH:
        return Credentials()
    digest = hashlib.sha256(f"{role_arn}:{session_name}".encode()).hexdigest()
    credentials = Credentials(f"ASIA{digest[:16].upper()}", digest, f"token-{digest}")
    role = role_arn.rpartition("/")[2]
    sts.register_session(
        credentials.access_key,
        {
            "Arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/{role}/{session_name[:64]}",
            "UserId": f"{role}:{session_name[:64]}",
            "SecretAccessKey": credentials.secret_key,
            "SessionToken": credentials.token,
        },
    )
    return credentials


def _trusted_services(role_arn: str) -> set[str]:
    from ministack.services import iam

    role = iam._roles.get(role_arn.rpartition("/")[2])
    if role is None or role.get("Arn") != role_arn:
        return set()
    policy = role.get("AssumeRolePolicyDocument") or {}
    document = json.loads(policy) if isinstance(policy, str) else policy
    services: set[str] = set()
    for statement in document.get("Statement", []):
        if statement.get("Effect") == "Allow":
            principal = statement.get("Principal", {})
            named = principal.get("Service", []) if isinstance(principal, dict) else []
            services.update([named] if isinstance(named, str) else named)
    return services
