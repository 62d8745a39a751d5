"""CloudFormation: the resource types of AWS Batch, which the emulator does not know.

Seams: `ministack.services.cloudformation.provisioners._RESOURCE_HANDLERS` and `_physical_name`. The properties
of a template are the members of the API's requests, capitalised, and numbers may come as text.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape

from local.emulator.aws import AwsError
from local.emulator.batch import resources
from local.emulator.requests import check_request, service_model

Made = tuple[str, dict[str, Any]]
_CLOUDFORMATION_ONLY = frozenset({"ReplaceComputeEnvironment"})


@dataclass(frozen=True)
class _Type:
    """One resource type: the operation that makes it, its name's member, its attribute, and how it is made and gone."""

    operation: str
    name: str
    attribute: str
    make: Callable[[dict[str, Any]], str]
    remove: Callable[[str], None]

    def create(self, logical_id: str, properties: dict[str, Any], stack_name: str) -> Made:
        """Make a resource, named as CloudFormation names what has no name of its own."""
        from ministack.services.cloudformation import provisioners

        key = self.name[0].upper() + self.name[1:]
        own = {**properties, key: properties.get(key) or provisioners._physical_name(stack_name, logical_id)}
        try:
            made = self.make(as_request(self.operation, own))
        except AwsError as error:
            raise ValueError(error.message) from error
        return made, {self.attribute: made}

    def update(
        self, physical_id: str, _old: dict[str, Any], properties: dict[str, Any], stack_name: str, logical_id: str
    ) -> Made:
        """Update a resource; a replacement, such as a new revision, deletes the old one."""
        made = self.create(logical_id, properties, stack_name)
        if made[0] != physical_id:
            self.remove(physical_id)
        return made

    def delete(self, physical_id: str, _properties: dict[str, Any]) -> None:
        """Delete a resource, if it exists."""
        self.remove(physical_id)


def install() -> None:
    """Let CloudFormation make compute environments, queues and job definitions."""
    from ministack.services.cloudformation import provisioners

    for name, kind in _TYPES.items():
        handlers = {"create": kind.create, "update": kind.update, "delete": kind.delete}
        provisioners._RESOURCE_HANDLERS[f"AWS::Batch::{name}"] = {**handlers, "update_with_logical_id": True}


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


def _register(request: dict[str, Any]) -> str:
    return str(resources.register_job_definition(request)["jobDefinitionArn"])


_TYPES = {
    "ComputeEnvironment": _Type(
        "CreateComputeEnvironment",
        "computeEnvironmentName",
        "ComputeEnvironmentArn",
        resources.put_compute_environment,
        resources.remove_compute_environment,
    ),
    "JobQueue": _Type(
        "CreateJobQueue", "jobQueueName", "JobQueueArn", resources.put_job_queue, resources.remove_job_queue
    ),
    "JobDefinition": _Type(
        "RegisterJobDefinition", "jobDefinitionName", "JobDefinitionArn", _register, resources.deactivate
    ),
}
