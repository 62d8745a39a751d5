"""Makes refused units READY again; the next sweep runs them, alone."""

from __future__ import annotations

import time
from collections.abc import Iterable

from botocore.exceptions import ClientError

from local.deployment import Deployment
from local.errors import UsageError
from local.ledger import REFUSED_STATUSES, Unit


def select_units(units: Iterable[Unit], *, reason: str | None, unit: str | None, everything: bool) -> list[Unit]:
    """Return the refused units that the user means.

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
    """
    if not (reason or unit or everything):
        raise UsageError(
            "Which units? Name a reason, a unit or all of them.",
            hint="retry --reason NO_SEGMENTATION | retry --unit R01-001 | retry --all",
        )
    return [
        each
        for each in units
        if each.status in REFUSED_STATUSES
        and not each.is_note
        and (reason is None or each.text("reason_code") == reason.upper())
        and (unit is None or unit in (each.unit_id, each.text("subject")))
    ]


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
                "SET #status = :ready, requested_at = :now, due_at = :now, due_shard = :shard "
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
