"""CloudFormation: resource types and properties of the template that the emulator rejects or drops.

Seam: `ministack.services.cloudformation.provisioners._RESOURCE_HANDLERS`, functions by resource type and verb.
"""

from typing import Any

_FUNCTION = "AWS::Lambda::Function"
_RESERVED = "ReservedConcurrentExecutions"


def install() -> None:
    """Apply the properties that are dropped."""
    from ministack.services.cloudformation import provisioners

    handlers = provisioners._RESOURCE_HANDLERS[_FUNCTION]
    create, update = handlers["create"], handlers["update"]

    def _create(logical_id: str, props: dict[str, Any], stack_name: str) -> tuple[str, dict[str, Any]]:
        made: tuple[str, dict[str, Any]] = create(logical_id, props, stack_name)
        _reserve(made[0], props)
        return made

    def _update(
        physical_id: str, old_props: dict[str, Any], new_props: dict[str, Any], *rest: object
    ) -> tuple[str, dict[str, Any]]:
        made: tuple[str, dict[str, Any]] = update(physical_id, old_props, new_props, *rest)
        _reserve(made[0], new_props)
        return made

    handlers["create"], handlers["update"] = _create, _update


def _reserve(name: str, props: dict[str, Any]) -> None:
    from ministack.services import lambda_svc

    if _RESERVED in props:
        lambda_svc._put_function_concurrency(name, {_RESERVED: int(props[_RESERVED])})
    else:
        lambda_svc._delete_function_concurrency(name)
