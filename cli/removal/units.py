"""What the ledger holds of a subject: its own units, and others that mention it in a reason."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from botocore.exceptions import ClientError

from cli.deployment import Deployment
from cli.errors import CommandError
from cli.ledger import Unit
from cli.removal.text import mentions
from cli.removal.uploads import is_of

_IN_FLIGHT = frozenset({"PROCESSING", "PROCESSED"})
_REASON = ("reason_message", "reason_details")


def units_of(units: Iterable[Unit], dataset: str, subject: str) -> list[Unit]:
    """Return the subject's units in a dataset."""
    return [unit for unit in units if _is_of(unit, dataset, subject)]


def _is_of(unit: Unit, dataset: str, subject: str) -> bool:
    named = unit.text("subject")
    is_own = is_of(f"-/-/{named}", subject) if unit.is_table else named == subject
    return unit.text("dataset") == dataset and is_own


def units_mentioning(units: Iterable[Unit], dataset: str, subject: str) -> list[Unit]:
    """Return other units of a dataset whose reason names the subject."""
    others = (unit for unit in units if unit.text("dataset") == dataset and not _is_of(unit, dataset, subject))
    return [unit for unit in others if mentions(_reason(unit).encode(), subject)]


def _reason(unit: Unit) -> str:
    return json.dumps([unit.item.get(name) for name in _REASON], ensure_ascii=False)


def require_quiet(units: Iterable[Unit], dataset: str, subject: str) -> None:
    """Require that nothing is at work that could write of the subject what was just removed.

    Raises
    ------
    CommandError
        When a unit of the subject, or a table of its dataset, is processed or on its way to the feature store.
    """
    require_idle(u for u in units if u.text("dataset") == dataset and (u.is_table or _is_of(u, dataset, subject)))


def require_idle(units: Iterable[Unit]) -> None:
    """Raise `CommandError` when a unit is processed, or on its way to the feature store."""
    busy = [f"{unit.name} ({unit.status})" for unit in units if unit.status in _IN_FLIGHT]
    if busy:
        message = f"Nothing was removed: still at work: {', '.join(busy[:5])}."
        raise CommandError(message, hint="Run the command again when it has ended.")


def require_no_builds(deployment: Deployment) -> None:
    """Require that no dataset is built and no model trained, which have read what is about to be removed.

    Raises
    ------
    CommandError
        When an execution of either state machine is running.
    """
    for output in ("DatasetStateMachineArn", "ModelsStateMachineArn"):
        machine = deployment.outputs.get(output)
        if machine and deployment.states.list_executions(stateMachineArn=machine, statusFilter="RUNNING")["executions"]:
            what = output.removesuffix("StateMachineArn").lower()
            hint = "Run the command again when it has ended."
            raise CommandError(f"Nothing was removed: a run of {what} is at work.", hint=hint)


def remove_units(deployment: Deployment, units: Sequence[Unit]) -> None:
    """Remove units from the ledger, so that nothing starts them any more.

    Raises
    ------
    CommandError
        When one changed since it was read: a run may have started.
    """
    for unit in units:
        _conditionally(unit, deployment.ledger.delete_item, {})


def clear_reasons(deployment: Deployment, units: Sequence[Unit]) -> None:
    """Remove the words of a reason that name the subject; a note, which is nothing but a reason, goes as a whole."""
    remove_units(deployment, [unit for unit in units if unit.is_note])
    for unit in units:
        if not unit.is_note:
            changes = {"UpdateExpression": f"REMOVE {', '.join(_REASON)} ADD #version :one"}
            _conditionally(unit, deployment.ledger.update_item, changes, {":one": 1})


def _conditionally(unit: Unit, write: Any, changes: dict[str, Any], values: dict[str, int] | None = None) -> None:  # noqa: ANN401
    """Write an item if it is still as it was read."""
    values = {**(values or {}), **({":seen": unit.number("version")} if "version" in unit.item else {})}
    condition = "#version = :seen" if ":seen" in values else "attribute_not_exists(#version)"
    arguments = {"ExpressionAttributeValues": values} if values else {}
    try:
        write(
            Key={"unit_id": unit.unit_id},
            ConditionExpression=condition,
            ExpressionAttributeNames={"#version": "version"},
            **changes,
            **arguments,
        )
    except ClientError as error:
        if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise
        message = f"{unit.name} changed meanwhile; what was not removed yet is still there."
        raise CommandError(message, hint="Run the command again when it has ended.") from error
