"""AWS Batch: compute environments, job queues and job definitions, checked as AWS checks them."""

import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from local.emulator.aws import AwsError, arn
from local.emulator.batch.attempts import strategy_problems
from local.emulator.iam import TASKS, is_assumable

MINIMUM_TIMEOUT_SECONDS = 60
_FARGATE = frozenset({"FARGATE", "FARGATE_SPOT"})

_FARGATE_MIB: dict[str, tuple[int, int, int]] = {
    "0.25": (512, 2048, 512),
    "0.5": (1024, 4096, 1024),
    "1": (2048, 8192, 1024),
    "2": (4096, 16384, 1024),
    "4": (8192, 30720, 1024),
    "8": (16384, 61440, 4096),
    "16": (32768, 122880, 8192),
}
"""Sizes of Fargate tasks: processors → least MiB, most MiB, step."""

_NOT_ON_FARGATE = ("ulimits", "linuxParameters", "instanceType", "privileged")
_environments: dict[str, dict[str, Any]] = {}
_queues: dict[str, dict[str, Any]] = {}
_definitions: dict[str, list[dict[str, Any]]] = {}
_lock = threading.RLock()


def client_error(message: str) -> AwsError:
    """Return the error with which Batch rejects a request."""
    return AwsError("ClientException", message)


def create_compute_environment(request: dict[str, Any]) -> dict[str, Any]:
    """Make a compute environment; the laptop runs its jobs whatever it says, within its own slots."""
    name = request["computeEnvironmentName"]
    with _lock:
        _reject_taken(name, _environments)
        return {"computeEnvironmentName": name, "computeEnvironmentArn": put_compute_environment(request)}


def put_compute_environment(request: dict[str, Any]) -> str:
    """Make a compute environment, or change it; return its ARN."""
    resources = request.get("computeResources", {})
    if request["type"] == "MANAGED" and not resources.get("subnets"):
        raise client_error("subnets is required for managed compute environments")
    if resources.get("type") in _FARGATE and not resources.get("securityGroupIds"):
        raise client_error("securityGroupIds is required for Fargate compute environments")
    if resources.get("type") in _FARGATE and {"instanceTypes", "instanceRole", "minvCpus"} & set(resources):
        raise client_error("Fargate compute environments take no instance settings")
    name = request["computeEnvironmentName"]
    return _put(_environments, name, request, "compute-environment", "ComputeEnvironment")


def describe_compute_environments(request: dict[str, Any]) -> dict[str, Any]:
    """Describe compute environments by name or ARN, or all."""
    return {"computeEnvironments": _described(_environments, request.get("computeEnvironments"))}


def create_job_queue(request: dict[str, Any]) -> dict[str, Any]:
    """Make a queue of compute environments that exist."""
    name = request["jobQueueName"]
    with _lock:
        _reject_taken(name, _queues)
        return {"jobQueueName": name, "jobQueueArn": put_job_queue(request)}


def put_job_queue(request: dict[str, Any]) -> str:
    """Make a queue, or change it; return its ARN."""
    order = request.get("computeEnvironmentOrder", [])
    kinds = {_environment(entry["computeEnvironment"])["computeResources"]["type"] in _FARGATE for entry in order}
    if len(kinds) != 1:
        raise client_error("A job queue takes compute environments of Fargate or of EC2, not both and not none")
    for action in request.get("jobStateTimeLimitActions", []):
        if not 600 <= action["maxTimeSeconds"] <= 86400:
            raise client_error("maxTimeSeconds must be between 600 and 86400")
    name = request["jobQueueName"]
    return _put(_queues, name, request, "job-queue", "JobQueue")


def describe_job_queues(request: dict[str, Any]) -> dict[str, Any]:
    """Describe queues by name or ARN, or all."""
    return {"jobQueues": _described(_queues, request.get("jobQueues"))}


def find_queue(reference: str) -> dict[str, Any]:
    """Return a queue by name or ARN.

    Raises
    ------
    AwsError
        ClientException when there is none, or it takes no jobs.
    """
    with _lock:
        queue = _queues.get(_name(reference))
    if queue is None:
        raise client_error(f"JobQueue {reference} not found")
    if queue["state"] != "ENABLED":
        raise client_error(f"JobQueue {reference} is disabled and takes no jobs")
    return queue


def register_job_definition(request: dict[str, Any]) -> dict[str, Any]:
    """Make a revision of a job definition."""
    _check_definition(request)
    name = request["jobDefinitionName"]
    with _lock:
        revisions = _definitions.setdefault(name, [])
        revision = len(revisions) + 1
        document = {
            **request,
            "jobDefinitionArn": arn("batch", "job-definition", f"{name}:{revision}"),
            "revision": revision,
            "status": "ACTIVE",
        }
        revisions.append(document)
    return {key: document[key] for key in ("jobDefinitionName", "jobDefinitionArn", "revision")}


def deregister_job_definition(request: dict[str, Any]) -> dict[str, Any]:
    """Let no more jobs be submitted with a revision."""
    find_definition(request["jobDefinition"])["status"] = "INACTIVE"
    return {}


def describe_job_definitions(request: dict[str, Any]) -> dict[str, Any]:
    """Describe revisions, newest first."""
    wanted = [_name(text) for text in request.get("jobDefinitions", [])]
    names = [request["jobDefinitionName"]] if "jobDefinitionName" in request else None
    with _lock:
        found = [
            document
            for name, revisions in _definitions.items()
            for document in reversed(revisions)
            if (names is None or name in names)
            and (not wanted or f"{name}:{document['revision']}" in wanted or name in wanted)
            and request.get("status", document["status"]) == document["status"]
        ]
    return {"jobDefinitions": found}


def find_definition(reference: str) -> dict[str, Any]:
    """Return an active revision by name, `name:revision` or ARN; of a name the newest.

    Raises
    ------
    AwsError
        ClientException when there is none.
    """
    name, _, revision = _name(reference).partition(":")
    with _lock:
        active = [document for document in _definitions.get(name, []) if document["status"] == "ACTIVE"]
    found = [document for document in active if not revision or str(document["revision"]) == revision]
    if not found:
        raise client_error(f"Job definition {reference} does not exist or is inactive")
    return found[-1]


def deactivate(reference: str) -> None:
    """Let no more jobs be submitted with a revision that may be inactive already."""
    with suppress(AwsError):
        deregister_job_definition({"jobDefinition": reference})


def remove_compute_environment(reference: str) -> None:
    """Delete a compute environment, if it exists."""
    with _lock:
        _environments.pop(_name(reference), None)


def remove_job_queue(reference: str) -> None:
    """Delete a queue, if it exists."""
    with _lock:
        _queues.pop(_name(reference), None)


def _put(table: dict[str, dict[str, Any]], name: str, request: dict[str, Any], kind: str, word: str) -> str:
    made = arn("batch", kind, name)
    state = {"state": request.get("state", "ENABLED"), "status": "VALID", "statusReason": f"{word} Healthy"}
    with _lock:
        table[name] = {**request, f"{word[0].lower()}{word[1:]}Arn": made, **state}
    return made


def _reject_taken(name: str, table: Mapping[str, Any]) -> None:
    if name in table:
        raise client_error(f"Object already exists: {name}")


def _environment(reference: str) -> dict[str, Any]:
    with _lock:
        found = _environments.get(_name(reference))
    if found is None:
        raise client_error(f"Compute environment {reference} does not exist")
    return found


def _name(reference: str) -> str:
    return reference.rpartition("/")[2] if reference.startswith("arn:") else reference


def _described(table: Mapping[str, dict[str, Any]], wanted: list[str] | None) -> list[dict[str, Any]]:
    with _lock:
        if not wanted:
            return list(table.values())
        return [table[_name(text)] for text in wanted if _name(text) in table]


def _check_definition(request: Mapping[str, Any]) -> None:
    if request["type"] != "container" or "containerProperties" not in request:
        raise client_error("The laptop cloud runs job definitions of the type container only")
    container = request["containerProperties"]
    problems = strategy_problems(request.get("retryStrategy", {}))
    if request.get("timeout", {}).get("attemptDurationSeconds", MINIMUM_TIMEOUT_SECONDS) < MINIMUM_TIMEOUT_SECONDS:
        problems.append(f"attemptDurationSeconds must be at least {MINIMUM_TIMEOUT_SECONDS}")
    if "FARGATE" in request.get("platformCapabilities", ["EC2"]):
        problems += _fargate_problems(container)
    problems += _role_problems(container)
    names = {volume["name"] for volume in container.get("volumes", [])}
    problems += [
        f"sourceVolume {mount['sourceVolume']} is no volume"
        for mount in container.get("mountPoints", [])
        if mount["sourceVolume"] not in names
    ]
    if problems:
        raise client_error(f"Error executing request: {'; '.join(problems)}")


def _fargate_problems(container: Mapping[str, Any]) -> list[str]:
    problems = [f"{name} is not applicable for Fargate" for name in _NOT_ON_FARGATE if container.get(name)]
    if any("host" in volume for volume in container.get("volumes", [])):
        problems.append("host is not applicable for Fargate")
    if "executionRoleArn" not in container:
        problems.append("executionRoleArn is required for Fargate")
    sizes = {item["type"]: item["value"] for item in container.get("resourceRequirements", [])}
    low, high, step = _FARGATE_MIB.get(sizes.get("VCPU", ""), (1, 0, 1))
    memory = int(sizes.get("MEMORY", 0))
    if not low <= memory <= high or memory % step:
        problems.append(f"Fargate has no size of {sizes.get('VCPU')} vCPU and {memory} MiB")
    return problems


def _role_problems(container: Mapping[str, Any]) -> list[str]:
    roles = [container[name] for name in ("jobRoleArn", "executionRoleArn") if name in container]
    return [f"role {role} does not exist or cannot be assumed by {TASKS}" for role in roles if not is_assumable(role)]
