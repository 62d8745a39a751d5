"""Step Functions: definitions whose tasks name no service integration are rejected, as by the service.

The emulator answers an unknown resource with its input, and takes a longer name for the integration it begins with.

Seams:

- `ministack.services.stepfunctions._validate_definition_jsonata`: what CreateStateMachine and UpdateStateMachine ask;
- `ministack.services.cloudformation.provisioners._sfn_definition`: the definition of a template's state machine;
- `ministack.services.stepfunctions._SERVICE_DISPATCH`: the integrations that there are.
"""

import json
import re
from collections.abc import Collection, Iterator
from typing import Any

_OWN = ("arn:aws:states:::lambda:invoke", "arn:aws:states:::states:startExecution")
"""Integrations that the emulator has beside those in its table."""

_WAITING = ("createProcessingJob", "startQueryExecution", "startExecution", "runTask")
"""Those that wait for the end of a job (Step Functions developer guide, "Integrating optimized services")."""

_FORMS = re.compile(
    r"arn:aws:(lambda:[\w-]+:\d{12}:function:[\w:$-]+|states:[\w-]+:\d{12}:activity:[\w.-]+"
    r"|states:::aws-sdk:[a-z0-9]+:[a-z]\w*(\.waitForTaskToken)?)"
)


def install() -> None:
    """Check the resources of tasks when a state machine is made or changed."""
    from ministack.services import stepfunctions
    from ministack.services.cloudformation import provisioners

    validate, definition_of = stepfunctions._validate_definition_jsonata, provisioners._sfn_definition

    def _validate(definition: object) -> str | None:
        invalid: str | None = validate(definition)
        return invalid or problem_of(definition, stepfunctions._SERVICE_DISPATCH)

    def _definition(props: dict[str, Any]) -> object:
        definition = definition_of(props)
        if problem := problem_of(definition, stepfunctions._SERVICE_DISPATCH):
            raise ValueError(problem)
        return definition

    stepfunctions._validate_definition_jsonata = _validate
    provisioners._sfn_definition = _definition


def problem_of(definition: object, dispatched: Collection[str]) -> str | None:
    """Return what the service says of the first task whose resource it does not know, or None.

    Parameters
    ----------
    definition : object
        Text in the Amazon States Language; what is no JSON is for others to reject.
    dispatched : collection of str
        ARNs of the emulator's optimized integrations, without suffixes.
    """
    try:
        machine = json.loads(definition) if isinstance(definition, str) else definition
    except ValueError:
        return None
    for path, resource in _tasks(machine, ""):
        if not is_known(resource, dispatched):
            return (
                f"Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED: The resource provided {resource} is not "
                "recognized. The value is not a valid resource ARN, or the resource is not available in this region. "
                f"at {path}/Resource'"
            )
    return None


def is_known(resource: str, dispatched: Collection[str]) -> bool:
    """Return whether a task's resource is a function, an activity or an integration that there is."""
    if _FORMS.fullmatch(resource):
        return True
    plain, _, waits = resource.partition(".")
    may_wait = plain.endswith(_WAITING) if waits in ("sync", "sync:2") else waits in ("", "waitForTaskToken")
    return may_wait and (plain in dispatched or plain in _OWN)


def _tasks(node: object, path: str) -> Iterator[tuple[str, str]]:
    """Yield path and resource of every Task of a machine, also of those within Map and Parallel."""
    if isinstance(node, dict):
        if node.get("Type") == "Task" and isinstance(node.get("Resource"), str):
            yield path, node["Resource"]
        for name, inner in node.items():
            yield from _tasks(inner, f"{path}/{name}")
    elif isinstance(node, list):
        for number, inner in enumerate(node):
            yield from _tasks(inner, f"{path}[{number}]")
