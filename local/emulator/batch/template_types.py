"""CloudFormation: the resource types of AWS Batch, which the emulator does not know.

Seams: `ministack.services.cloudformation.provisioners._RESOURCE_HANDLERS` and `_physical_name`. The properties
of a template are the members of the API's requests, capitalised, and numbers may come as text.
"""

from collections.abc import Callable
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape

from local.emulator.aws import AwsError, arn
from local.emulator.batch import resources
from local.emulator.requests import check_request, service_model

Made = tuple[str, dict[str, Any]]
_CLOUDFORMATION_ONLY = frozenset({"ReplaceComputeEnvironment"})

_NAMES = {
    "CreateComputeEnvironment": "computeEnvironmentName",
    "CreateJobQueue": "jobQueueName",
    "RegisterJobDefinition": "jobDefinitionName",
}


def install() -> None:
    """Let CloudFormation make compute environments, queues and job definitions."""
    from ministack.services.cloudformation import provisioners

    provisioners._RESOURCE_HANDLERS.update(
        {
            "AWS::Batch::ComputeEnvironment": _handlers(
                "CreateComputeEnvironment", resources.put_compute_environment, "compute-environment"
            ),
            "AWS::Batch::JobQueue": _handlers("CreateJobQueue", resources.put_job_queue, "job-queue"),
            "AWS::Batch::JobDefinition": {
                "create": _create_definition,
                "update": _update_definition,
                "update_with_logical_id": True,
                "delete": _delete_definition,
            },
        }
    )


def as_request(operation: str, properties: dict[str, Any]) -> dict[str, Any]:
    """Return a resource's properties as the members of an operation's request.

    Raises
    ------
    AwsError
        When a property is not one of the operation's, or breaks its constraints.
    """
    model = service_model("batch").operation_model(operation)
    own = {key: value for key, value in properties.items() if key not in _CLOUDFORMATION_ONLY}
    request: dict[str, Any] = _converted(model.input_shape, own)
    check_request(model, request, "ClientException")
    return request


def _converted(shape: Shape | None, value: Any) -> Any:  # noqa: ANN401 -- any JSON
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        converted = {}
        for key, item in value.items():
            name = key[0].lower() + key[1:]
            converted[name] = _converted(shape.members.get(name), item)
        return converted
    if isinstance(shape, ListShape) and isinstance(value, list):
        return [_converted(shape.member, item) for item in value]
    if isinstance(shape, MapShape) or shape is None:
        return value
    return _scalar(shape.type_name, value)


def _scalar(kind: str, value: Any) -> Any:  # noqa: ANN401 -- any JSON
    if kind in {"integer", "long"} and isinstance(value, str):
        return int(value)
    if kind == "boolean" and isinstance(value, str):
        return value.lower() == "true"
    return str(value) if kind == "string" and isinstance(value, (int, float)) else value


def _request(operation: str, logical_id: str, properties: dict[str, Any], stack_name: str) -> dict[str, Any]:
    """Return the request for a resource, named as CloudFormation names what has no name of its own."""
    from ministack.services.cloudformation import provisioners

    member = _NAMES[operation]
    key = member[0].upper() + member[1:]
    own = {**properties, key: properties.get(key) or provisioners._physical_name(stack_name, logical_id)}
    return as_request(operation, own)


def _handlers(operation: str, put: Callable[[dict[str, Any]], None], kind: str) -> dict[str, Any]:
    attribute = "ComputeEnvironmentArn" if kind == "compute-environment" else "JobQueueArn"

    def create(logical_id: str, properties: dict[str, Any], stack_name: str) -> Made:
        try:
            request = _request(operation, logical_id, properties, stack_name)
            put(request)
        except AwsError as error:
            raise ValueError(error.message) from error
        made = arn("batch", kind, request[_NAMES[operation]])
        return made, {attribute: made}

    def update(
        _physical_id: str, _old: dict[str, Any], properties: dict[str, Any], stack_name: str, logical_id: str
    ) -> Made:
        return create(logical_id, properties, stack_name)

    def delete(physical_id: str, _properties: dict[str, Any]) -> None:
        resources.remove(kind, physical_id)

    return {"create": create, "update": update, "update_with_logical_id": True, "delete": delete}


def _create_definition(logical_id: str, properties: dict[str, Any], stack_name: str) -> Made:
    try:
        request = _request("RegisterJobDefinition", logical_id, properties, stack_name)
        made = resources.register_job_definition(request)["jobDefinitionArn"]
    except AwsError as error:
        raise ValueError(error.message) from error
    return made, {"JobDefinitionArn": made}


def _update_definition(
    physical_id: str, _old: dict[str, Any], properties: dict[str, Any], stack_name: str, logical_id: str
) -> Made:
    made = _create_definition(logical_id, properties, stack_name)
    _delete_definition(physical_id, {})
    return made


def _delete_definition(physical_id: str, _properties: dict[str, Any]) -> None:
    try:
        resources.deregister_job_definition({"jobDefinition": physical_id})
    except AwsError:  # it is inactive already
        return
