"""AWS Batch: what a request is about, as IAM sees it.

The emulator checks a caller for one resource a request; submitting a job is about two, its queue and its
definition, each of which a policy has to allow.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from local.emulator.batch_resources import arn

_KINDS = {"jobQueue": "job-queue", "jobId": "job", "jobDefinition": "job-definition"}


_WITHOUT_RESOURCE = frozenset({"/v1/listjobs", "/v1/describejobs"})


def resource_arn(path: str, body: bytes) -> str:
    """Return the ARN of the queue, job or definition that a request names first; `*` when it names none."""
    try:
        request = json.loads(body or b"{}")
    except ValueError:
        return "*"
    if path.rstrip("/").lower() in _WITHOUT_RESOURCE:
        return "*"
    named = [(kind, request[member]) for member, kind in _KINDS.items() if isinstance(request.get(member), str)]
    return _as_arn(*named[0]) if named else "*"


def second_resource(operation: str, request: Mapping[str, Any]) -> str | None:
    """Return the ARN of the definition that a job is submitted with; None for any other operation."""
    if operation != "SubmitJob" or not isinstance(request.get("jobDefinition"), str):
        return None
    return _as_arn("job-definition", request["jobDefinition"])


def _as_arn(kind: str, reference: str) -> str:
    return reference if reference.startswith("arn:") else arn(kind, reference)
