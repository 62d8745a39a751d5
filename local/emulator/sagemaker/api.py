"""The SageMaker API: one handler for the control plane and for Feature Store's runtime.

Seams: `ministack.app.SERVICE_HANDLERS`, and `ministack.core.router.SERVICE_PATTERNS`, without which the router
reads every service model of botocore to learn that there is a service `sagemaker` (seven seconds). Both APIs
sign for that name, so both arrive here: the control plane names its operation in `x-amz-target`, the runtime by
method and path.
"""

import asyncio
import json
import re
from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any
from urllib.parse import unquote

from local.emulator.aws import AwsError, Response, error_response, json_response, shared_document
from local.emulator.iam import groups_of_batch, require_caller_allows, require_pass_role
from local.emulator.requests import Api, service_model
from local.emulator.sagemaker import feature_groups, processing
from local.emulator.sagemaker.feature_groups import Answer

CONTROL_PLANE = Api("sagemaker", "ValidationException", {**processing.OPERATIONS, **feature_groups.OPERATIONS})
RUNTIME = Api("sagemaker-featurestore-runtime", "ValidationError", feature_groups.RECORD_OPERATIONS)


def install() -> None:
    """Serve SageMaker's control plane and Feature Store's runtime."""
    from ministack import app
    from ministack.core import router

    app.SERVICE_HANDLERS["sagemaker"] = handle_request
    router.SERVICE_PATTERNS["sagemaker"] = {"target_prefixes": ["SageMaker."]}


async def handle_request(
    method: str, path: str, headers: Mapping[str, str], body: bytes | str, query: Mapping[str, list[str]]
) -> Response:
    """Answer one request; the work is done off the event loop, because it calls other services."""
    try:
        name, request = parse_request(method, path, headers, body, query)
        if isinstance(request.get("RoleArn"), str):
            require_pass_role(headers, query, request["RoleArn"])
        if name == "BatchWriteRecord":  # the emulator itself checks the first of its groups only
            for group in groups_of_batch(request)[1:]:
                require_caller_allows(headers, query, "sagemaker:BatchWriteRecord", group)
        answer = await asyncio.to_thread(_call, name, request)
        return json_response(await asyncio.wrap_future(answer) if isinstance(answer, Future) else answer)
    except AwsError as error:
        return error_response(error)


def _call(name: str, request: dict[str, Any]) -> Answer:
    api = RUNTIME if name in service_model(RUNTIME.service).operation_names else CONTROL_PLANE
    return api.call(name, request)


def parse_request(
    method: str, path: str, headers: Mapping[str, str], body: bytes | str, query: Mapping[str, list[str]]
) -> tuple[str, dict[str, Any]]:
    """Return the operation's name and the request's members."""
    target = headers.get("x-amz-target", "")
    if target:
        return target.rpartition(".")[2], json.loads(body) if body else {}
    return _rest_request(method, path, shared_document(body if isinstance(body, bytes) else body.encode()), query)


def _rest_request(
    method: str, path: str, document: dict[str, Any], query: Mapping[str, list[str]]
) -> tuple[str, dict[str, Any]]:
    model = service_model(RUNTIME.service)
    for name in model.operation_names:
        operation = model.operation_model(name)
        matched = re.fullmatch(_path_pattern(operation.http["requestUri"]), path)
        if matched and operation.http["method"] == method:
            members = {key: unquote(value) for key, value in matched.groupdict().items()}
            return name, {**document, **_query_members(operation, query), **members}
    raise AwsError("UnknownOperationException", f"{method} {path} is no operation of Feature Store", 404)


def _path_pattern(uri: str) -> str:
    return re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", uri)


def _query_members(operation: Any, query: Mapping[str, list[str]]) -> dict[str, Any]:  # noqa: ANN401
    members: dict[str, Any] = {}
    for name, shape in operation.input_shape.members.items():
        if shape.serialization.get("location") == "querystring":
            values = query.get(shape.serialization["name"])
            if values:
                members[name] = values if shape.type_name == "list" else values[0]
    return members
