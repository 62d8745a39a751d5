"""Makes refused units READY again; the next sweep runs them, alone."""

from __future__ import annotations

import time
from collections.abc import Iterable

from botocore.exceptions import ClientError

from cli.deployment import Deployment
from cli.errors import CommandError, UsageError
from cli.ledger import REFUSED_STATUSES, Unit, count_statuses
from cli.project import PROGRAM


def select_units(units: Iterable[Unit], *, reason: str | None, unit: str | None, everything: bool) -> list[Unit]:
    """Return the refused units that the user means; at least one.

    Parameters
    ----------
    units : iterable of Unit
        The ledger.
    reason : str or None
        Reason code, such as `NO_SEGMENTATION`.
    unit : str or None
        A unit's id, or a subject, which means all of its studies.
    everything : bool
        All refused units.

    Raises
    ------
    UsageError
        When nothing says which units are meant.
    CommandError
        When there is no such unit or reason, or none of those meant was refused.
    """
    if not (reason or unit or everything):
        raise UsageError(
            "Which units? Name a reason, a unit or all of them.",
            hint="retry --reason NO_SEGMENTATION | retry --unit R01-001 | retry --all",
        )
    named = _named(units, unit)
    meant = _with_reason(named, reason)
    refused = [each for each in meant if each.status in REFUSED_STATUSES and not each.is_note]
    if not refused:
        raise _nothing_to_retry(meant)
    return refused


def _named(units: Iterable[Unit], name: str | None) -> list[Unit]:
    named = [each for each in units if name is None or name in (each.unit_id, each.text("subject"))]
    if name is not None and not named:
        raise CommandError(f"There is no unit or subject {name}.", hint=f"`{PROGRAM} status` shows those there are.")
    return named


def _with_reason(units: list[Unit], reason: str | None) -> list[Unit]:
    meant = [each for each in units if reason is None or each.text("reason_code") == reason.upper()]
    if reason is not None and not meant:
        there = ", ".join(sorted({each.text("reason_code") for each in units} - {""})) or "none"
        raise CommandError(f"No unit has the reason {reason.upper()}.", hint=f"Reasons there are: {there}")
    return meant


def _nothing_to_retry(units: list[Unit]) -> CommandError:
    if units and all(each.is_note for each in units):
        hint = f"`{PROGRAM} status` says what is wrong with the upload."
        return CommandError("No run can take what was refused here: it belongs to no study.", hint=hint)
    counts = ", ".join(f"{count} {status}" for status, count in count_statuses(units).items()) or "no unit at all"
    hint = f"Only QUARANTINED and FAILED units can be; there is {counts}."
    return CommandError("There is nothing to retry.", hint=hint)


def make_ready(deployment: Deployment, unit: Unit) -> bool:
    """Ask for a refused unit to be run again.

    Returns
    -------
    bool
        False when somebody else moved the unit first.
    """
    now = int(time.time())
    try:
        deployment.ledger.update_item(
            Key={"unit_id": unit.unit_id},
            UpdateExpression=(
                "SET #status = :ready, rerun_requested_at = :now, due_at = :now, due_shard = :shard "
                "REMOVE reason_code, reason_message, reason_details ADD version :one"
            ),
            ConditionExpression="#status IN (:quarantined, :failed)",
            ExpressionAttributeNames={"#status": "status"},
            ExpressionAttributeValues={
                ":ready": "READY",
                ":now": now,
                ":shard": 0,
                ":one": 1,
                ":quarantined": "QUARANTINED",
                ":failed": "FAILED",
            },
        )
    except ClientError as error:
        if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
            return False
        raise
    return True
