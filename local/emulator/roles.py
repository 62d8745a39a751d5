"""IAM roles as SageMaker and Batch use them: who may be assumed, and temporary credentials of a role.

Seams: `ministack.services.iam._roles` (trust policies), `ministack.services.sts.register_session` and the
credential convention of `ministack.core.lambda_runtime.execution_credentials`, which functions get theirs by.
With them a processing job's transfers and the offline store's writes pass the same IAM checks as any call.
"""

from __future__ import annotations

import hashlib
import json

from local.emulator.aws import ACCOUNT, AwsError, Credentials

SAGEMAKER = "sagemaker.amazonaws.com"


TASKS = "ecs-tasks.amazonaws.com"


def require_assumable(role_arn: str) -> None:
    """Refuse a role that does not exist or does not trust SageMaker.

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


def is_assumable(role_arn: str, service: str = TASKS) -> bool:
    """Return whether a role exists and trusts a service."""
    return service in _trusted_services(role_arn)


def role_credentials(role_arn: str, session_name: str) -> Credentials:
    """Return temporary credentials of a role, registered with the emulator.

    Parameters
    ----------
    role_arn : str
        The role.
    session_name : str
        Name of the session, part of the caller's identity.
    """
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
